#include "insight/pipeline/scorer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/crc32c.h"

namespace mw::pipeline {
namespace {

constexpr std::size_t checkpoint_size = 26;
constexpr std::uint8_t checkpoint_version = 1;
constexpr std::size_t warm_up_cells_max = 2 * features::max_window_cells;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Error refuse(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

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
      last_features_(spec_.plan.features.size(), nan),
      fingerprint_(crc32c(bytes_of(to_yaml(spec_)))) {}

void Pipeline::reset() {
    extractor_.reset();
    recent_.clear();
    forget_scores_ = alarmed_ = false;
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
    if (auto ran = model_->run(frame.scaled, model_out_); !ran) {
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
        outcome.decision = spec_.fallback == FallbackDecision::hold
                               ? alarmed_
                               : spec_.fallback == FallbackDecision::on;
        return;
    }
    alarmed_ = alarmed_ ? outcome.score >= spec_.clear_at : outcome.score >= spec_.raise_at;
    outcome.decision = alarmed_;
}

features::Memory Pipeline::memory() const { return extractor_.memory(spec_.smoothing_scores); }

Bytes Pipeline::checkpoint() const {
    Bytes bytes(checkpoint_size);
    const auto last = warm_up_ ? std::optional(warm_up_->until) : extractor_.last_time();
    bytes[0] = checkpoint_version;
    bytes[1] = static_cast<std::uint8_t>((alarmed_ ? 1 : 0) | (last ? 2 : 0));
    store_le(&bytes[2], fingerprint_);
    store_le(&bytes[6], last.value_or(Timestamp{}).ns);
    store_le(&bytes[14], warm_up_ ? warm_up_->rows_seen : extractor_.rows_seen());
    store_le(&bytes[22], crc32c(ByteView(bytes).first(22)));
    return bytes;
}

Result<void> Pipeline::restore(ByteView bytes) {
    const auto bad = [](std::string why) {
        return Error{Errc::corrupt, "pipeline checkpoint: " + std::move(why)};
    };
    if (bytes.size() != checkpoint_size || bytes[0] != checkpoint_version)
        return bad("want 26 bytes of version 1, got " + std::to_string(bytes.size()));
    if (crc32c(bytes.first(22)) != load_le<std::uint32_t>(&bytes[22])) return bad("wrong checksum");
    if (load_le<std::uint32_t>(&bytes[2]) != fingerprint_)
        return refuse("pipeline checkpoint: it is of another pipeline; start without it");
    reset();
    alarmed_ = (bytes[1] & 1) != 0;
    if (bytes[1] & 2)
        warm_up_ =
            WarmUp{{load_le<std::int64_t>(&bytes[6])}, load_le<std::uint64_t>(&bytes[14]), {}};
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
        if (const auto frame = advance({row.time, row.values, row.quality})) {
            ignored.fallback.clear();
            take(*frame, ignored);
        }
    }
}

}  // namespace mw::pipeline
