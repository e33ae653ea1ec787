#pragma once
// Inside the module: what a replayed journal says is still true. Records may stand in any order but
// for what ends something, which stands behind its beginning.

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocols/mqtt/delivery.h"
#include "protocols/mqtt/journal.h"

namespace mw::mqtt {

class KeptMessage;

struct FoundMessage {
    std::shared_ptr<StoredMessage> message;  // null: it stays in the journal, or counts no more
    std::int64_t expires_at_ns = 0;
    Journal::Place place;
    KeptMessage* kept = nullptr;  // once a session that was brought back is owed it
    std::size_t cost = 0;         // 0: it counts no more

    bool counts() const { return cost != 0; }
    void forget() { message.reset(), cost = 0; }
};

// What a session is owed.
struct FoundTarget {
    Sequence sequence = 0;
    FoundMessage* message = nullptr;  // null: it was taken, and PUBREL is owed
    QoS qos = QoS::exactly_once;
    bool retain = false;
    struct Rare {
        std::vector<std::uint32_t> subscription_ids;
        std::string share;  // filter of the shared subscription that it came by
    };
    std::unique_ptr<Rare> rare;
};

struct FoundSession {
    struct Filter {
        SubscribeOptions options;
        std::uint32_t id = 0;
        Journal::Place place;
    };
    bool declared = false;
    Identity owner;
    std::string client_id;
    std::uint32_t expiry_s = 0;
    std::int64_t ends_at_ns = 0;
    std::shared_ptr<StoredMessage> will;
    bool will_retain = false;
    std::uint32_t will_delay_s = 0;
    Journal::Place place;

    std::map<std::string, Filter, std::less<>> filters;
    std::map<Sequence, Journal::Place> taken;
    std::map<PacketId, Journal::Place> received;
    Sequence done_through = 0;
    std::unordered_set<Sequence> done;
    Sequence last = 0;              // highest ever named
    std::vector<FoundTarget> owed;  // after finish(): in order, each once

    bool owes(Sequence sequence) const {
        return sequence > done_through && !done.contains(sequence) && !taken.contains(sequence);
    }
};

// Of messages that are owed so many bytes are brought into memory, the oldest; the rest stays where
// it is, but for what came by a shared subscription.
class JournalState {
 public:
    explicit JournalState(std::size_t resident_bytes = SIZE_MAX)
        : resident_bytes_left_(resident_bytes) {}
    void apply(const JournalRecord& record, const Journal::Place& place);
    void drop_old();  // after the last record
    void finish();    // the same, and what each session is owed; once

    std::unordered_map<SessionNumber, FoundSession> sessions;
    std::deque<FoundMessage> messages;                       // in the order of their frames
    std::unordered_map<std::string, FoundMessage> retained;  // by topic
    SessionNumber last_session = 0;                          // highest ever named

 private:
    void apply_session(FoundSession& session, const JournalRecord& record,
                       const Journal::Place& place);
    FoundMessage& add_found(const JournalRecord& record, const Journal::Place& place);
    void add_message(const JournalRecord& record, const Journal::Place& place);
    void finish(FoundSession& session);
    FoundSession* session(SessionNumber number);  // null: it has ended
    MessageTarget target_;                        // scratch
    std::unordered_set<SessionNumber> ended_;
    std::uint64_t dropped_through_ = 0;
    std::size_t resident_bytes_left_;
};

}  // namespace mw::mqtt
