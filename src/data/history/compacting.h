#pragma once
// Who rewrites files: one at a time, on the loop. Gives itself back.

#include <utility>

#include "data/history/state.h"

namespace mw::history {

class History::State::CompactingTurn {
 public:
    CompactingTurn(bool& flag, Event& ended) : flag_(&flag), ended_(&ended) { flag = true; }
    CompactingTurn(CompactingTurn&& other) noexcept
        : flag_(std::exchange(other.flag_, nullptr)), ended_(other.ended_) {}
    CompactingTurn& operator=(CompactingTurn&&) = delete;
    ~CompactingTurn() {
        if (flag_ == nullptr) return;
        *flag_ = false;
        ended_->set();
    }

 private:
    bool* flag_;
    Event* ended_;
};

}  // namespace mw::history
