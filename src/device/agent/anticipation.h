#pragma once
// When the row is due that ends a model's window. A processor that slept since the row before has
// the model in none of its caches, and then a decision takes many times as long: so shortly before
// that row the agent decides for nothing, again and again, until it is there. Only where rows keep
// time and windows are far apart, so that it costs a gateway little: 1.2 % of a core at most.

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace mw::agent {

class Anticipation {
 public:
    // Rows came, so many at once, and led to a decision or not; the next one will, or not.
    void took(SteadyTime now, std::size_t rows, bool decided, bool next_decides);

    struct Span {
        SteadyTime from, to;
    };
    // When to be ready; nothing: no row is due that is worth it.
    std::optional<Span> due() const { return due_; }
    void over() { due_.reset(); }

 private:
    std::optional<SteadyTime> row_at_, decided_at_;
    nanoseconds gap_{0}, deviation_{0};  // of single rows, smoothed
    std::optional<Span> due_;
};

}  // namespace mw::agent
