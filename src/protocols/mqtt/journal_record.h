#pragma once
// Inside the module: the records of the session journal (docs/formats/mqtt-journal.md). One struct
// for all kinds; texts and payloads are views into what was decoded, or is to be encoded.

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

using SessionNumber = std::uint64_t;  // never used twice in a journal; 0: none
using Sequence = std::uint64_t;       // of an outgoing message in its session, from 1

// An application message as it is kept.
struct MessageFields {
    std::string_view topic;
    ByteView payload;
    ByteView properties;  // an MQTT 5 property section without expiry
    QoS qos = QoS::at_most_once;
    std::int64_t expires_at_ns = 0;  // wall clock; 0: never
};

// A session that is owed a message.
struct MessageTarget {
    SessionNumber session = 0;
    Sequence sequence = 0;
    QoS qos = QoS::at_least_once;
    bool retain = false;
    std::vector<std::uint32_t> subscription_ids;
    std::string_view share;  // the shared subscription by which it is owed; empty: none
};

// All of them, as a record has them.
struct TargetList {
    std::uint64_t count = 0;
    Bytes bytes;
    void add(const MessageTarget& target);
    void clear() { count = 0, bytes.clear(); }
};

struct JournalRecord {
    enum class Kind : std::uint8_t {
        session = 1,       // how it is now: owner, client id, expiry, will
        ended = 2,         // and everything that belongs to it
        subscribed = 3,    // filter, options, subscription id; the same filter again replaces
        unsubscribed = 4,  // filter
        message = 5,       // owed to targets; received from (session, packet_id) at QoS 2
        done = 6,          // (session, sequence) is owed no more
        done_through = 7,  // nor is any up to it
        taken = 8,         // QoS 2: (session, sequence) has it; it is owed PUBREL
        received = 9,      // QoS 2: (session, packet_id) came and was not released
        released = 10,     // (session, packet_id)
        retained = 11,     // the message of its topic
        forgotten = 12,    // topic: nothing is retained any more
        dropped = 13,      // records up to frame `sequence` count no more, should they come back
        moved = 14,        // a message owed to targets, and no more to (session, sequence)
    };

    Kind kind = Kind::session;
    SessionNumber session = 0;
    Sequence sequence = 0;
    PacketId packet_id = 0;

    Identity::Kind owner_kind = Identity::Kind::anonymous;
    std::string_view owner;
    std::string_view client_id;
    std::uint32_t expiry_s = 0;
    std::int64_t ends_at_ns = 0;  // wall clock, of a session whose client is away; 0: it is here
    bool has_will = false;        // in message
    bool will_retain = false;
    std::uint32_t will_delay_s = 0;

    std::string_view filter;
    SubscribeOptions options;
    std::uint32_t subscription_id = 0;

    MessageFields message;
    std::uint64_t target_count = 0;
    ByteView targets;  // of a TargetList
};

// Appends the record's bytes. Texts are at most 65,535 bytes long, as MQTT's are.
void encode(Bytes& out, const JournalRecord& record);
// corrupt: what is wrong, and where.
Result<> decode(ByteView bytes, JournalRecord& out);
// Takes the first target off a decoded record's.
void next_target(ByteView& targets, MessageTarget& out);

}  // namespace mw::mqtt
