#include "insight/pipeline/scorer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/crc32c.h"

namespace mw::pipeline {
namespace {

constexpr std::size_t checkpoint_size = 26;
constexpr std::uint8_t checkpoint_version = 1;
constexpr std::uint8_t remembering_version = 2;  // of pipelines that remember more
constexpr std::size_t warm_up_cells_max = 2 * features::max_window_cells;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Error refuse(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

Error bad_checkpoint(std::string why) {
    return Error{Errc::corrupt, "pipeline checkpoint: " + std::move(why)};
}

template <class T>
void append_le(Bytes& bytes, T value) {
    bytes.resize(bytes.size() + sizeof value);
    store_le(&bytes[bytes.size() - sizeof value], value);
}

void append_all(Bytes& bytes, const auto& numbers) {
    append_le(bytes, static_cast<std::uint32_t>(numbers.size()));
    for (const double number : numbers) append_le(bytes, std::bit_cast<std::uint64_t>(number));
}

// Reads a counted list of doubles from the front; false when the bytes end before it.
bool take_all(ByteView& bytes, auto& numbers) {
    if (bytes.size() < 4) return false;
    const auto count = load_le<std::uint32_t>(bytes.data());
    bytes = bytes.subspan(4);
    if (bytes.size() / 8 < count) return false;
    for (std::uint32_t i = 0; i < count; ++i)
        numbers.push_back(std::bit_cast<double>(load_le<std::uint64_t>(&bytes[i * 8])));
    bytes = bytes.subspan(std::size_t{count} * 8);
    return true;
}

}  // namespace

Result<Pipeline> Pipeline::open(Spec spec, std::unique_ptr<inference::Model> model, Clock& clock) {
    ASSERT(model);
    if (spec.inputs.size() != spec.plan.inputs.size())
        return refuse("pipeline: inputs and the plan's inputs differ");
    if (model->input_size() != spec.plan.features.size())
        return refuse("pipeline: the model takes " + std::to_string(model->input_size()) +
                      " numbers, the pipeline makes " + std::to_string(spec.plan.features.size()) +
                      " features");
    if (model->output_size() <= spec.output_index)
        return refuse("model.index: the output has " + std::to_string(model->output_size()) +
                      " numbers, there is none at " + std::to_string(spec.output_index));
    TRY(features::Extractor extractor, features::Extractor::open(spec.plan));
    return Pipeline(std::move(spec), std::move(extractor), std::move(model), clock);
}

Pipeline::Pipeline(Spec spec, features::Extractor extractor,
                   std::unique_ptr<inference::Model> model, Clock& clock)
    : spec_(std::move(spec)),
      extractor_(std::move(extractor)),
      model_(std::move(model)),
      clock_(&clock),
      model_out_(model_->output_size()),
      level_(spec_.baseline, spec_.plan.features.size()),
      last_features_(spec_.plan.features.size(), nan),
      last_scaled_(spec_.plan.features.size()),
      fingerprint_(crc32c(bytes_of(to_yaml(spec_)))) {}

void Pipeline::reset() {
    extractor_.reset();
    recent_.clear();
    forget_scores_ = alarmed_ = false;
    streak_ = 0;
    level_.reset();
    std::fill(last_features_.begin(), last_features_.end(), nan);
    warm_up_.reset();
}

std::optional<Outcome> Pipeline::push(const features::Row& row) {
    if (warm_up_) {
        if (row.time <= warm_up_->until) return keep(row), std::nullopt;
        finish_warm_up();
    }
    const SteadyTime start = clock_->steady();
    const auto frame = advance(row);
    if (!frame) return std::nullopt;
    Outcome outcome;
    take(*frame, outcome);
    decide(outcome);
    const auto took = clock_->steady() - start;
    outcome.latency_us = static_cast<double>(took.count()) / 1000.0;
    return outcome;
}

void Pipeline::rehearse() { model_->rehearse(extractor_.rehearse(), model_out_); }

// Feeds the extractor. After a gap the scores from before it must not be smoothed with later ones:
// that keeps the memory finite. A frame that ends before this row is still one from before the gap.
std::optional<features::Frame> Pipeline::advance(const features::Row& row) {
    if (forget_scores_) recent_.clear();
    forget_scores_ = false;
    const std::uint64_t refused = extractor_.refused_rows();
    auto frame = extractor_.push(row);
    if (extractor_.refused_rows() == refused && extractor_.rows_seen() == 1) {
        if (frame && frame->to < row.time)
            forget_scores_ = true;
        else
            recent_.clear();
    }
    return frame;
}

void Pipeline::take(const features::Frame& frame, Outcome& outcome) {
    outcome.window_from = frame.from;
    outcome.window_to = frame.to;
    outcome.samples = frame.rows;
    outcome.inputs_quality = frame.quality;
    std::copy(frame.values.begin(), frame.values.end(), last_features_.begin());
    const double score = model_score(frame, outcome.fallback);
    recent_.push_back(score);
    if (recent_.size() > spec_.smoothing_scores) recent_.pop_front();
    outcome.score = outcome.fallback.empty() ? smoothed() : 0;
}

double Pipeline::model_score(const features::Frame& frame, std::string& fallback) {
    if (!frame.lacking.empty()) {
        fallback = "inputs_bad: " + std::string(frame.lacking);
        return nan;
    }
    const auto left = level_.subtract(frame.scaled);
    std::copy(left.begin(), left.end(), last_scaled_.begin());
    if (auto ran = model_->run(left, model_out_); !ran) {
        fallback = "model_failed: " + ran.error().message;
        return nan;
    }
    const double score = model_out_[spec_.output_index];
    if (std::isfinite(score)) return score;
    fallback = "score_not_finite";
    return nan;
}

// Over the frames that have a score, oldest first: the same bits however the window came about.
double Pipeline::smoothed() const {
    if (spec_.smoothing == Smoothing::none) return recent_.back();
    sorted_.clear();
    for (const double score : recent_)
        if (!std::isnan(score)) sorted_.push_back(score);
    const std::size_t n = sorted_.size();
    if (spec_.smoothing == Smoothing::mean) {
        double sum = 0;
        for (const double score : sorted_) sum += score;
        return sum / static_cast<double>(n);
    }
    std::sort(sorted_.begin(), sorted_.end());
    return (sorted_[(n - 1) / 2] + sorted_[n / 2]) / 2;
}

void Pipeline::decide(Outcome& outcome) {
    if (!outcome.fallback.empty()) {
        outcome.decision = fallback_decision();
        return;
    }
    const bool high = outcome.score >= (alarmed_ ? spec_.clear_at : spec_.raise_at);
    streak_ = high == alarmed_ ? 0 : streak_ + 1;
    if (streak_ >= (alarmed_ ? spec_.clear_after : spec_.raise_after)) {
        alarmed_ = !alarmed_;
        streak_ = 0;
    }
    outcome.decision = alarmed_;
    level_.settle(alarmed_ || outcome.score >= spec_.raise_at);
}

bool Pipeline::fallback_decision() const {
    if (spec_.fallback == FallbackDecision::hold) return alarmed_;
    return spec_.fallback == FallbackDecision::on;
}

features::Memory Pipeline::memory() const {
    features::Memory memory = extractor_.memory(spec_.smoothing_scores);
    const features::ResampleOptions& grid = spec_.resample;
    if (grid.every.count() == 0) return memory;
    // Rows are the grid's; the points before them are known by their time only.
    const auto steps = static_cast<std::int64_t>(memory.rows);
    const nanoseconds reach = grid.reach.count() > 0 ? grid.reach : grid.every * 10;
    memory.span = std::max(memory.span, grid.every * steps) + reach;
    return memory;
}

Bytes Pipeline::checkpoint() const {
    Bytes bytes(checkpoint_size - 4);
    const auto last = warm_up_ ? std::optional(warm_up_->until) : extractor_.last_time();
    bytes[0] = spec_.remembers() ? remembering_version : checkpoint_version;
    bytes[1] = static_cast<std::uint8_t>((alarmed_ ? 1 : 0) | (last ? 2 : 0));
    store_le(&bytes[2], fingerprint_);
    store_le(&bytes[6], last.value_or(Timestamp{}).ns);
    store_le(&bytes[14], warm_up_ ? warm_up_->rows_seen : extractor_.rows_seen());
    if (spec_.remembers()) {
        append_le(bytes, streak_);
        append_le(bytes, level_.seen());
        append_le(bytes, level_.frozen());
        append_all(bytes, level_.levels());
        append_all(bytes, warm_up_ ? warm_up_->recent : recent_);
    }
    append_le(bytes, crc32c(bytes));
    return bytes;
}

Result<void> Pipeline::restore(ByteView bytes) {
    const std::uint8_t version = spec_.remembers() ? remembering_version : checkpoint_version;
    const bool sized =
        spec_.remembers() ? bytes.size() >= checkpoint_size + 20 : bytes.size() == checkpoint_size;
    if (bytes.empty() || bytes[0] != version || !sized)
        return bad_checkpoint("want version " + std::to_string(version) + ", got " +
                              std::to_string(bytes.size()) + " bytes of another");
    const std::size_t body = bytes.size() - 4;
    if (crc32c(bytes.first(body)) != load_le<std::uint32_t>(&bytes[body]))
        return bad_checkpoint("wrong checksum");
    if (load_le<std::uint32_t>(&bytes[2]) != fingerprint_)
        return refuse("pipeline checkpoint: it is of another pipeline; start without it");
    reset();
    WarmUp past{{load_le<std::int64_t>(&bytes[6])}, load_le<std::uint64_t>(&bytes[14]), {}, {}};
    if (spec_.remembers())
        TRY_VOID(restore_memory(bytes.first(body).subspan(checkpoint_size - 4), past));
    alarmed_ = (bytes[1] & 1) != 0;
    if (bytes[1] & 2) warm_up_ = std::move(past);
    return {};
}

Result<void> Pipeline::restore_memory(ByteView bytes, WarmUp& past) {
    const auto streak = load_le<std::uint32_t>(&bytes[0]), seen = load_le<std::uint32_t>(&bytes[4]),
               frozen = load_le<std::uint32_t>(&bytes[8]);
    bytes = bytes.subspan(12);
    std::vector<double> levels;
    if (!take_all(bytes, levels) || !take_all(bytes, past.recent) || !bytes.empty() ||
        levels.size() != level_.levels().size() || past.recent.size() > spec_.smoothing_scores)
        return bad_checkpoint("its levels and scores are not this pipeline's");
    streak_ = streak;
    level_.restore(std::move(levels), seen, frozen);
    return {};
}

// The phase of windows that are counted in rows is known only once the number of rows is.
void Pipeline::keep(const features::Row& row) {
    auto& rows = warm_up_->rows;
    if (row.values.size() != spec_.inputs.size() || (!rows.empty() && row.time <= rows.back().time))
        return;
    rows.push_back({row.time,
                    {row.values.begin(), row.values.end()},
                    {row.quality.begin(), row.quality.end()}});
    const features::Memory wanted = memory();
    const std::size_t rows_max = std::max<std::size_t>(1, warm_up_cells_max / spec_.inputs.size());
    while (rows.size() > rows_max ||
           (rows.size() > wanted.rows && row.time - rows.front().time > wanted.span))
        rows.pop_front();
}

void Pipeline::finish_warm_up() {
    const WarmUp past = std::move(*warm_up_);
    warm_up_.reset();
    const std::uint64_t rows = past.rows.size();
    extractor_.continue_from(past.rows_seen > rows ? past.rows_seen - rows : 0);
    Outcome ignored;
    for (const KeptRow& row : past.rows) {
        const auto frame = advance({row.time, row.values, row.quality});
        if (!frame || spec_.remembers()) continue;  // what is remembered needs no second opinion
        ignored.fallback.clear();
        take(*frame, ignored);
    }
    if (spec_.remembers()) recent_ = past.recent;
}

}  // namespace mw::pipeline
