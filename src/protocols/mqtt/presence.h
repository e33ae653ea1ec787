#pragma once
// What a broker tells about its clients. Plain values.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
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
    Version version = Version::v5;  // this and the next four: while connected
    std::string peer;               // its address
    std::uint16_t keep_alive_s = 0;
    nanoseconds connected_for{};
    nanoseconds silent_for{};
    std::size_t subscriptions = 0;
    std::size_t inflight = 0;          // sent, not acknowledged by the client
    std::size_t unreleased = 0;        // QoS 2 ids that the client has not released
    std::size_t queued_messages = 0;   // in memory or not
    std::size_t queued_bytes = 0;      // in memory
    std::size_t spilled_messages = 0;  // of those queued, in the journal only
    std::size_t spilled_bytes = 0;
    std::size_t acknowledgements_waiting = 0;  // received, not yet in the log
};

}  // namespace mw::mqtt
