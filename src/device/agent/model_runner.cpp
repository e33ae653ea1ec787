#include "device/agent/model_runner.h"

#include <algorithm>
#include <limits>

namespace mw::agent {
namespace {
constexpr std::size_t bundle_id_bytes = 64;  // SHA-256 in hex
constexpr std::size_t buffers_kept = 1;
constexpr std::size_t names_bytes_max = 120;  // a decision's texts have 256
constexpr std::size_t reason_bytes_max = 250;

// Between two characters of UTF-8.
std::string cut(std::string text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    text.resize(most);
    return text;
}
}  // namespace

ModelRunner::ModelRunner(Assignment assignment, pipeline::LoadedBundle bundle)
    : assignment_(std::move(assignment)),
      bundle_(std::move(bundle)),
      fed_by_(bundle_.pipeline.spec().fed_by()),
      aligner_(bundle_.pipeline.spec().signals(), bundle_.pipeline.spec().align),
      grid_(bundle_.pipeline.spec().inputs.size(), bundle_.pipeline.spec().resample),
      observer_(std::make_shared<pipeline::Reference>(bundle_.reference), bundle_.id),
      past_(bundle_.pipeline.spec().fed_by()),
      freshness_(bundle_.pipeline.spec()) {}

// What a fallback decided has no score: it is as a bad value.
void ModelRunner::take_score(const Decision& d) {
    const bool scored = d.fallback.empty();
    const PastScore score{d.model, d.window_to,
                          scored ? d.score : std::numeric_limits<double>::quiet_NaN(),
                          scored ? d.inputs_quality : Quality::bad(Reason::not_a_number)};
    place_score(score);
    past_.add(score);
    took_scores_ = true;
}

void ModelRunner::place_score(const PastScore& score) {
    aligner_.add(pipeline::score_signal(score.model), score.time, score.score, score.quality);
}

Bytes ModelRunner::scores_checkpoint() {
    took_scores_ = false;
    return past_.checkpoint();
}

void ModelRunner::feed(const Batch& batch, std::vector<Decision>& decisions, SteadyTime now) {
    const std::size_t before = decisions.size();
    std::size_t rows = 0;
    aligner_.add(batch);
    while (auto row = next_row()) {
        ++rows;
        row_step_ = row_time_ ? row->time - *row_time_ : nanoseconds{0};
        row_time_ = row->time;
        auto outcome = bundle_.pipeline.push(*row);
        if (!outcome) continue;
        Decision& d = fill_in(decisions.emplace_back());
        d.window_from = outcome->window_from;
        d.window_to = outcome->window_to;
        d.samples = outcome->samples;
        d.inputs_quality = outcome->inputs_quality;
        d.score = outcome->score;
        d.decision = outcome->decision;
        d.fallback = std::move(outcome->fallback);
        d.latency_us = outcome->latency_us;
        note(d);
        latency_us_.add(d.latency_us);
        ++decisions_;
        alarms_ += d.decision;
        fallbacks_ += !d.fallback.empty();
        failures_ += d.fallback == "score_not_finite" || d.fallback.starts_with("model_failed");
    }
    if (rows == 0) return;
    row_at_ = now;
    freshness_.took(now, rows, decisions.size() - before, batch.replayed);
    const bool next_decides = bundle_.pipeline.decides_at(*row_time_ + row_step_);
    anticipation_.took(now, rows, decisions.size() > before, next_decides && !batch.replayed);
    if (decisions.size() == before) return;
    misplaced_ = aligner_.late_points() + aligner_.ahead_points();
    const std::string& fallback = decisions.back().fallback;
    inputs_trouble_ = fallback.starts_with("inputs_bad") ? fallback : std::string();
}

Decision& ModelRunner::fill_in(Decision& d) const {
    d.device = assignment_.device;
    d.asset = assignment_.asset;
    d.model = assignment_.model;
    d.version = assignment_.version;
    d.bundle_hash = bundle_.id;
    return d;
}

void ModelRunner::watch_from(SteadyTime now) {
    freshness_.start(now);
    came_at_.assign(bundle_.pipeline.spec().inputs.size(), now);
    aligner_.forget_came();
}

void ModelRunner::look(SteadyTime now) {
    const auto came = aligner_.came();
    for (std::size_t i = 0; i < came_at_.size(); ++i)
        if (came[i]) came_at_[i] = now;
    aligner_.forget_came();
}

// Its time goes on from the inputs' own, whose clock may not be ours.
Decision ModelRunner::decide_stale(SteadyTime now, Timestamp wall, std::string_view remark) {
    Decision d;
    fill_in(d);
    const auto last = aligner_.consumed();
    d.window_to = last && row_at_ ? *last + (now - *row_at_) : wall;
    d.window_from = d.window_to - freshness_.silent(now);
    d.inputs_quality = Quality::bad(Reason::stale);
    d.decision = bundle_.pipeline.fallback_decision();
    d.fallback = inputs_trouble_ = stale_reason(now, remark);
    freshness_.spoke(now);
    ++decisions_;
    ++fallbacks_;
    ++stale_decisions_;
    alarms_ += d.decision;
    return d;
}

std::string ModelRunner::stale_reason(SteadyTime now, std::string_view remark) const {
    const auto& inputs = bundle_.pipeline.spec().inputs;
    const nanoseconds recent = freshness_.stale_after() / 2;
    std::string names;
    std::size_t missing = 0, named = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (now - came_at_[i] <= recent) continue;
        ++missing;
        if (names.size() + inputs[i].name.size() > names_bytes_max) continue;
        names += (named++ > 0 ? ", " : "") + inputs[i].name;
    }
    if (missing > named)
        names += (named > 0 ? " and " : "") + std::to_string(missing - named) + " more";
    std::string reason = missing > 0 ? "inputs_stale: " + names
                                     : std::string("no_window: its inputs come, none is complete");
    const std::uint64_t misplaced = aligner_.late_points() + aligner_.ahead_points() - misplaced_;
    if (misplaced > 0)
        reason += "; " + std::to_string(misplaced) + " points were too old or far in the future";
    if (missing > 0 && !remark.empty()) reason += " (" + std::string(remark) + ")";
    return cut(std::move(reason), reason_bytes_max);
}

