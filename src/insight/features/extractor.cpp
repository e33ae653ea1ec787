#include "insight/features/extractor.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mw::features {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Rounds towards minus infinity, so that slots before 1970 are slots too.
std::int64_t slot_of(Timestamp time, nanoseconds width) {
    const std::int64_t quotient = time.ns / width.count();
    return quotient - (time.ns % width.count() < 0);
}

// Four running sums in a fixed pattern: the same bits for the same window, whatever came before,
// and no chain of dependent additions.
double sum_of(std::span<const double> values) {
    double sums[4] = {0, 0, 0, 0};
    std::size_t i = 0;
    for (; i + 4 <= values.size(); i += 4)
        for (std::size_t j = 0; j < 4; ++j) sums[j] += values[i + j];
    for (; i < values.size(); ++i) sums[0] += values[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double mean_of(std::span<const double> values) {
    return sum_of(values) / static_cast<double>(values.size());
}

// Two passes (Higham, Accuracy and Stability, 1.9): exact to rounding also far from zero.
double deviation_of(std::span<const double> values) {
    if (values.size() < 2) return 0;
    const double mean = mean_of(values);
    double squares = 0, rest = 0;
    for (const double value : values) {
        const double d = value - mean;
        squares += d * d;
        rest += d;
    }
    const auto n = static_cast<double>(values.size());
    return std::sqrt(std::max(0.0, squares - rest * rest / n) / (n - 1));
}

}  // namespace

Result<Extractor> Extractor::open(Plan plan) {
    TRY_VOID(check(plan));
    if (plan.window.max_gap.count() == 0 && !plan.window.length.by_rows())
        plan.window.max_gap = plan.window.length.time;
    return Extractor(std::move(plan));
}

Extractor::Extractor(Plan plan)
    : plan_(std::move(plan)),
      capacity_(plan_.window.length.by_rows() ? plan_.window.length.rows : plan_.window.max_rows),
      values_(capacity_ * plan_.inputs.size(), nan),
      times_(capacity_),
      row_quality_(capacity_),
      held_(plan_.inputs.size()),
      scratch_(capacity_),
      out_(plan_.features.size()),
      scaled_(plan_.features.size()) {}

void Extractor::reset() {
    start_anew();
    last_.reset();
    refused_ = 0;
}

void Extractor::continue_from(std::uint64_t rows_seen) {
    reset();
    seen_ = rows_seen;
}

void Extractor::start_anew() {
    first_ = filled_ = 0;
    seen_ = 0;
    started_.reset();
    dropped_.reset();
    std::fill(held_.begin(), held_.end(), Held{});
}

std::optional<Frame> Extractor::push(const Row& row) {
    if (!acceptable(row)) {
        ++refused_;
        return std::nullopt;
    }
    const bool tumbling = plan_.window.kind == WindowKind::tumbling;
    if (plan_.window.length.by_rows()) return push_by_rows(row, tumbling);
    return tumbling ? push_tumbling_time(row) : push_sliding_time(row);
}

std::optional<Frame> Extractor::push_by_rows(const Row& row, bool tumbling) {
    const std::uint32_t length = plan_.window.length.rows;
    const std::uint32_t step = tumbling ? length : plan_.window.every.rows;
    if (after_gap(row)) start_anew();
    append(row);
    if (filled_ < length || seen_ < length || (seen_ - length) % step != 0) return std::nullopt;
    return make_frame(times_[first_]);
}

std::optional<Frame> Extractor::push_sliding_time(const Row& row) {
    const nanoseconds length = plan_.window.length.time, every = plan_.window.every.time;
    if (after_gap(row)) start_anew();
    const bool new_slot = started_ && slot_of(*last_, every) != slot_of(row.time, every);
    const Timestamp begin = row.time - length + nanoseconds{1};
    drop_before(begin);
    append(row);
    if (!new_slot || row.time - *started_ < length) return std::nullopt;
    return make_frame(begin);
}

std::optional<Frame> Extractor::push_tumbling_time(const Row& row) {
    const nanoseconds length = plan_.window.length.time;
    std::optional<Frame> frame;
    if (started_ && slot_of(*last_, length) != slot_of(row.time, length)) {
        // The window of the row before is over. It counts if it was seen from its beginning.
        const Timestamp begin{slot_of(*last_, length) * length.count()};
        drop_before(begin);
        if (*started_ <= begin) frame = make_frame(begin);
    }
    if (after_gap(row)) start_anew();
    append(row);  // the frame's buffers are others
    return frame;
}

Memory Extractor::memory(std::size_t frames) const {
    const Window& window = plan_.window;
    frames = std::max<std::size_t>(frames, 1);
    const std::size_t held = plan_.on_bad == OnBad::hold ? plan_.hold_rows : 0;
    const bool tumbling = window.kind == WindowKind::tumbling;
    if (window.length.by_rows()) {
        const std::size_t step = tumbling ? window.length.rows : window.every.rows;
        return {window.length.rows + frames * step + held, nanoseconds{0}};
    }
    // Two rows are never further apart than max_gap without a fresh start between them, so frames
    // are never further apart than one slot and one gap.
    const nanoseconds step = tumbling ? window.length.time : window.every.time;
    const auto steps = static_cast<std::int64_t>(frames);
    const auto holds = static_cast<std::int64_t>(held);
    return {1, window.length.time + window.max_gap * (1 + steps + holds) + step * steps};
}

bool Extractor::acceptable(const Row& row) const {
    if (row.values.size() != plan_.inputs.size()) return false;
    if (!row.quality.empty() && row.quality.size() != row.values.size()) return false;
    if (row.time.ns > time_limit_ns || row.time.ns < -time_limit_ns) return false;
    return !last_ || row.time > *last_;
}

bool Extractor::after_gap(const Row& row) const {
    return last_ && plan_.window.max_gap.count() > 0 && row.time - *last_ > plan_.window.max_gap;
}

void Extractor::append(const Row& row) {
    if (filled_ == capacity_) {
        if (!plan_.window.length.by_rows()) dropped_ = times_[first_];
        first_ = (first_ + 1) % capacity_;
        --filled_;
    }
    const std::size_t at = (first_ + filled_) % capacity_;
    Quality worst_of_row;
    for (std::size_t input = 0; input < row.values.size(); ++input)
        worst_of_row = worst(worst_of_row, admit(row, input, values_[input * capacity_ + at]));
    times_[at] = row.time;
    row_quality_[at] = worst_of_row;
    ++filled_;
    ++seen_;
    last_ = row.time;
    if (!started_) started_ = row.time;
}

// Writes the value to use, or NaN, and says how good it is.
Quality Extractor::admit(const Row& row, std::size_t input, double& value) {
    const Quality quality = row.quality.empty() ? Quality::good() : row.quality[input];
    const double given = row.values[input];
    Held& held = held_[input];
    if (!quality.is_bad() && std::isfinite(given)) {
        value = given;
        held = {given, 0, true};
        return quality;
    }
    ++held.age;
    const bool stand_in = plan_.on_bad == OnBad::hold && held.known && held.age <= plan_.hold_rows;
    value = stand_in ? held.value : nan;
    return Quality::uncertain(quality.is_bad() ? quality.reason() : Reason::not_a_number);
}

void Extractor::drop_before(Timestamp oldest_kept) {
    while (filled_ > 0 && times_[first_] < oldest_kept) {
        first_ = (first_ + 1) % capacity_;
        --filled_;
    }
}

Frame Extractor::make_frame(Timestamp begin) {
    Frame frame;
    frame.from = times_[first_];
    frame.to = times_[(first_ + filled_ - 1) % capacity_];
    frame.rows = static_cast<std::uint32_t>(filled_);
    for (std::size_t i = 0, at = first_; i < filled_; ++i) {
        frame.quality = worst(frame.quality, row_quality_[at]);
        at = at + 1 == capacity_ ? 0 : at + 1;
    }
    gathered_rows_ = 0;
    for (std::size_t i = 0; i < plan_.features.size(); ++i) {
        const Feature& feature = plan_.features[i];
        out_[i] = compute(feature);
        scaled_[i] = static_cast<float>((out_[i] - feature.center) / feature.scale);
        if (std::isnan(out_[i]) && frame.lacking.empty())
            frame.lacking = plan_.inputs[feature.input];
    }
    if (dropped_ && *dropped_ >= begin) frame.lacking = "window.max_rows";
    if (!frame.lacking.empty()) frame.quality = Quality::bad(frame.quality.reason());
    frame.values = out_;
    frame.scaled = scaled_;
    return frame;
}

double Extractor::compute(const Feature& feature) {
    const std::size_t rows = rows_over(feature.over);
    const std::span<const double> usable = gather(feature.input, rows);
    if (usable.size() < min_rows_for(feature.over)) return nan;
    switch (feature.statistic) {
        case Statistic::last:
            return usable.back();
        case Statistic::mean:
            return mean_of(usable);
        case Statistic::min:
            return *std::min_element(usable.begin(), usable.end());
        case Statistic::max:
            return *std::max_element(usable.begin(), usable.end());
        case Statistic::range: {
            const auto [low, high] = std::minmax_element(usable.begin(), usable.end());
            return *high - *low;
        }
        case Statistic::deviation:
            return deviation_of(usable);
    }
    return nan;
}

std::size_t Extractor::rows_over(const Extent& over) const {
    if (over.empty()) return filled_;
    if (over.by_rows()) return std::min<std::size_t>(over.rows, filled_);
    const Timestamp after = times_[(first_ + filled_ - 1) % capacity_] - over.time;
    std::size_t rows = 0;
    while (rows < filled_ && times_[(first_ + filled_ - 1 - rows) % capacity_] > after) ++rows;
    return rows;
}

// The usable values among the input's last `rows` ones, oldest first. Features of the same input
// usually follow each other and share them.
std::span<const double> Extractor::gather(std::uint32_t input, std::size_t rows) {
    if (gathered_rows_ != rows || gathered_input_ != input) {
        const double* ring = values_.data() + input * capacity_;
        std::size_t at = (first_ + filled_ - rows) % capacity_;
        std::size_t count = 0;
        for (std::size_t i = 0; i < rows; ++i) {
            scratch_[count] = ring[at];
            count += !std::isnan(ring[at]);
            at = at + 1 == capacity_ ? 0 : at + 1;
        }
        gathered_rows_ = rows;
        gathered_input_ = input;
        gathered_count_ = count;
    }
    return {scratch_.data(), gathered_count_};
}

std::uint32_t Extractor::min_rows_for(const Extent& over) const {
    const Window& window = plan_.window;
    if (!window.length.by_rows()) return std::max<std::uint32_t>(window.min_rows, 1);
    const std::uint32_t rows = over.by_rows() ? over.rows : window.length.rows;
    return window.min_rows > 0 ? std::min(window.min_rows, rows) : (rows + 1) / 2;
}

}  // namespace mw::features
