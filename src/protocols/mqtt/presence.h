#pragma once
// What a broker tells about its clients. Plain values.

#include <cstddef>
#include <string>

#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

// A client came or went; for last_seen and the live page.
struct Presence {
    enum class What { connected, disconnected } what = What::connected;
    Identity identity;
    std::string client_id;
    std::string reason;  // of a disconnect, in words
};

struct SessionView {
    Identity identity;
    std::string client_id;
    bool connected = false;
    Version version = Version::v5;
    std::size_t subscriptions = 0;
    std::size_t inflight = 0;  // sent, not acknowledged by the client
    std::size_t queued_messages = 0;
    std::size_t queued_bytes = 0;
    std::size_t acknowledgements_waiting = 0;  // received, not yet in the log
};

}  // namespace mw::mqtt
