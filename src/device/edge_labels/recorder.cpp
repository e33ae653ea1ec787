#include "device/edge_labels/recorder.h"

#include <algorithm>
#include <cmath>

namespace mw::edge_labels {
namespace {

constexpr std::string_view shadow_ending = ".shadow";

}  // namespace

void Recorder::configure(Settings settings) {
    settings_ = std::move(settings);
    hits_.clear();
    refresh_signals();
}

void Recorder::learn(const std::string& model, const Judge& judge) {
    Model& known = models_[model];
    known = {};
    known.judge = judge;
    refresh_signals();
}

void Recorder::forget(const std::string& model) {
    if (models_.erase(model) > 0) refresh_signals();
}

bool Recorder::knows(const std::string& model, const Judge& judge) const {
    const auto found = models_.find(model);
    return found != models_.end() && found->second.judge == judge;
}

void Recorder::refresh_signals() {
    std::vector<std::string> signals;
    const auto add = [&](const std::string& signal) {
        if (std::find(signals.begin(), signals.end(), signal) == signals.end())
            signals.push_back(signal);
    };
    for (const Rule& rule : settings_.rules) add(rule.signal);
    for (const auto& [name, model] : models_)
        for (const std::string& signal : model.judge.signals) add(signal);
    recent_.want(signals);
}

void Recorder::saw(const Batch& batch) {
    recent_.add(batch);
    if (!settings_.rules.empty()) mark_rules(batch);
    if (!pending_.empty()) complete();
}

void Recorder::mark_rules(const Batch& batch) {
    for (const Rule& rule : settings_.rules)
        for (const Run& run : batch.runs) {
            if (run.signal != rule.signal) continue;
            for (std::uint32_t i = run.begin; i < run.end; ++i)
                if (rule.hits(batch.values[i])) hits_[rule.name] = batch.times[i];
        }
}

void Recorder::decided(const Decision& decision) {
    if (decision.model.ends_with(shadow_ending)) return;
    const auto found = models_.find(decision.model);
    if (found == models_.end()) return;
    Model& model = found->second;
    std::string why = decision.fallback.empty() ? why_of(model, decision) : std::string();
    model.alarmed = decision.decision;
    if (why.empty()) return;
    model.last[why] = decision.window_to;
    Snippet snippet = make(model, decision, std::move(why));
    keep_(snippet);
    ++kept_;
    // One that waits too long is as whole as it got.
    if (pending_.size() >= pending_max) pending_.erase(pending_.begin());
    const Timestamp until = snippet.window_to + settings_.after;
    pending_.push_back({std::move(snippet), model.judge.signals, until});
}

std::string Recorder::why_of(Model& model, const Decision& decision) const {
    const auto apart = [&](const char* why, nanoseconds gap) {
        const auto last = model.last.find(why);
        return last == model.last.end() || decision.window_from > last->second + gap;
    };
    if (decision.decision && !model.alarmed && apart("alarm", settings_.gap)) return "alarm";
    for (const auto& [rule, vote] : votes_of(decision))
        if (vote && apart("rule", settings_.gap)) return "rule";
    const double near = settings_.unsure * std::abs(model.judge.raise_at);
    if (std::abs(decision.score - model.judge.raise_at) <= near && !decision.decision &&
        apart("unsure", settings_.unsure_gap))
        return "unsure";
    return {};
}

std::map<std::string, bool> Recorder::votes_of(const Decision& decision) const {
    std::map<std::string, bool> votes;
    for (const auto& [rule, at] : hits_)
        if (at >= decision.window_from && at <= decision.window_to) votes[rule] = true;
    return votes;
}

Snippet Recorder::make(const Model& model, const Decision& decision, std::string why) const {
    Snippet snippet;
    snippet.id = snippet_id(decision);
    snippet.device = decision.device.text;
    snippet.asset = decision.asset;
    snippet.model = decision.model;
    snippet.version = decision.version;
    snippet.window_from = decision.window_from;
    snippet.window_to = decision.window_to;
    snippet.score = decision.score;
    snippet.raise_at = model.judge.raise_at;
    snippet.decision = decision.decision;
    snippet.why = std::move(why);
    snippet.votes = votes_of(decision);
    fill(snippet, model.judge.signals);
    return snippet;
}

// The model's signals first, then those of rules that voted.
void Recorder::fill(Snippet& snippet, const std::vector<std::string>& signals) const {
    std::vector<std::string> wanted = signals;
    for (const Rule& rule : settings_.rules)
        if (snippet.votes.contains(rule.name) &&
            std::find(wanted.begin(), wanted.end(), rule.signal) == wanted.end())
            wanted.insert(wanted.begin(), rule.signal);
    if (wanted.size() > snippet_signals_max) wanted.resize(snippet_signals_max);
    snippet.traces.clear();
    const std::size_t most = snippet_points_max / std::max<std::size_t>(wanted.size(), 1);
    for (const std::string& signal : wanted) {
        const Trace trace = recent_.cut(signal, snippet.window_from - settings_.before,
                                        snippet.window_to + settings_.after);
        if (!trace.times.empty()) snippet.traces.push_back(thin(trace, most));
    }
}

void Recorder::complete() {
    for (auto at = pending_.begin(); at != pending_.end();) {
        if (at->until > recent_.newest()) {
            ++at;
            continue;
        }
        fill(at->snippet, at->signals);
        keep_(at->snippet);
        at = pending_.erase(at);
    }
}

}  // namespace mw::edge_labels
