#include "protocols/mqtt/redirect.h"

#include "protocols/mqtt/codec.h"

namespace mw::mqtt {

Result<> check(const Redirect& redirect) {
    if (redirect.server.empty() || redirect.server.size() > server_reference_bytes_max)
        return Error{Errc::invalid_input, "server: want 1 to 1024 bytes, as hub-2.example:8883"};
    if (!is_mqtt_text(redirect.server))
        return Error{Errc::invalid_input, "server: want UTF-8 without U+0000"};
    return {};
}

}  // namespace mw::mqtt
