#pragma once
// Where a client is to go instead (MQTT 5, 4.11): in the refusal of a CONNECT, or when its
// connection is ended. MQTT 3.1.1 has no word for it: server unavailable, or a plain end.
// Plain values.

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/reason.h"

namespace mw::mqtt {

inline constexpr std::size_t server_reference_bytes_max = 1'024;

struct Redirect {
    std::string server;  // one or more, a space between them, as hub-2.example:8883
    bool moved = false;  // for good
    ReasonCode reason() const {
        return moved ? ReasonCode::server_moved : ReasonCode::use_another_server;
    }
};

// invalid_input: empty, longer than the limit, or not UTF-8 as MQTT wants it.
Result<> check(const Redirect& redirect);

// Asked for every CONNECT; nothing: the client may come in. On the broker's loop.
using Redirector = std::function<std::optional<Redirect>(const Identity&)>;

}  // namespace mw::mqtt
