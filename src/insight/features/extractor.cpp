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

// Windows by rows hold these, others as many as they may.
std::size_t capacity_of(const Plan& plan) {
    return plan.window.length.by_rows() ? plan.window.length.rows : plan.window.max_rows;
}

std::size_t longest_spectrum(const Plan& plan) {
    for (const Feature& feature : plan.features)
        if (needs_band(feature.statistic)) return capacity_of(plan);
    return 1;
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
      capacity_(capacity_of(plan_)),
      values_(capacity_ * plan_.inputs.size(), nan),
      times_(capacity_),
      row_quality_(capacity_),
      held_(plan_.inputs.size()),
      sums_(plan_),
      staged_(staged_max * plan_.inputs.size()),
      scratch_(capacity_),
      second_scratch_(capacity_),
      spectrum_(longest_spectrum(plan_)),
      out_(plan_.features.size()),
      scaled_(plan_.features.size()) {
    for (const Feature& feature : plan_.features) {
        summed_.push_back(sums_.place_of(feature));
        center_.push_back(feature.center);
        scale_.push_back(feature.scale);
    }
}

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
    sums_.begin();
    staged_count_ = 0;
}

std::optional<Frame> Extractor::push(const Row& row) {
    if (!acceptable(row)) {
        ++refused_;
        return std::nullopt;
    }
    if (plan_.window.kind == WindowKind::session) return push_session(row);
    if (plan_.window.kind == WindowKind::event) return push_event(row);
    const bool tumbling = plan_.window.kind == WindowKind::tumbling;
    if (plan_.window.length.by_rows()) return push_by_rows(row, tumbling);
    return tumbling ? push_tumbling_time(row) : push_sliding_time(row);
}

