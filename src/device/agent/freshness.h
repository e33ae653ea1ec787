#pragma once
// When a model is without windows for too long, by the loop's steady clock only: times of points
// may jump as they like. Declared as `fallback.stale_after`, else derived from what the windows are
// and how often they came (docs/formats/pipeline.md). Belongs to the agent's loop.

#include <optional>

#include "insight/pipeline/pipeline.h"

namespace mw::agent {

class Freshness {
 public:
    explicit Freshness(const pipeline::Spec& spec);

    void start(SteadyTime now);  // it is in use from here on
    // A batch led to so many rows and windows. Of recordings nothing is derived.
    void took(SteadyTime now, std::size_t rows, std::size_t windows, bool replayed);

    // When the fallback must decide next; nothing: never.
    std::optional<SteadyTime> next() const;
    void spoke(SteadyTime now);  // it did
    bool stale() const { return spoken_ > 0; }

    nanoseconds stale_after() const;  // zero: never
    nanoseconds silent(SteadyTime now) const { return now - progress_; }

 private:
    nanoseconds derived() const;

    std::optional<nanoseconds> declared_;
    bool periodic_;  // windows come again and again: sliding and tumbling ones
    std::uint32_t window_rows_;
    nanoseconds window_time_, step_time_;     // zero: counted in rows whose times are not known
    nanoseconds row_gap_{0}, window_gap_{0};  // the longest lately
    SteadyTime progress_, row_at_;
    bool had_row_ = false, had_window_ = false, replayed_ = false;
    std::uint32_t spoken_ = 0;  // since the last window
    SteadyTime next_;
    nanoseconds pause_{0};
};

}  // namespace mw::agent
