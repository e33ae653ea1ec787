#include "device/agent/freshness.h"

#include <algorithm>
#include <utility>

namespace mw::agent {
namespace {

constexpr nanoseconds derived_first_min = minutes{5};  // the first window has to fill
constexpr nanoseconds derived_min = minutes{1};
constexpr nanoseconds derived_max = hours{24 * 7};
constexpr int gaps_missed = 5;
// Then less and less often: a plant may stand still for months.
constexpr std::uint32_t spoken_steadily = 10;
constexpr nanoseconds pause_max = hours{1};

nanoseconds times(nanoseconds gap, std::int64_t n) {
    if (n <= 0 || gap.count() <= 0) return {};
    return gap > derived_max / n ? derived_max : gap * n;
}

// A longer one holds at once and is forgotten slowly.
void remember_gap(nanoseconds& longest, nanoseconds gap) {
    longest = gap >= longest ? gap : longest - (longest - gap) / 16;
}

}  // namespace

Freshness::Freshness(const pipeline::Spec& spec) : declared_(spec.stale_after) {
    const features::Window& window = spec.plan.window;
    periodic_ = window.kind == features::WindowKind::sliding ||
                window.kind == features::WindowKind::tumbling;
    const features::Extent& step =
        window.kind == features::WindowKind::sliding ? window.every : window.length;
    window_rows_ = window.length.rows;
    const nanoseconds grid = spec.resample.every;
    window_time_ = window.length.by_rows() ? times(grid, window.length.rows) : window.length.time;
    step_time_ = step.by_rows() ? times(grid, step.rows) : step.time;
    if (window_time_.count() > 0) window_time_ += spec.align.wait;
    if (step_time_.count() > 0) step_time_ += spec.align.wait;
}

void Freshness::start(SteadyTime now) { progress_ = row_at_ = now; }

void Freshness::took(SteadyTime now, std::size_t rows, std::size_t windows, bool replayed) {
    if (rows == 0) return;
    const bool rhythm = !std::exchange(replayed_, replayed) && !replayed;
    if (had_row_ && rhythm)
        remember_gap(row_gap_, (now - row_at_) / static_cast<std::int64_t>(rows));
    row_at_ = now;
    had_row_ = true;
    // Sessions and events have windows when something happens: there rows tell that inputs come.
    if (windows == 0 && periodic_) return;
    // A pause that was told is no rhythm.
    nanoseconds gap = now - progress_;
    if (stale()) gap = std::min(gap, stale_after());
    if (had_window_ && rhythm) remember_gap(window_gap_, gap);
    had_window_ = true;
    progress_ = now;
    spoken_ = 0;
}

nanoseconds Freshness::stale_after() const { return declared_ ? *declared_ : derived(); }

nanoseconds Freshness::derived() const {
    if (!periodic_ || replayed_) return {};
    if (had_window_)
        return std::max(derived_min, times(std::max(step_time_, window_gap_), gaps_missed));
    const nanoseconds filling =
        window_time_.count() > 0 ? window_time_ : times(row_gap_, window_rows_);
    return std::max(derived_first_min, times(filling, 2));
}

std::optional<SteadyTime> Freshness::next() const {
    if (spoken_ > 0) return next_;
    const nanoseconds after = stale_after();
    if (after.count() == 0) return std::nullopt;
    return progress_ + after;
}

void Freshness::spoke(SteadyTime now) {
    const nanoseconds after = stale_after();
    ++spoken_;
    pause_ = spoken_ < spoken_steadily ? after
                                       : std::clamp(pause_ * 2, after, std::max(after, pause_max));
    next_ = now + pause_;
}

}  // namespace mw::agent
