#pragma once
// What a device's certificate may do under spBv1.0/: as the edge node that its Device resource
// declares, and as no other. Asked on any of the broker's loops.

#include <functional>

#include "protocols/mqtt/mqtt.h"
#include "protocols/sparkplug/address.h"

namespace mw::sparkplug {

// An edge node publishes births, deaths and data of itself and of the devices behind it, and
// subscribes its own commands and the hosts' STATE. A service may everything; nobody else anything.
class EdgeTopics final : public mqtt::Authorizer {
 public:
    using Source = std::function<AddressSnapshot()>;
    explicit EdgeTopics(Source addresses) : addresses_(std::move(addresses)) {}
    bool may_publish(const mqtt::Identity& identity, std::string_view topic) const override;
    bool may_subscribe(const mqtt::Identity& identity, std::string_view filter) const override;

 private:
    Source addresses_;
};

}  // namespace mw::sparkplug
