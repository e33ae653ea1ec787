#pragma once
// Inside the module: what the journal has of a session that outlives its connection, and of the
// messages that such sessions are owed. A session without a journal has none of this.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocols/mqtt/blocks.h"
#include "protocols/mqtt/delivery.h"
#include "protocols/mqtt/journal.h"
#include "protocols/mqtt/journal_state.h"

namespace mw::mqtt {

class Core;
class Session;

// A message and who is owed it. Lives until the last one is owed it no more, and its maker has
// released it.
class KeptMessage final : public Journal::Item {
 public:
    KeptMessage(const Core& core, MessageRef message) : core_(core), message_(std::move(message)) {}

    static void* operator new(std::size_t bytes) { return Blocks::take(bytes); }
    static void operator delete(void* block, std::size_t bytes) { Blocks::give(block, bytes); }
    const MessageRef& message() const { return message_; }  // null: the journal has it
    void add(SessionNumber session, Sequence sequence);
    void release();  // one of them is owed it no more; the last one deletes it
    // (from, id): it was received from that session at QoS 2.
    void write(Journal& journal, const TargetList& targets, SessionNumber from, PacketId id);
    // It is owed no more to (from, sequence), if from is not 0.
    void write_moved(Journal& journal, const TargetList& targets, SessionNumber from,
                     Sequence sequence);
    void rewrite(Journal& journal) override;
    void rewrite_as(Journal& journal, const JournalRecord& old) override;
    // Nobody in memory has the message.
    bool needs_record() const override { return !message_ && !copy(); }
    void lost() override;
    void let_go() { message_.reset(); }  // the journal's record is enough

 private:
    struct Owner {
        SessionNumber session = 0;
        Sequence sequence = 0;
    };
    void write(Journal& journal, const TargetList& targets, JournalRecord& record);
    void rewrite(Journal& journal, const MessageFields& message);
    MessageRef copy() const;
    template <class F>
    void each_owner(const F& visit) const {
        visit(first_);
        for (const Owner& other : others_) visit(other);
    }
    const Core& core_;
    MessageRef message_;
    Owner first_;  // nearly always the only one
    std::vector<Owner> others_;
    std::size_t owed_ = 1;
};

class SessionRecords {
 public:
    SessionRecords(Journal& journal, const Session& session, SessionNumber number);
    // As it was found; its items stand where they stood.
    void adopt(const FoundSession& found,
               std::vector<std::pair<Journal::Place, Journal::Item*>>& all);

    SessionNumber number() const { return number_; }
    Ticket changed();  // owner, expiry, will, presence: how the session is now
    Ticket subscribed(std::string_view filter, const SubscribeOptions& options, std::uint32_t id);
    Ticket unsubscribed(std::string_view filter);
    Ticket received(PacketId id);
    void received(PacketId id, const Journal::Item& with);  // its message's record says so
    Ticket released(PacketId id);
    Ticket taken(Sequence sequence);
    void done(Sequence sequence);
    void done_through(Sequence sequence);
    Ticket ended();

 private:
    struct Self;
    struct Filter;
    struct Taken;
    struct Received;
    template <class T, class Key>
    T& place_for(std::map<Key, std::unique_ptr<T>>& items, const Key& key);
    JournalRecord record(JournalRecord::Kind kind) const;

    Journal& journal_;
    const Session& session_;
    SessionNumber number_;
    std::unique_ptr<Self> self_;
    std::map<std::string, std::unique_ptr<Filter>, std::less<>> filters_;
    std::map<Sequence, std::unique_ptr<Taken>> taken_;
    std::map<PacketId, std::unique_ptr<Received>> received_;

 public:
    ~SessionRecords();
};

// A message's fields for a record; views into it. expires_at by the wall clock.
MessageFields fields_of(const StoredMessage& message, std::int64_t expires_at_ns);

}  // namespace mw::mqtt
