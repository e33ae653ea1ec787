#pragma once
// Inside the module: QoS 2 messages that crossed shards, came to this one, and were not released by
// their publishers yet. The journals of two shards have no common commit: after a power cut some
// have such a message and some do not, its publisher sends it again, and it is passed again.
// Belongs to its Core. Limit: what those clients may have unreleased.

#include <map>
#include <memory>
#include <utility>

#include "protocols/mqtt/journal.h"
#include "protocols/mqtt/parcel.h"

namespace mw::mqtt {

// Numbers from here on are sessions as other shards see them; smaller ones are our own.
inline constexpr SessionNumber first_elsewhere = SessionNumber{1} << 56;
inline SessionNumber seen_from_elsewhere(unsigned shard, SessionNumber session) {
    return session + first_elsewhere * (shard + 1);
}

class PassedExchanges {
 public:
    void use(Journal& journal) { journal_ = &journal; }
    bool knows(SessionNumber session, PacketId id) const { return all_.contains({session, id}); }
    // The record of its message says so.
    void keep(SessionNumber session, PacketId id, const Journal::Item& with);
    Journal::Item& restore(SessionNumber session, PacketId id);
    // Released by its client; id 0: all of a session that has ended.
    Ticket finish(const FinishedExchange& exchange);

 private:
    struct Item;
    using Key = std::pair<SessionNumber, PacketId>;
    Ticket finish_session(SessionNumber session);

    Journal* journal_ = nullptr;
    std::map<Key, std::unique_ptr<Item>> all_;

 public:
    PassedExchanges();
    ~PassedExchanges();
};

}  // namespace mw::mqtt
