#include "platform/loop/timer.h"

#include "base/assert.h"

namespace mw {

Timer::Timer(Timer&& other) noexcept { ASSERT(!other.armed()); }
Timer::~Timer() {
    if (heap_) heap_->disarm(*this);
}

TimerHeap::~TimerHeap() {
    for (Timer* timer : heap_) timer->heap_ = nullptr;
}

void TimerHeap::arm(Timer& timer, SteadyTime due) {
    ASSERT(!timer.heap_ || timer.heap_ == this);
    if (timer.heap_) disarm(timer);
    timer.due_ = due;
    timer.order_ = ++armed_;
    timer.heap_ = this;
    heap_.push_back(&timer);
    timer.index_ = heap_.size() - 1;
    sift_up(timer.index_);
}

void TimerHeap::disarm(Timer& timer) {
    if (!timer.heap_) return;
    ASSERT(timer.heap_ == this);
    std::size_t hole = timer.index_;
    timer.heap_ = nullptr;
    Timer* last = heap_.back();
    heap_.pop_back();
    if (last == &timer) return;
    place(hole, *last);
    sift_up(hole);
    sift_down(last->index_);
}

std::optional<SteadyTime> TimerHeap::next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front()->due_;
}

bool TimerHeap::fire(SteadyTime now) {
    bool fired = false;
    const std::uint64_t last = armed_;  // a timer that re-arms itself waits for the next turn
    while (!heap_.empty() && heap_.front()->due_ <= now && heap_.front()->order_ <= last) {
        Timer* timer = heap_.front();
        disarm(*timer);
        timer->on_timer();
        fired = true;
    }
    return fired;
}

bool TimerHeap::before(const Timer& a, const Timer& b) {
    return a.due_ != b.due_ ? a.due_ < b.due_ : a.order_ < b.order_;
}

void TimerHeap::place(std::size_t index, Timer& timer) {
    heap_[index] = &timer;
    timer.index_ = index;
}

void TimerHeap::sift_up(std::size_t index) {
    Timer* moving = heap_[index];
    while (index > 0) {
        std::size_t parent = (index - 1) / 2;
        if (!before(*moving, *heap_[parent])) break;
        place(index, *heap_[parent]);
        index = parent;
    }
    place(index, *moving);
}

void TimerHeap::sift_down(std::size_t index) {
    Timer* moving = heap_[index];
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
        if (!before(*heap_[child], *moving)) break;
        place(index, *heap_[child]);
        index = child;
    }
    place(index, *moving);
}

}  // namespace mw
