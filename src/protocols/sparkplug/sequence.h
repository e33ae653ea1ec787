#pragma once
// Inside the module: where a message stands in its edge node's numbering, 0 to 255 and round again.
// Pure. A number that was given up on, because it did not come in time, is known when it comes
// late: aliases are still those of its session.

#include <bitset>
#include <cstdint>

namespace mw::sparkplug {

class Sequence {
 public:
    enum class Place : std::uint8_t {
        next,
        ahead,  // something before it has not come
        late,   // given up on in this session
        stray,  // seen before, or of another session
    };
    static constexpr unsigned numbers = 256;

    // A birth: any number begins a session.
    void start(std::uint8_t seq) {
        given_up_.reset();
        next_ = static_cast<std::uint8_t>(seq + 1);
    }
    Place place_of(std::uint8_t seq) const {
        const unsigned distance = distance_to(seq);
        if (distance == 0) return Place::next;
        if (given_up_[seq]) return Place::late;
        return distance < numbers / 2 ? Place::ahead : Place::stray;
    }
    // How many messages lie before it.
    unsigned distance_to(std::uint8_t seq) const { return static_cast<std::uint8_t>(seq - next_); }

    void take(std::uint8_t seq) {
        given_up_.reset(seq);
        if (seq == next_) ++next_;
    }
    // Waits no longer for what lies before this one.
    void skip_to(std::uint8_t seq) {
        for (; next_ != seq; ++next_) given_up_.set(next_);
    }

 private:
    std::uint8_t next_ = 0;
    std::bitset<numbers> given_up_;
};

}  // namespace mw::sparkplug
