#include "protocols/mqtt/authorizer.h"

namespace mw::mqtt {
namespace {

constexpr std::string_view prefix = "mw/v1/";

// "mw/v1/gw-1/data/pump" gives "gw-1" and leaves "data/pump"; empty when it is no such topic.
std::string_view take_device(std::string_view& topic) {
    if (!topic.starts_with(prefix)) return {};
    topic.remove_prefix(prefix.size());
    const std::size_t slash = topic.find('/');
    if (slash == std::string_view::npos) return {};
    const std::string_view device = topic.substr(0, slash);
    topic.remove_prefix(slash + 1);
    return device;
}

// "data/pump" is one level below "data".
bool is_below(std::string_view topic, std::string_view parent) {
    if (!topic.starts_with(parent) || topic.size() <= parent.size()) return false;
    if (topic[parent.size()] != '/') return false;
    const std::string_view rest = topic.substr(parent.size() + 1);
    return !rest.empty() && rest.find('/') == std::string_view::npos;
}

bool is_device_output(std::string_view rest) {
    if (rest == "event" || rest == "health" || rest == "reported") return true;
    return is_below(rest, "data") || is_below(rest, "decision") || is_below(rest, "sketch") ||
           is_below(rest, "label") || is_below(rest, "reply");
}

}  // namespace

bool DeviceTopics::may_publish(const Identity& identity, std::string_view topic) const {
    if (identity.kind == Identity::Kind::service) return true;
    if (identity.kind != Identity::Kind::device || identity.name.empty()) return false;
    const std::string_view device = take_device(topic);
    if (device.empty() || !is_device_output(topic)) return false;
    if (device == identity.name) return true;
    const auto parents = parents_ ? parents_() : nullptr;
    if (!parents) return false;
    const auto found = parents->find(device);
    return found != parents->end() && found->second == identity.name;
}

bool DeviceTopics::may_subscribe(const Identity& identity, std::string_view filter) const {
    if (identity.kind == Identity::Kind::service) return true;
    if (identity.kind == Identity::Kind::user) return filter.starts_with("$SYS/");
    if (identity.kind != Identity::Kind::device || identity.name.empty()) return false;
    if (take_device(filter) != identity.name) return false;
    return filter == "desired" || (is_below(filter, "command") && filter != "command/#");
}

}  // namespace mw::mqtt
