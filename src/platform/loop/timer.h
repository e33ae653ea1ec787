#pragma once
// Timers of one loop: a binary heap of intrusive nodes, so arming allocates nothing but heap
// growth. A Timer is owned by whoever derives it and leaves the heap when it is destroyed.

#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace mw {

class TimerHeap;

class Timer {
 public:
    Timer() = default;
    Timer(Timer&& other) noexcept;  // only while not armed
    virtual ~Timer();
    bool armed() const { return heap_ != nullptr; }
    SteadyTime due() const { return due_; }

 protected:
    virtual void on_timer() = 0;

 private:
    friend class TimerHeap;
    SteadyTime due_;
    std::uint64_t order_ = 0;  // equal times fire in the order they were armed
    std::size_t index_ = 0;
    TimerHeap* heap_ = nullptr;
};

class TimerHeap {
 public:
    ~TimerHeap();
    void arm(Timer& timer, SteadyTime due);  // arms anew if armed
    void disarm(Timer& timer);
    std::optional<SteadyTime> next() const;
    std::size_t size() const { return heap_.size(); }
    // Fires what was due and armed before the call; true if anything fired.
    bool fire(SteadyTime now);

 private:
    static bool before(const Timer& a, const Timer& b);
    void place(std::size_t index, Timer& timer);
    void sift_up(std::size_t index);
    void sift_down(std::size_t index);

    std::vector<Timer*> heap_;
    std::uint64_t armed_ = 0;
};

}  // namespace mw
