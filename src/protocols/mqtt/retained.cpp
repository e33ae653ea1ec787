#include "protocols/mqtt/retained.h"

#include "protocols/mqtt/topics.h"

namespace mw::mqtt {

RetainedStore::Map::iterator RetainedStore::erase(Map::iterator at) {
    bytes_ -= at->second->cost();
    return by_topic_.erase(at);
}

bool RetainedStore::set(MessageRef message, Share share) {
    const auto found = by_topic_.find(message->topic);
    const bool known = found != by_topic_.end();
    if (message->payload.empty()) {  // MQTT-3.3.1-6
        if (known) erase(found);
        return true;
    }
    const std::size_t quarters = share == Share::clients ? 3 : 4;
    const std::size_t freed = known ? found->second->cost() : 0;
    if (!known && by_topic_.size() >= messages_max_ * quarters / 4) return false;
    if (bytes_ - freed + message->cost() > bytes_max_ * quarters / 4) return false;
    bytes_ += message->cost() - freed;
    if (known)
        found->second = std::move(message);
    else
        by_topic_.emplace(message->topic, message);
    return true;
}

void RetainedStore::each(std::string_view filter, SteadyTime now,
                         const std::function<void(const MessageRef&)>& visit) {
    const std::size_t wildcard = filter.find_first_of("+#");
    const bool exact = wildcard == std::string_view::npos;
    std::string_view prefix = filter.substr(0, wildcard);
    // "a/#" matches "a" as well, which stands before "a/".
    if (!exact && filter[wildcard] == '#' && prefix.ends_with('/')) prefix.remove_suffix(1);
    auto at = by_topic_.lower_bound(prefix);
    while (at != by_topic_.end() && at->first.starts_with(prefix)) {
        if (at->second->expired(now)) {
            at = erase(at);
            continue;
        }
        if (matches(filter, at->first)) visit(at->second);
        if (exact) return;
        ++at;
    }
}

}  // namespace mw::mqtt
