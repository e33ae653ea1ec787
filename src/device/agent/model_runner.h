#pragma once
// One assigned model on the gateway: its pipeline, fed with every batch of the device, and what it
// has observed about itself. Belongs to the agent's loop.

#include <optional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "device/agent/anticipation.h"
#include "device/agent/freshness.h"
#include "device/agent/past_scores.h"
#include "device/observation/observation.h"
#include "domain/decision.h"
#include "insight/pipeline/pipeline.h"

namespace mw::agent {

// How a decision is filled in beside what the pipeline says.
struct Assignment {
    DeviceId device;
    std::string asset;
    std::string model;
    std::string version;
};

class ModelRunner {
 public:
    ModelRunner(Assignment assignment, pipeline::LoadedBundle bundle);

    const std::string& bundle_id() const { return bundle_.id; }
    const Assignment& assignment() const { return assignment_; }
    // Rows it must see again to be as if it had never stopped.
    features::Memory memory() const { return bundle_.pipeline.memory(); }

    // What it looks at, by the device's names, and the score at which it alarms.
    std::vector<std::string> signals() const { return bundle_.pipeline.spec().signals(); }
    double raise_at() const { return bundle_.pipeline.spec().raise_at; }

    inference::Model& model() { return bundle_.pipeline.model(); }

    // What runs it, and what is to be said about that: why it is not the native engine, say.
    std::string engine() const { return bundle_.pipeline.model().engine(); }
    std::string engine_remark() const { return bundle_.pipeline.model().remark(); }
    // Whether it is asked just now, when limits watch over it.
    inference::Standing standing() const { return bundle_.pipeline.model().standing(); }

    // Models whose scores it takes, and one of those scores: before the batch that led to it.
    const std::vector<std::string>& fed_by() const { return fed_by_; }
    void take_score(const Decision& of_another);
    // Scores that no source can give again: kept for the next start. restore() before look_back().
    bool took_scores() const { return took_scores_; }
    Bytes scores_checkpoint();
    void restore_scores(const Bytes& checkpoint) { past_.restore(checkpoint); }

    // Feeds a batch; appends the decisions it led to. Then, when those are on their way, count():
    // what the observer makes of them takes as long as the decisions themselves.
    void feed(const Batch& batch, std::vector<Decision>& decisions, SteadyTime now);
    void count();

    // When a row is due that leads to a decision: rehearse() until it comes makes that quicker.
    std::optional<Anticipation::Span> due() const { return anticipation_.due(); }
    void rehearse() { bundle_.pipeline.rehearse(); }
    void stop_rehearsing() { anticipation_.over(); }

    // Inputs that stop make no window, so nothing above decides. watch_from(): it is in use;
    // look(): inputs that came since the last look; at stale_at() the declared fallback decides
    // (nothing: never), and the decision says which inputs are missing, and `remark`.
    void watch_from(SteadyTime now);
    void look(SteadyTime now);
    std::optional<SteadyTime> stale_at() const { return freshness_.next(); }
    Decision decide_stale(SteadyTime now, Timestamp wall, std::string_view remark);
    bool stale() const { return freshness_.stale(); }
    nanoseconds stale_after() const { return freshness_.stale_after(); }
    std::uint64_t stale_decisions() const { return stale_decisions_; }
    // Why the last decision was a fallback for want of inputs; empty: it was not.
    const std::string& inputs_trouble() const { return inputs_trouble_; }

    // Bundle id and pipeline state; restore() says false when it is of another bundle.
    Bytes checkpoint() const;
    bool restore(const Bytes& checkpoint);
    // What it saw, counted in its bundle's bins.
    observation::Observer& observer() { return observer_; }
    const observation::Observer& observer() const { return observer_; }
    // Past rows, before the first feed(): nothing is decided or counted.
    void look_back(const Batch& batch);
    void end_look_back();  // scores that are left of the past

    const Histogram& latency_us() const { return latency_us_; }
    std::uint64_t decisions() const { return decisions_; }
    std::uint64_t alarms() const { return alarms_; }
    std::uint64_t fallbacks() const { return fallbacks_; }
    // Fallbacks that are the model's own doing: it failed, or its score is no number.
    std::uint64_t failures() const { return failures_; }

 private:
    // Of a decision that is not counted yet.
    struct Seen {
        std::vector<double> features;
        double score = 0;
        Timestamp time;
        double latency_us = 0;
    };
    void place_score(const PastScore& score);
    std::optional<features::Row> next_row();
    Decision& fill_in(Decision& decision) const;
    void note(const Decision& decision);
    std::string stale_reason(SteadyTime now, std::string_view remark) const;

    Assignment assignment_;
    pipeline::LoadedBundle bundle_;
    std::vector<std::string> fed_by_;
    features::Aligner aligner_;
    features::Resampler grid_;
    observation::Observer observer_;
    std::vector<Seen> seen_;
    std::size_t uncounted_ = 0;  // of seen_; the others are buffers
    Histogram latency_us_;
    std::uint64_t decisions_ = 0, alarms_ = 0, fallbacks_ = 0, failures_ = 0;
    PastScores past_;
    bool took_scores_ = false;  // since the last checkpoint of them
    Freshness freshness_;
    Anticipation anticipation_;
    std::optional<Timestamp> row_time_;  // the newest row's own
    nanoseconds row_step_{0};            // from the one before
    std::vector<SteadyTime> came_at_;    // per input, as of the last look
    std::optional<SteadyTime> row_at_;   // when a row came last
    std::uint64_t misplaced_ = 0;        // points with impossible times, until the last window
    std::uint64_t stale_decisions_ = 0;
    std::string inputs_trouble_;
};

}  // namespace mw::agent
