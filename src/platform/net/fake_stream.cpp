#include "platform/net/fake_stream.h"

#include <algorithm>

namespace mw::net {
namespace {

// One end. What it sends lies in the other's inbox until that one reads; a zero-length timer stands
// for the network, so that delivery comes from the top of the loop, in a later turn.
class FakeStream final : public Stream {
 public:
    FakeStream(Loop& loop, Address peer, const FakeStreamOptions& options, Bytes certificate)
        : Stream(loop, std::move(peer)), capacity_(options.capacity), chunk_(options.chunk) {
        peer_certificate_ = std::move(certificate);
    }
    ~FakeStream() override { close(); }
    void join(FakeStream& other) { other_ = &other, other.other_ = this; }
    void cut() {
        if (!is_open()) return;
        broke({Errc::io_failed, "the simulated network cut the connection"});
    }
    FakeStream* other() const { return other_; }

 private:
    struct Delivery final : Timer {
        explicit Delivery(FakeStream& to) : to(to) {}
        void on_timer() override { to.deliver(); }
        FakeStream& to;
    };

    void start_reading() override { schedule(); }
    void schedule() {
        if (reader_waits() && (!inbox_.empty() || inbox_ended_) && !delivery_.armed())
            loop().arm(delivery_, nanoseconds(0));
    }
    void deliver() {
        if (!reader_waits()) return;
        if (inbox_.empty()) return ended();
        std::size_t n = std::min({inbox_.size(), chunk_, Loop::read_buffer_size});
        given_.assign(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(n));
        inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(n));
        if (other_ && std::exchange(other_->starved_, false)) other_->room_.arm_now();
        loop().at_turn_end(poison_);
        arrived(given_);
    }
    Result<std::size_t> send(ByteView bytes) override {
        if (!other_) return Error{Errc::io_failed, "the peer has closed the connection"};
        std::size_t room = capacity_ - std::min(capacity_, other_->inbox_.size());
        std::size_t n = std::min(room, bytes.size());
        if (n == 0) return starved_ = true, std::size_t{0};
        auto& inbox = other_->inbox_;
        inbox.insert(inbox.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
        other_->schedule();
        return n;
    }
    void send_end() override {
        if (!other_) return;
        other_->inbox_ended_ = true;
        other_->schedule();
    }
    void shut() override {
        if (FakeStream* other = std::exchange(other_, nullptr)) {
            other->other_ = nullptr;
            other->inbox_ended_ = true;
            other->schedule();
            if (std::exchange(other->starved_, false)) other->room_.arm_now();
        }
    }
    void leave_loop(Loop&) override { ASSERT(false); }  // both ends are of one thread
    struct Room final : Timer {
        explicit Room(FakeStream& of) : of(of) {}
        void arm_now() { of.loop().arm(*this, nanoseconds(0)); }
        void on_timer() override { of.sendable(); }
        FakeStream& of;
    };

    // What a read gave is void when the turn ends.
    struct Poison final : mw::TurnEnd {
        explicit Poison(FakeStream& of) : of(of) {}
        void on_turn_end() override {
            std::fill(of.given_.begin(), of.given_.end(), std::uint8_t{0xDD});
        }
        FakeStream& of;
    };

    const std::size_t capacity_, chunk_;
    FakeStream* other_ = nullptr;
    Bytes inbox_, given_;
    bool inbox_ended_ = false;
    bool starved_ = false;  // send() found no room
    Delivery delivery_{*this};
    Room room_{*this};
    Poison poison_{*this};
};

}  // namespace

StreamPair make_stream_pair(Loop& loop, FakeStreamOptions options) {
    ASSERT(options.capacity > 0 && options.chunk > 0);
    auto first = std::make_unique<FakeStream>(loop, Address{"198.51.100.2", 2}, options,
                                              options.certificate_of_second);
    auto second = std::make_unique<FakeStream>(loop, Address{"198.51.100.1", 1}, options,
                                               options.certificate_of_first);
    first->join(*second);
    return {std::move(first), std::move(second)};
}

void cut(Stream& fake) {
    auto* end = dynamic_cast<FakeStream*>(&fake);
    ASSERT(end != nullptr);
    if (end->other()) end->other()->cut();
    end->cut();
}

}  // namespace mw::net
