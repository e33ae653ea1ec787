#include "insight/features/aligner.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mw::features {
namespace {

constexpr std::size_t times_to_believe = 3;

}  // namespace

Aligner::Aligner(std::vector<std::string> signals, AlignOptions options) : options_(options) {
    for (auto& signal : signals) inputs_[std::move(signal)].push_back(width_++);
    if (options_.max_pending == 0) options_.max_pending = 1;
    came_.resize(width_);
}

void Aligner::add(const Batch& batch) {
    if (batch.form != 0 && add_row(batch)) return;
    for (std::size_t place = 0; place < batch.runs.size(); ++place) {
        const Run& run = batch.runs[place];
        const Inputs* inputs = inputs_of(batch, place);
        if (!inputs) continue;
        for (const std::size_t input : *inputs)
            for (std::uint32_t i = run.begin; i < run.end; ++i) {
                if (run.boxed && batch.boxes.text(batch.values[i])) continue;  // no feature of it
                const double value =
                    run.boxed ? batch.boxes.number(batch.values[i]) : batch.values[i];
                add({input, batch.times[i], value, batch.quality[i]});
            }
    }
}

// A frame of one moment that is neither late nor ahead is judged once for all
// its points. False: it is not one.
bool Aligner::add_row(const Batch& batch) {
    const Timestamp time = batch.size() > 0 ? batch.times[0] : Timestamp{};
    const bool fits = batch.size() == batch.runs.size() && aside_.empty() &&
                      (!consumed_ || time > *consumed_) && time.ns <= time_limit_ns &&
                      time.ns >= -time_limit_ns && !is_ahead(time) &&
                      std::ranges::all_of(batch.times, [&](Timestamp t) { return t == time; }) &&
                      (batch.boxes.empty() || std::ranges::none_of(batch.runs, &Run::boxed));
    if (!fits || batch.runs.empty()) return false;
    if (batch.form != form_) learn(batch);
    if (rows_.empty() && !run_of_.empty()) {
        add_whole_row(batch);
        return true;
    }
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        const Inputs* inputs = inputs_of(batch, i);
        if (!inputs) continue;
        const std::uint32_t at = batch.runs[i].begin;
        for (const std::size_t input : *inputs)
            place({input, time, batch.values[at], batch.quality[at]});
    }
    return true;
}

// Nothing waits, and nothing is missing: its columns are the row.
void Aligner::add_whole_row(const Batch& batch) {
    Pending row = spare_row();
    row.values.resize(width_);
    row.quality.resize(width_);
    row.known.assign(width_, 1);
    row.count = width_;
    if (in_order_) {
        std::copy_n(batch.values.begin(), width_, row.values.begin());
        std::copy_n(batch.quality.begin(), width_, row.quality.begin());
    } else {
        for (std::size_t i = 0; i < width_; ++i) {
            row.values[i] = batch.values[run_of_[i]];
            row.quality[i] = batch.quality[run_of_[i]];
        }
    }
    flushing_ = false;
    std::ranges::fill(came_, std::uint8_t{1});
    if (!newest_ || batch.times[0] > *newest_) newest_ = batch.times[0];
    rows_.emplace(batch.times[0].ns, std::move(row));
}

const Aligner::Inputs* Aligner::look_up(const Run& run) const {
    const auto found = inputs_.find(run.signal);
    return found == inputs_.end() ? nullptr : &found->second;
}

// Batches of one form name the same signals in the same places: those are
// looked up once.
void Aligner::learn(const Batch& batch) {
    constexpr std::uint32_t none = ~std::uint32_t{0};
    form_ = batch.form;
    of_run_.clear();
    run_of_.assign(width_, none);
    bool once = true;
    for (std::uint32_t run = 0; run < batch.runs.size(); ++run) {
        of_run_.push_back(look_up(batch.runs[run]));
        if (!of_run_.back()) continue;
        for (const std::size_t input : *of_run_.back()) {
            once &= run_of_[input] == none;
            run_of_[input] = run;
        }
    }
    in_order_ = true;
    for (std::size_t i = 0; i < width_; ++i) in_order_ &= run_of_[i] == i;
    if (!once || std::ranges::count(run_of_, none) > 0) run_of_.clear();
}

const Aligner::Inputs* Aligner::inputs_of(const Batch& batch, std::size_t run) {
    if (batch.form == 0) return look_up(batch.runs[run]);
    if (batch.form != form_) learn(batch);
    return of_run_[run];
}

