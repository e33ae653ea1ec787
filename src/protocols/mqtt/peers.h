#pragma once
// Inside the module: the other shards of a broker, as one of them sees them (docs/decisions/0008).
// What is told goes into a parcel for each, which leaves at the end of the turn. Everything told
// has a number, and a peer says through which number what it was told is safe with it. Belongs to
// its shard's loop. Limit: bytes told and not yet safe, for each peer; beyond it the shard reads no
// more publishes.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "domain/point_sink.h"
#include "protocols/mqtt/parcel.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

using ShardNumber = unsigned;  // 0: the one that listens, and has the uplink
// In the tree of subscriptions another shard is an id from here on, without a session.
inline constexpr std::uint32_t peer_mark = 0xFFFF'0000;

class Peers {
 public:
    class Post {
     public:
        virtual ~Post() = default;
        virtual void mark() = 0;  // call flush() at the end of this turn
        // False: its mailbox is full; the same again later.
        virtual bool send(ShardNumber to, Parcel& parcel) = 0;
    };
    Peers(Post& post, ShardNumber self, ShardNumber count, std::size_t bytes_max);

    ShardNumber self() const { return self_; }
    ShardNumber count() const { return static_cast<ShardNumber>(all_.size()); }
    std::uint32_t everybody() const { return ((1u << count()) - 1u) & ~(1u << self_); }

    // A session here wants what a filter matches, or no longer does; counted.
    void want(std::string_view filter);
    void unwant(std::string_view filter);
    void tell_group(std::string_view text, std::uint32_t connected, std::uint32_t members);
    // To all peers of the mask. Gives it its number. urgent: somebody waits until it is safe there.
    Ticket pass(std::uint32_t mask, Passed& message, bool urgent);
    // To shard 0, for its uplink. prepared: null, or what has been made of it.
    Ticket pass_up(Passed& message, std::unique_ptr<Prepared> prepared);
    void give_back(ShardNumber to, std::unique_ptr<Prepared> used);  // when there is more to say
    // To all peers: what is told of an exchange before must not hold back what comes.
    void finish(const FinishedExchange& exchange);
    // What peer `to` told us is safe here through this number of its own. Where nobody waits for
    // it, it goes with the next parcel, or when it is about many bytes: a wake-up costs more than a
    // message.
    void acknowledge(ShardNumber to, std::uint64_t number, std::size_t bytes, bool urgent);
    void refuse(ShardNumber to, std::uint64_t number, Error error);

    Ticket end() const { return {number_}; }
    bool has_reached(Ticket ticket) const;  // all that was told through it is safe with everybody
    Ticket reached(ShardNumber peer) const;
    bool ready() const;  // publishes may come
    std::size_t bytes_under_way() const;
    std::uint64_t messages_passed() const { return messages_; }

    void on_taken(ShardNumber from, std::uint64_t taken);
    void flush();      // what a full mailbox did not take stays for the next
    void flush_all();  // with what nobody waits for; now and then

 private:
    struct Sent {
        std::uint64_t last = 0;
        std::size_t bytes = 0;
    };
    struct Peer {
        Parcel parcel;                 // not sent yet
        bool says_taken = false;       // it is worth sending for that alone
        std::uint64_t said_taken = 0;  // the peer knows
        std::size_t unsaid_bytes = 0;  // that are safe, and the peer does not know
        std::uint64_t told = 0;        // our number of the last thing for it
        std::uint64_t safe = 0;        // and through where it is safe there
        std::deque<Sent> under_way;
        std::size_t bytes = 0;      // under way and in the parcel
        std::size_t in_parcel = 0;  // of those
    };
    void tell(const Interest& interest);
    void account(Peer& peer, std::size_t bytes) {
        peer.bytes += bytes, peer.in_parcel += bytes, peer.told = number_;
    }

    Post& post_;
    ShardNumber self_;
    std::size_t bytes_max_;
    std::vector<Peer> all_;
    std::uint64_t number_ = 0;
    std::uint64_t messages_ = 0;
    std::unordered_map<std::string, std::uint32_t> wanted_;  // by how many sessions
};

// The uplink of shard 0, for another shard: a message goes there by parcel, prepared if there is a
// preparer. That the layers above refuse it is known when its answer is due.
class PassedUplink final : public Uplink {
 public:
    explicit PassedUplink(Peers& peers) : peers_(peers) {}
    void use(std::unique_ptr<Preparer> preparer) { preparer_ = std::move(preparer); }
    Result<Ticket> publish(const Identity& identity, std::string_view topic, ByteView payload,
                           const PublishProperties& properties) override;
    Ticket durable() const override { return peers_.reached(0); }
    const Error* refusal(Ticket ticket) const override;
    void refused(PassedRefusal refusal);
    void forget_answered();  // who waited for them has been told
    void take_back(std::unique_ptr<Prepared> used) { preparer_->take_back(std::move(used)); }

 private:
    Peers& peers_;
    std::unique_ptr<Preparer> preparer_;  // null: none
    std::map<std::uint64_t, Error> refused_;
    Bytes section_;
};

}  // namespace mw::mqtt
