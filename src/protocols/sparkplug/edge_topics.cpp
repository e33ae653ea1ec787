#include "protocols/sparkplug/edge_topics.h"

#include "protocols/sparkplug/topic.h"

namespace mw::sparkplug {
namespace {

using mqtt::Identity;

// Null: the device is no edge node.
const Address* edge_node_of(const AddressSnapshot& all, const Identity& identity) {
    if (!all || identity.kind != Identity::Kind::device) return nullptr;
    const auto found = all->find(identity.name);
    if (found == all->end() || !found->second.device.empty()) return nullptr;
    return &found->second;
}

bool take(std::string_view& rest, std::string_view word) {
    if (!rest.starts_with(word)) return false;
    rest.remove_prefix(word.size());
    return true;
}

// "" is a level; "a/b" is two.
bool is_one_level(std::string_view text) {
    return !text.empty() && text.find('/') == std::string_view::npos;
}

}  // namespace

bool EdgeTopics::may_publish(const Identity& identity, std::string_view topic) const {
    if (identity.kind == Identity::Kind::service) return true;
    const AddressSnapshot all = addresses_();
    const Address* mine = edge_node_of(all, identity);
    if (mine == nullptr) return false;
    const auto parsed = parse_topic(topic);
    return parsed && !is_command(parsed->type) && parsed->group == mine->group &&
           parsed->node == mine->node;
}

bool EdgeTopics::may_subscribe(const Identity& identity, std::string_view filter) const {
    if (identity.kind == Identity::Kind::service) return true;
    const AddressSnapshot all = addresses_();
    const Address* mine = edge_node_of(all, identity);
    if (mine == nullptr || !take(filter, topic_root)) return false;
    std::string_view state = filter;
    if (take(state, "STATE/")) return is_one_level(state);  // a host, + or #
    if (!take(filter, mine->group) || !take(filter, "/")) return false;
    const bool of_devices = filter.starts_with("DCMD/");
    if (!of_devices && !filter.starts_with("NCMD/")) return false;
    filter.remove_prefix(5);
    if (!take(filter, mine->node)) return false;
    if (filter.empty()) return !of_devices;
    // Edge nodes subscribe NCMD/NODE/# as well; there is nothing below it.
    return take(filter, "/") && (of_devices ? is_one_level(filter) : filter == "#");
}

}  // namespace mw::sparkplug
