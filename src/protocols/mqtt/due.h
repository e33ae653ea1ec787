#pragma once
// Inside the module: things that become due at a time. Core keeps one Agenda; its tick calls them.
// A binary heap of borrowed pointers: every connection has its place in it, so a place must be
// small.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace mw::mqtt {

class Due;

class Agenda {
 public:
    bool empty() const { return heap_.empty(); }
    Due& first() const { return *heap_.front(); }

 private:
    friend class Due;
    void add(Due& due);
    void remove(Due& due);
    void place(std::size_t index, Due& due);
    void sift_up(std::size_t index);
    void sift_down(std::size_t index);

    std::vector<Due*> heap_;
    std::uint32_t added_ = 0;
};

class Due {
 public:
    explicit Due(Agenda& agenda) : agenda_(agenda) {}
    virtual ~Due() { disarm(); }
    Due(const Due&) = delete;

    virtual void on_due(SteadyTime now) = 0;  // disarmed before the call

    SteadyTime due_at() const { return at_; }
    void arm(SteadyTime at) {
        disarm();
        at_ = at;
        agenda_.add(*this);
    }
    void disarm() {
        if (index_ != nowhere) agenda_.remove(*this);
    }

 private:
    friend class Agenda;
    static constexpr std::uint32_t nowhere = UINT32_MAX;
    bool before(const Due& other) const {
        if (at_ != other.at_) return at_ < other.at_;
        return static_cast<std::int32_t>(order_ - other.order_) < 0;  // the order may wrap around
    }

    Agenda& agenda_;
    SteadyTime at_;
    std::uint32_t index_ = nowhere;  // in the agenda's heap
    std::uint32_t order_ = 0;        // equal times come in the order they were armed
};

}  // namespace mw::mqtt
