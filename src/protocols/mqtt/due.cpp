#include "protocols/mqtt/due.h"

#include "base/assert.h"

namespace mw::mqtt {

void Agenda::add(Due& due) {
    due.order_ = ++added_;
    heap_.push_back(&due);
    place(heap_.size() - 1, due);
    sift_up(heap_.size() - 1);
}

void Agenda::remove(Due& due) {
    const std::size_t hole = due.index_;
    ASSERT(hole < heap_.size() && heap_[hole] == &due);
    due.index_ = Due::nowhere;
    Due& last = *heap_.back();
    heap_.pop_back();
    if (&last == &due) return;
    place(hole, last);
    sift_up(hole);
    sift_down(last.index_);
}

void Agenda::place(std::size_t index, Due& due) {
    heap_[index] = &due;
    due.index_ = static_cast<std::uint32_t>(index);
}

void Agenda::sift_up(std::size_t index) {
    Due& moving = *heap_[index];
    while (index > 0) {
        const std::size_t parent = (index - 1) / 2;
        if (!moving.before(*heap_[parent])) break;
        place(index, *heap_[parent]);
        index = parent;
    }
    place(index, moving);
}

void Agenda::sift_down(std::size_t index) {
    Due& moving = *heap_[index];
    for (std::size_t child = 2 * index + 1; child < heap_.size(); child = 2 * index + 1) {
        if (child + 1 < heap_.size() && heap_[child + 1]->before(*heap_[child])) ++child;
        if (!heap_[child]->before(moving)) break;
        place(index, *heap_[child]);
        index = child;
    }
    place(index, moving);
}

}  // namespace mw::mqtt
