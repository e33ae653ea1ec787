#pragma once
// Who acts. Plain data.

#include <string>
#include <string_view>
#include <vector>

namespace mw::identity {

struct Principal {
    enum class Kind { anonymous, device, user, service };
    Kind kind = Kind::anonymous;
    std::string name;  // resource name of the device or user; empty for anonymous
    std::string domain = "default";
    std::vector<std::string> roles;
    bool operator==(const Principal&) const = default;
};

std::string_view to_string(Principal::Kind kind);
// As audit facts name actors: "device:gw-1", "user:ada", "anonymous".
std::string actor(const Principal& principal);
// The subject alternative name that carries it: "urn:millwright:device:gw-1".
std::string urn(Principal::Kind kind, std::string_view name);

// Of a certificate that says that its device is a gateway: "urn:millwright:gateway:gw-1".
std::string gateway_urn(std::string_view name);

// Resource names, and so device names: [a-z0-9][a-z0-9._-]{0,62}.
bool is_device_name(std::string_view name);

}  // namespace mw::identity