void ModelRunner::note(const Decision& d) {
    if (uncounted_ == seen_.size()) seen_.emplace_back();
    Seen& seen = seen_[uncounted_++];
    const auto features = bundle_.pipeline.last_features();
    seen.features.assign(features.begin(), features.end());
    seen.score = d.fallback.empty() ? d.score : std::numeric_limits<double>::quiet_NaN();
    seen.time = d.window_to;
    seen.latency_us = d.latency_us;
}

void ModelRunner::count() {
    for (std::size_t i = 0; i < uncounted_; ++i) {
        const Seen& seen = seen_[i];
        observer_.observe(seen.features, seen.score, seen.time, seen.latency_us);
    }
    seen_.resize(std::min<std::size_t>(seen_.size(), buffers_kept));
    uncounted_ = 0;
}

Bytes ModelRunner::checkpoint() const {
    Bytes bytes(bundle_.id.begin(), bundle_.id.end());
    const Bytes state = bundle_.pipeline.checkpoint();
    bytes.insert(bytes.end(), state.begin(), state.end());
    return bytes;
}

bool ModelRunner::restore(const Bytes& checkpoint) {
    if (checkpoint.size() <= bundle_id_bytes ||
        text_of(checkpoint).substr(0, bundle_id_bytes) != bundle_.id)
        return false;
    return bundle_.pipeline.restore(ByteView(checkpoint).subspan(bundle_id_bytes)).ok();
}

void ModelRunner::look_back(const Batch& batch) {
    // As they came then: before the points that followed them.
    const auto newest = std::ranges::max_element(batch.times);
    if (newest != batch.times.end())
        past_.replay(*newest, [this](const PastScore& score) { place_score(score); });
    aligner_.add(batch);
    // What it says about the past was said before, or belongs to another model.
    while (auto row = next_row()) static_cast<void>(bundle_.pipeline.push(*row));
}

void ModelRunner::end_look_back() {
    past_.replay({std::numeric_limits<std::int64_t>::max()}, [this](const PastScore& score) {
        place_score(score);
        while (auto row = next_row()) static_cast<void>(bundle_.pipeline.push(*row));
    });
}

std::optional<features::Row> ModelRunner::next_row() {
    const bool as_they_are = bundle_.pipeline.spec().resample.every == nanoseconds{0};
    if (as_they_are) return aligner_.next();
    for (;;) {
        if (auto row = grid_.next()) return row;
        const auto aligned = aligner_.next();
        if (!aligned) return std::nullopt;
        grid_.add(*aligned);
    }
}

}  // namespace mw::agent