void Aligner::add(std::string_view signal, Timestamp time, double value, Quality quality) {
    const auto found = inputs_.find(signal);
    if (found == inputs_.end()) return;
    for (const std::size_t input : found->second) add({input, time, value, quality});
}

void Aligner::add(const Point& point) {
    const Timestamp time = point.time;
    if ((consumed_ && time <= *consumed_) || time.ns > time_limit_ns || time.ns < -time_limit_ns) {
        ++late_;
        return;
    }
    if (is_ahead(time)) return set_aside(point);
    if (!aside_.empty()) drop_aside();
    place(point);
}

void Aligner::place(const Point& point) {
    flushing_ = false;
    came_[point.input] = 1;
    if (!newest_ || point.time > *newest_) newest_ = point.time;
    if (!same_.second || same_.first != point.time.ns) {
        const auto found = row_at(point.input, point.time);
        same_ = {found->first, &found->second};
        if (found->first != point.time.ns) same_.second = nullptr;  // a near one: asked each time
        fill(found->second, point);
        return;
    }
    fill(*same_.second, point);
}

void Aligner::fill(Pending& row, const Point& point) {
    if (!row.known[point.input]) ++row.count;
    row.known[point.input] = 1;
    row.values[point.input] = point.value;
    row.quality[point.input] = point.quality;
}

// The first time of all is believed: there is nothing to judge it by.
bool Aligner::is_ahead(Timestamp time) const {
    const std::optional<Timestamp> last = std::max(newest_, consumed_);
    return last && options_.max_ahead > nanoseconds{0} && time - *last > options_.max_ahead;
}

// After a real pause every signal goes on at the later time: nothing of it is lost, it is placed
// with the third time. A signal whose clock is wrong for good never gets there, as the others' are
// ordinary points.
void Aligner::set_aside(const Point& point) {
    const auto far = [&](nanoseconds apart) {
        return apart > options_.max_ahead || apart < -options_.max_ahead;
    };
    if (!aside_.empty() && far(point.time - aside_.front().time)) drop_aside();
    if (aside_.size() >= 2 * times_to_believe * width_) drop_aside();  // the same again and again
    aside_.push_back(point);
    std::vector<Timestamp> times;
    for (const Point& each : aside_)
        if (std::find(times.begin(), times.end(), each.time) == times.end())
            times.push_back(each.time);
    if (times.size() < times_to_believe) return;
    for (const Point& each : std::exchange(aside_, {})) place(each);
}

void Aligner::drop_aside() {
    ahead_ += aside_.size();
    aside_.clear();
}

Aligner::Pending Aligner::spare_row() {
    Pending row;
    if (spare_.empty()) return row;
    row = std::move(spare_.back());
    spare_.pop_back();
    return row;
}

// The earliest waiting row within the tolerance that has no such value yet, else a new row.
Aligner::Rows::iterator Aligner::row_at(std::size_t input, Timestamp time) {
    if (const auto same = rows_.find(time.ns); same != rows_.end()) return same;
    const std::int64_t tolerance = options_.tolerance.count();
    if (tolerance > 0) {
        auto near = rows_.lower_bound(time.ns - tolerance);
        for (; near != rows_.end() && near->first <= time.ns + tolerance; ++near)
            if (!near->second.known[input]) return near;
    }
    Pending row = spare_row();
    row.values.assign(width_, std::numeric_limits<double>::quiet_NaN());
    row.quality.assign(width_, Quality::good());
    row.known.assign(width_, 0);
    row.count = 0;
    return rows_.emplace(time.ns, std::move(row)).first;
}

bool Aligner::ready(Timestamp time, const Pending& row) const {
    return row.count == width_ || flushing_ || rows_.size() > options_.max_pending ||
           *newest_ - time > options_.wait;
}

std::optional<Row> Aligner::next() {
    if (rows_.empty()) {
        flushing_ = false;
        return std::nullopt;
    }
    const auto oldest = rows_.begin();
    const Timestamp time{oldest->first};
    if (!ready(time, oldest->second)) return std::nullopt;
    if (spare_.size() < 16) spare_.push_back(std::move(current_));
    current_ = std::move(oldest->second);
    rows_.erase(oldest);
    same_.second = nullptr;
    consumed_ = time;
    return Row{time, current_.values, current_.quality};
}

void Aligner::flush() { flushing_ = true; }

}  // namespace mw::features
