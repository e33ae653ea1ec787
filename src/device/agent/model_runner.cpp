#include "device/agent/model_runner.h"

#include <limits>

namespace mw::agent {
namespace {
constexpr std::size_t bundle_id_bytes = 64;  // SHA-256 in hex
constexpr std::size_t buffers_kept = 1;
}  // namespace

ModelRunner::ModelRunner(Assignment assignment, pipeline::LoadedBundle bundle)
    : assignment_(std::move(assignment)),
      bundle_(std::move(bundle)),
      fed_by_(bundle_.pipeline.spec().fed_by()),
      aligner_(bundle_.pipeline.spec().signals(), bundle_.pipeline.spec().align),
      grid_(bundle_.pipeline.spec().inputs.size(), bundle_.pipeline.spec().resample),
      observer_(std::make_shared<pipeline::Reference>(bundle_.reference), bundle_.id) {}

// What a fallback decided has no score: it is as a bad value.
void ModelRunner::take_score(const Decision& d) {
    const bool scored = d.fallback.empty();
    aligner_.add(pipeline::score_signal(d.model), d.window_to,
                 scored ? d.score : std::numeric_limits<double>::quiet_NaN(),
                 scored ? d.inputs_quality : Quality::bad(Reason::not_a_number));
}

void ModelRunner::feed(const Batch& batch, std::vector<Decision>& decisions) {
    aligner_.add(batch);
    while (auto row = next_row()) {
        auto outcome = bundle_.pipeline.push(*row);
        if (!outcome) continue;
        Decision& d = decisions.emplace_back();
        d.device = assignment_.device;
        d.asset = assignment_.asset;
        d.model = assignment_.model;
        d.version = assignment_.version;
        d.bundle_hash = bundle_.id;
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
    aligner_.add(batch);
    // What it says about the past was said before, or belongs to another model.
    while (auto row = next_row()) static_cast<void>(bundle_.pipeline.push(*row));
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
