#pragma once
// The seam of enhanced authentication (MQTT 5, 4.12): what a client proves besides its certificate,
// by AUTH packets. A method adds to the certificate and never stands for it. No I/O; asked on the
// broker's loop, where every step answers at once. Limits: 64 KiB of data each way per step, and
// Limits::idle_before_connect for a whole exchange.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/reason.h"

namespace mw::mqtt {

// One client that proves who it is: at CONNECT, or again later.
class Exchange {
 public:
    struct Answer {
        enum class Verdict { go_on, passed, refused };
        Verdict verdict = Verdict::refused;
        Bytes data = {};  // for the client; not sent in a refusal
        // passed: who the client is from now on, if not who its certificate says. A client that
        // authenticates again must stay who it is.
        std::optional<Identity> identity = {};
        ReasonCode reason = ReasonCode::not_authorized;  // refused
        std::string why = {};                            // refused: for the log and the client
    };
    virtual ~Exchange() = default;
    virtual Answer step(ByteView data) = 0;  // empty where the client sent none
};

class Authenticator {
 public:
    virtual ~Authenticator() = default;
    // Null: there is no such method. The identity is that of the certificate, or of an earlier
    // exchange on this connection.
    virtual std::unique_ptr<Exchange> begin(std::string_view method, const Identity& identity) = 0;
    // The method without which this identity is not let in, in any version of MQTT; empty: its
    // certificate is enough.
    virtual std::string_view required_method(const Identity& identity) const = 0;
};

}  // namespace mw::mqtt
