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

struct FoundMessage {
    std::shared_ptr<StoredMessage> message;
    std::int64_t expires_at_ns = 0;
    std::vector<MessageTarget> targets;  // some may be owed it no more
    std::vector<std::string> shares;     // as targets: the shared subscription it came by, or ""
    Journal::Place place;
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
    Sequence last = 0;  // highest ever named

    bool owes(Sequence sequence) const {
        return sequence > done_through && !done.contains(sequence) && !taken.contains(sequence);
    }
};

class JournalState {
 public:
    void apply(const JournalRecord& record, const Journal::Place& place);
    void finish();  // after the last record

    std::unordered_map<SessionNumber, FoundSession> sessions;
    std::deque<FoundMessage> messages;                       // in the order of their frames
    std::unordered_map<std::string, FoundMessage> retained;  // by topic
    SessionNumber last_session = 0;                          // highest ever named

 private:
    void apply_session(FoundSession& session, const JournalRecord& record,
                       const Journal::Place& place);
    void add_message(const JournalRecord& record, const Journal::Place& place);
    FoundSession* session(SessionNumber number);  // null: it has ended
    std::unordered_set<SessionNumber> ended_;
    std::uint64_t dropped_through_ = 0;
};

}  // namespace mw::mqtt
