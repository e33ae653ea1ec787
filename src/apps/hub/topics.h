#pragma once
// What each client of the hub's broker may do: agents and gateways below mw/v1/, Sparkplug edge
// nodes below spBv1.0/. Asked on each of the broker's loops.

#include "protocols/mqtt/mqtt.h"
#include "protocols/sparkplug/sparkplug.h"

namespace mw::hub {

class Topics final : public mqtt::Authorizer {
 public:
    Topics(mqtt::DeviceTopics::Parents parents, sparkplug::EdgeTopics::Source addresses)
        : devices_(std::move(parents)), edge_nodes_(std::move(addresses)) {}

    bool may_publish(const mqtt::Identity& identity, std::string_view topic) const override {
        return rules_of(topic).may_publish(identity, topic);
    }
    bool may_subscribe(const mqtt::Identity& identity, std::string_view filter) const override {
        return rules_of(filter).may_subscribe(identity, filter);
    }

 private:
    const mqtt::Authorizer& rules_of(std::string_view topic) const {
        if (topic.starts_with(sparkplug::topic_root)) return edge_nodes_;
        return devices_;
    }

    mqtt::DeviceTopics devices_;
    sparkplug::EdgeTopics edge_nodes_;
};

}  // namespace mw::hub