std::optional<Frame> Extractor::push_by_rows(const Row& row, bool tumbling) {
    const std::uint32_t length = plan_.window.length.rows;
    const std::uint32_t step = tumbling ? length : plan_.window.every.rows;
    if (after_gap(row)) start_anew();
    append(row);
    if ((seen_ + step - length % step) % step != 0) return std::nullopt;
    std::optional<Frame> frame;
    if (filled_ == length && seen_ >= length) frame = make_frame(times_[first_]);
    sums_.begin();
    return frame;
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

std::optional<Frame> Extractor::push_session(const Row& row) {
    std::optional<Frame> frame;
    if (after_gap(row)) {
        frame = make_frame(*started_);
        start_anew();
    }
    append(row);
    return frame;
}

std::optional<Frame> Extractor::push_event(const Row& row) {
    if (after_gap(row)) start_anew();
    append(row);
    const std::uint32_t length = plan_.window.length.rows;
    settle();
    if (filled_ < length || !triggered_rows_ago(plan_.window.trigger.after)) return std::nullopt;
    return make_frame(times_[first_]);
}

// Whether the trigger rose at that row. A value that is missing neither was below nor is above.
bool Extractor::triggered_rows_ago(std::size_t rows) const {
    if (rows + 2 > filled_) return false;
    const Trigger& trigger = plan_.window.trigger;
    return at_rows_ago(trigger.input, rows) >= trigger.above &&
           at_rows_ago(trigger.input, rows + 1) < trigger.above;
}

Memory Extractor::memory(std::size_t frames) const {
    const Window& window = plan_.window;
    frames = std::max<std::size_t>(frames, 1);
    const std::size_t held = plan_.on_bad == OnBad::hold ? plan_.hold_rows : 0;
    if (window.kind == WindowKind::session) return {capacity_ + 2 + held, nanoseconds{0}};
    if (window.kind == WindowKind::event) return {window.length.rows + held + 1, nanoseconds{0}};
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
    if (staged_count_ == staged_max) settle();
    const std::span<double> usable =
        std::span(staged_).subspan(staged_count_ * plan_.inputs.size(), plan_.inputs.size());
    staged_at_[staged_count_++] = at;
    Quality worst_of_row;
    if (!take_whole(row, usable))
        for (std::size_t input = 0; input < usable.size(); ++input)
            worst_of_row = worst(worst_of_row, admit(row, input, usable[input]));
    sums_.add(usable);
    times_[at] = row.time;
    row_quality_[at] = worst_of_row;
    ++filled_;
    ++seen_;
    last_ = row.time;
    if (!started_) started_ = row.time;
}

void Extractor::settle() {
    if (staged_count_ == 0) return;
    const std::size_t width = plan_.inputs.size();
    for (std::size_t input = 0; input < width; ++input)
        for (std::size_t i = 0; i < staged_count_; ++i)
            values_[input * capacity_ + staged_at_[i]] = staged_[i * width + input];
    staged_count_ = 0;
}

// Most rows: everything is good and finite, and nothing is remembered of it.
bool Extractor::take_whole(const Row& row, std::span<double> usable) const {
    if (plan_.on_bad == OnBad::hold) return false;
    unsigned other = 0;
    for (const Quality quality : row.quality) other |= quality.code ^ Quality::good().code;
    double nothing = 0;  // becomes NaN with the first value that is not finite
    for (std::size_t input = 0; input < usable.size(); ++input) {
        usable[input] = row.values[input];
        nothing += row.values[input] * 0;
    }
    return other == 0 && nothing == 0;
}

// Writes the value to use, or NaN, and says how good it is.
Quality Extractor::admit(const Row& row, std::size_t input, double& value) {
    const Quality quality = row.quality.empty() ? Quality::good() : row.quality[input];
    const double given = row.values[input];
    const bool holds = plan_.on_bad == OnBad::hold;
    Held& held = held_[input];
    if (!quality.is_bad() && std::isfinite(given)) {
        value = given;
        if (holds) held = {given, 0, true};
        return quality;
    }
    ++held.age;
    const bool stand_in = holds && held.known && held.age <= plan_.hold_rows;
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
    const bool whole = sums_.rows() == filled_;
    if (whole)
        take_sums();
    else
        std::fill(out_.begin(), out_.end(), nan);
    bool lacks = false;
    for (std::size_t i = 0; i < out_.size(); ++i) {
        if (!std::isnan(out_[i])) continue;
        out_[i] = compute(plan_.features[i]);
        lacks |= std::isnan(out_[i]);
    }
    scale_all();
    for (std::size_t i = 0; lacks && i < out_.size() && frame.lacking.empty(); ++i)
        if (std::isnan(out_[i])) frame.lacking = plan_.inputs[plan_.features[i].input];
    if (dropped_ && *dropped_ >= begin) frame.lacking = "window.max_rows";
    if (!frame.lacking.empty()) frame.quality = Quality::bad(frame.quality.reason());
    frame.values = out_;
    frame.scaled = scaled_;
    return frame;
}

// NaN where there are none, and of an input with a hole.
void Extractor::take_sums() {
    sums_.finish();
    for (std::size_t i = 0; i < out_.size(); ++i) out_[i] = summed_[i] ? *summed_[i] : nan;
}

void Extractor::scale_all() {
    for (std::size_t i = 0; i < out_.size(); ++i)
        scaled_[i] = static_cast<float>((out_[i] - center_[i]) / scale_[i]);
}

bool Extractor::ends_window(Timestamp next) const {
    const Window& window = plan_.window;
    const bool tumbling = window.kind == WindowKind::tumbling;
    if (!last_ || !started_ || (!tumbling && window.kind != WindowKind::sliding)) return false;
    if (window.max_gap.count() > 0 && next - *last_ > window.max_gap) return false;
    const Extent& step = tumbling ? window.length : window.every;
    if (!step.by_rows()) return slot_of(*last_, step.time) != slot_of(next, step.time);
    const std::uint64_t rows = seen_ + 1, length = window.length.rows;
    return rows >= length && (rows - length) % step.rows == 0;
}

std::span<const float> Extractor::rehearse() {
    if (sums_.rows() > 0) take_sums();
    scale_all();
    return scaled_;
}

std::uint32_t Extractor::min_rows_for(const Extent& over) const {
    const Window& window = plan_.window;
    if (!window.length.by_rows()) return std::max<std::uint32_t>(window.min_rows, 1);
    const std::uint32_t rows = over.by_rows() ? over.rows : window.length.rows;
    return window.min_rows > 0 ? std::min(window.min_rows, rows) : (rows + 1) / 2;
}

}  // namespace mw::features
