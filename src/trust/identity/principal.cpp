#include "trust/identity/principal.h"

#include <algorithm>

namespace mw::identity {

std::string_view to_string(Principal::Kind kind) {
    switch (kind) {
        case Principal::Kind::anonymous:
            return "anonymous";
        case Principal::Kind::device:
            return "device";
        case Principal::Kind::user:
            return "user";
        case Principal::Kind::service:
            return "service";
    }
    return "anonymous";
}

std::string actor(const Principal& principal) {
    std::string text(to_string(principal.kind));
    return principal.name.empty() ? text : text + ":" + principal.name;
}

std::string urn(Principal::Kind kind, std::string_view name) {
    return "urn:millwright:" + std::string(to_string(kind)) + ":" + std::string(name);
}

std::string gateway_urn(std::string_view name) {
    return "urn:millwright:gateway:" + std::string(name);
}

bool is_device_name(std::string_view name) {
    auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= 63 && plain(name[0]) &&
           std::ranges::all_of(
               name, [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace mw::identity
