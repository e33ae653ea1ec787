#pragma once
// What a broker allows, and what it counted. Every buffer has its limit here.

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "protocols/mqtt/connect_rate.h"

namespace mw::metrics {
class Registry;
}

namespace mw::mqtt {

// Which member of a shared subscription gets the next message, of those that have room.
enum class ShareStrategy : std::uint8_t {
    round_robin,
    least_inflight,     // the one with the fewest unanswered and waiting
    hash_of_publisher,  // messages of one client go to one member, while it is there
};

// What happens when a session's queue has no room in memory for another message.
enum class SlowConsumers : std::uint8_t {
    drop,   // who is connected is dropped; of who is absent the oldest messages go
    spill,  // what the journal has stays there only, until that has no room either
};

struct Limits {
    std::size_t connections = 20'000;
    ConnectRateLimits connect_rate;                   // per source address
    std::size_t sessions = 100'000;                   // connected or remembered
    std::size_t sessions_per_identity = 100;          // anonymous clients share no limit
    std::size_t packet_bytes = std::size_t{1} << 20;  // announced as Maximum Packet Size
    std::uint16_t receive_maximum = 1'024;  // QoS 1 publishes of one client not yet acknowledged
    // Towards an MQTT 3.1.1 client, which names none, with a persistent session.
    std::uint16_t inflight_maximum = 1'024;
    std::uint16_t topic_alias_maximum = 16;  // client to server
    std::size_t topic_levels = 32;
    std::size_t subscriptions_per_session = 1'000;
    std::size_t subscriptions = 200'000;
    std::size_t outbox_bytes = std::size_t{4} << 20;  // per connection, not yet taken by the socket
    std::size_t outbox_bytes_in_all = std::size_t{512} << 20;
    std::size_t queued_messages = 10'000;                      // per session, QoS 1
    std::size_t queued_bytes = std::size_t{8} << 20;           // per session
    std::size_t queued_bytes_in_all = std::size_t{256} << 20;  // all sessions
    SlowConsumers slow_consumers = SlowConsumers::drop;
    // Messages that are queued in the journal only. Each takes about 200 bytes of memory.
    std::size_t spilled_messages = 1'000'000;          // per session
    std::size_t spilled_bytes = std::size_t{1} << 30;  // per session
    std::size_t spilled_messages_in_all = 4'000'000;   // all sessions
    std::size_t spilled_bytes_in_all = std::size_t{8} << 30;
    // Of those, read back before they can be sent. Beyond what is allowed in all: one at a time.
    std::size_t read_ahead_messages = 64;                         // per session
    std::size_t read_ahead_bytes = std::size_t{1} << 20;          // per session
    std::size_t read_ahead_bytes_in_all = std::size_t{64} << 20;  // all sessions
    std::size_t shard_bytes = std::size_t{16} << 20;  // to each other shard, not yet taken there
    std::size_t retained_messages = 100'000;
    std::size_t retained_bytes = std::size_t{64} << 20;
    ShareStrategy share_strategy = ShareStrategy::round_robin;
    nanoseconds idle_before_connect = seconds{10};
    nanoseconds write_stall = seconds{30};  // a client that takes no byte for so long is dropped
    nanoseconds pushback = seconds{30};     // storage that has no room for so long ends the client
    seconds session_expiry{7 * 24 *
                           3600};         // most that a client gets; 3.1.1 persistent sessions too
    seconds keep_alive{0};                // most that a client may ask for; 0: as it asks
    nanoseconds sys_every = seconds{10};  // $SYS topics; 0: never
};

struct Metrics {
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_refused = 0;       // over the limit, or no identity
    std::uint64_t connections_rate_limited = 0;  // too many from one address, closed at once
    std::uint64_t connections_closed = 0;
    std::uint64_t connects_accepted = 0;
    std::uint64_t connects_refused = 0;
    std::uint64_t sessions_taken_over = 0;
    std::uint64_t sessions_resumed = 0;
    std::uint64_t sessions_expired = 0;
    std::uint64_t keep_alive_timeouts = 0;
    std::uint64_t packets_received = 0;
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t publishes_received = 0;
    std::uint64_t publishes_refused = 0;    // by authorization or by the uplink
    std::uint64_t publishes_delivered = 0;  // written for a subscriber
    std::uint64_t publishes_dropped =
        0;  // QoS 0 beyond a buffer, expired, or larger than the client takes
    std::uint64_t queue_overflows = 0;  // QoS 1 messages lost to a full queue of an absent client
    std::uint64_t slow_consumers_dropped = 0;
    std::uint64_t spills = 0;        // times that a queued message was left to the journal
    std::uint64_t recalls = 0;       // times that one was read back
    std::uint64_t spilled_lost = 0;  // that could not be read back
    std::uint64_t subscriptions_denied = 0;
    std::uint64_t protocol_errors = 0;
    std::uint64_t pushbacks = 0;  // times a client had to wait for storage
    std::uint64_t wills_published = 0;
    std::uint64_t shared_passed_on = 0;  // of a shared subscription, to another member
    std::uint64_t shard_messages = 0;    // passed to another shard
    // Levels.
    std::uint64_t connected = 0;
    std::uint64_t sessions = 0;
    std::uint64_t subscriptions = 0;
    std::uint64_t shared_groups = 0;
    std::uint64_t retained_messages = 0;
    std::uint64_t retained_bytes = 0;
    std::uint64_t queued_bytes = 0;  // in memory, but for what was read back
    std::uint64_t spilled_messages = 0;
    std::uint64_t spilled_bytes = 0;
    std::uint64_t read_ahead_bytes = 0;
    std::uint64_t acknowledgements_waiting = 0;  // PUBACKs that wait for the log
    std::uint64_t inflight = 0;     // sent above QoS 0, and the client has not finished with it
    std::uint64_t unreleased = 0;   // QoS 2 ids of clients that wait for PUBREL
    std::uint64_t shard_bytes = 0;  // under way to other shards
    // The session journal; all 0 without one.
    std::uint64_t journal_commits = 0;
    std::uint64_t journal_failures = 0;       // commits that the disk refused
    std::uint64_t journal_moved_records = 0;  // so that older ones could be dropped
    std::uint64_t journal_refused_records = 0;
    std::uint64_t journal_bytes = 0;          // level: from the oldest living record to the end
    std::uint64_t journal_living_bytes = 0;   // level
    std::uint64_t journal_waiting_bytes = 0;  // level: not yet given to a sync
};

// Of several shards. Each holds all retained messages, so those are the first one's.
void add(Metrics& sum, const Metrics& part);
// Brings the registry's millwright_mqtt_* instruments up to these figures. Once a second is enough.
void record(const Metrics& now, metrics::Registry& registry);

}  // namespace mw::mqtt
