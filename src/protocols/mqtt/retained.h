#pragma once
// Inside the module: the last retained message of each topic, bounded in number and bytes.
// A filter without a wildcard costs one look-up, another the topics that share its literal prefix.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "protocols/mqtt/delivery.h"

namespace mw::mqtt {

class RetainedStore {
 public:
    RetainedStore(std::size_t messages_max, std::size_t bytes_max)
        : messages_max_(messages_max), bytes_max_(bytes_max) {}

    // Clients may fill three quarters, so that the hub's own messages always find room.
    enum class Share { clients, everything };
    // Keeps the message, or removes the topic's one if the payload is empty. False: no room.
    bool set(MessageRef message, Share share);
    // Visits in topic order; expired ones are dropped instead.
    void each(std::string_view filter, SteadyTime now,
              const std::function<void(const MessageRef&)>& visit);

    std::size_t size() const { return by_topic_.size(); }
    std::size_t bytes() const { return bytes_; }

 private:
    using Map = std::map<std::string, MessageRef, std::less<>>;
    Map::iterator erase(Map::iterator at);
    std::size_t messages_max_;
    std::size_t bytes_max_;
    Map by_topic_;
    std::size_t bytes_ = 0;
};

}  // namespace mw::mqtt
