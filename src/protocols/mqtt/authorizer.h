#pragma once
// Who a client is, and what it may publish and subscribe. Asked on the broker's loop, per packet.
// The identity comes from the TLS client certificate and never from what the client says.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace mw::mqtt {

struct Identity {
    enum class Kind { anonymous, device, user, service };
    Kind kind = Kind::anonymous;
    std::string name;  // a device's resource name; empty for anonymous
    bool operator==(const Identity&) const = default;
};

// The names of our own bridges to other brokers begin with it (bridge.h).
inline constexpr std::string_view bridge_prefix = "bridge:";

class Authorizer {
 public:
    virtual ~Authorizer() = default;
    virtual bool may_publish(const Identity& identity, std::string_view topic) const = 0;
    virtual bool may_subscribe(const Identity& identity, std::string_view filter) const = 0;
};

// Everybody may everything: a listener on loopback, a test.
class OpenAuthorizer final : public Authorizer {
 public:
    bool may_publish(const Identity&, std::string_view) const override { return true; }
    bool may_subscribe(const Identity&, std::string_view) const override { return true; }
};

// Device name to the name of its parent, for devices behind a gateway.
using ParentOf = std::map<std::string, std::string, std::less<>>;

// The topics of a device (docs: contracts). It publishes mw/v1/{itself or a device whose parent it
// is}/{data/+, decision/+, sketch/+, reply/+, event, health, reported} and subscribes
// mw/v1/{itself}/{desired, command/+}; a service may everything; a user may subscribe $SYS/...,
// the broker's own counters; nobody else may anything.
class DeviceTopics final : public Authorizer {
 public:
    using Parents = std::function<std::shared_ptr<const ParentOf>()>;
    explicit DeviceTopics(Parents parents = {}) : parents_(std::move(parents)) {}
    bool may_publish(const Identity& identity, std::string_view topic) const override;
    bool may_subscribe(const Identity& identity, std::string_view filter) const override;

 private:
    Parents parents_;
};

}  // namespace mw::mqtt
