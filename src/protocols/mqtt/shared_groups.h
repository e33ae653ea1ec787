#pragma once
// Inside the module: all shared subscriptions of a broker, and the messages that look for another
// member because theirs has left (MQTT 5 4.8.2). At QoS 1 these are all that it gave no answer for;
// at QoS 2 those that were never sent to it, for what was sent is that member's alone
// (MQTT-4.8.2-4, MQTT-4.8.2-5). Belongs to Core, which calls settle().

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocols/mqtt/peers.h"
#include "protocols/mqtt/session.h"
#include "protocols/mqtt/shared_group.h"

namespace mw::mqtt {

class Core;

class SharedGroups {
 public:
    SharedGroups(Core& core, ShareStrategy strategy) : core_(core), strategy_(strategy) {}
    ~SharedGroups();

    // The group, made if need be; is_new says so.
    SharedGroup& open(std::string_view text, bool& is_new);
    SharedGroup* find(std::uint32_t number) const;
    SharedGroup* find(std::string_view text) const;
    std::string_view text_of(std::uint32_t number) const;  // empty: there is no such group
    bool join(SharedGroup& group, const SharedGroup::Member& member);
    // The group's number if it is gone, as its last member was; else 0.
    std::uint32_t leave(SharedGroup& group, Session& session);
    std::size_t size() const { return groups_.size(); }
    std::size_t members() const { return members_; }

    // One member gets it.
    void deliver(SharedGroup& group, Delivery& delivery);

    // Members on another shard. True: the group is new here; gone: it is no more.
    bool set_elsewhere(const Interest& interest, ShardNumber shard, std::uint32_t& gone);
    // A message of (session, sequence) that another shard was given, until it is safe there.
    void hold(KeptMessage& kept, SessionNumber session, Sequence sequence);
    bool holds(SessionNumber session, Sequence sequence) const;
    void release_safe();

    void arrived(Session& session);
    void departed(Session& session);       // its connection is gone, and it lives on
    void drained(const Session& session);  // it has no queue: what is parked may come to it
    void forget(const Session& session);
    void end(Session& session);  // it is about to be forgotten
    // Moves what has to move. Put off until now because a client may be back in the same turn.
    bool has_work() const;
    void settle();

 private:
    bool hand_over(Session& session, bool sent_too, std::uint32_t only_group);
    void park(std::uint32_t number);
    void fetch_parked(SharedGroup& group);
    void give(SharedGroup& group, const SharedGroup::Member& member, Delivery& delivery,
              bool retain);
    Given pass_on(SharedGroup& group, const Returned& returned, const Session* ending = nullptr);
    Given pass_elsewhere(SharedGroup& group, const Returned& returned);
    void tell(const SharedGroup& group);
    void erase(SharedGroup& group);

    struct Held {
        Ticket until;  // the other shards have come this far
        KeptMessage* kept = nullptr;
        SessionNumber session = 0;
        Sequence sequence = 0;
    };

    Core& core_;
    ShareStrategy strategy_;
    std::unordered_map<std::uint32_t, std::unique_ptr<SharedGroup>> groups_;
    std::unordered_map<std::string_view, SharedGroup*> by_text_;  // keys are the groups' texts
    std::uint32_t last_number_ = 0;
    std::size_t members_ = 0;
    std::vector<Session*> departed_;
    std::vector<std::uint32_t> roomy_;   // groups of which somebody has room again
    std::vector<std::uint32_t> parked_;  // groups whose absent members hold messages
    std::vector<std::uint32_t> subscription_ids_;
    std::deque<Held> held_;
    Delivery delivery_;
};

}  // namespace mw::mqtt
