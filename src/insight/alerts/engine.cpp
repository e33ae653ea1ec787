#include "insight/alerts/engine.h"

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace mw::alerts {
namespace {

// Gives the bytes of a hash, so that the same raising makes the same identifier.
class HashedRandom final : public Random {
 public:
    explicit HashedRandom(std::string_view text) : digest_(crypto::sha256(bytes_of(text))) {}
    void fill(std::span<std::uint8_t> bytes) override {
        for (auto& byte : bytes) byte = digest_[at_++ % digest_.size()];
    }

 private:
    crypto::Sha256Digest digest_;
    std::size_t at_ = 0;
};

std::string alarm_id(const Track& track, Timestamp raised_at) {
    std::string key = track.rule;
    key.push_back('\0');
    key.append(track.device).push_back('\0');
    key.append(std::to_string(raised_at.ns));
    HashedRandom random(key);
    return make_ulid(raised_at.ns / 1'000'000, random);
}

void count_positive(Alarm& alarm, const Decision& decision) {
    ++alarm.decisions;
    alarm.last_window = {decision.window_from, decision.window_to};
    alarm.peak_score = std::max(alarm.peak_score, decision.score);
}

}  // namespace

Engine::Engine(Options options) : options_(options) {}

std::vector<Alarm> Engine::set_rule(AlertRule rule) {
    const auto found = rules_.find(rule.name);
    if (found != rules_.end() && found->second.model != rule.model) {
        auto cleared = remove_rule(rule.name);
        rules_.insert_or_assign(rule.name, std::move(rule));
        return cleared;
    }
    auto name = rule.name;
    rules_.insert_or_assign(std::move(name), std::move(rule));
    return {};
}

std::vector<Alarm> Engine::remove_rule(const std::string& name) {
    rules_.erase(name);
    for (auto at = tracks_.begin(); at != tracks_.end();) {
        const auto here = at++;
        if (here->second.rule == name) drop(here, "rule");
    }
    return take_changed();
}

std::vector<Alarm> Engine::forget_device(const std::string& device) {
    for (auto at = tracks_.lower_bound({device, {}});
         at != tracks_.end() && at->first.first == device;)
        drop(at++, "device");
    return take_changed();
}

std::vector<Alarm> Engine::observe(const Decision& decision, const Labels& device_labels) {
    for (const auto& [name, rule] : rules_) {
        if (rule.model != decision.model) continue;
        const Key key{decision.device.text, name};
        auto at = tracks_.find(key);
        if (!rule.selects(decision.device.text, device_labels)) {
            if (at != tracks_.end()) drop(at, "rule");
            continue;
        }
        if (at == tracks_.end()) {
            if (tracks_.size() >= options_.tracks_max) {
                ++refused_;
                continue;
            }
            at = tracks_.emplace(key, Track{.rule = name, .device = decision.device.text}).first;
        }
        step(rule, at->second, decision);
    }
    return take_changed();
}

Engine::Evidence Engine::evidence_of(const AlertRule& rule, const Decision& decision) {
    if (!decision.decision)
        // A fallback may raise an alarm; that the model could not look does not clear one.
        return decision.fallback.empty() ? Evidence::negative : Evidence::none;
    return decision.score >= rule.min_score ? Evidence::positive : Evidence::weak;
}

void Engine::step(const AlertRule& rule, Track& track, const Decision& decision) {
    if (decision.window_to <= track.cursor) {
        ++ignored_;
        return;
    }
    const Evidence evidence = evidence_of(rule, decision);
    // That no window came says nothing about windows: they may come late, with earlier times.
    if (evidence == Evidence::none && decision.samples == 0) return;
    track.cursor = decision.window_to;
    moved_.emplace(track.device, track.rule);
    if (evidence == Evidence::none) return;
    if (track.alarm.empty())
        step_without_alarm(rule, track, decision, evidence);
    else
        step_with_alarm(rule, track, decision, evidence);
}

void Engine::step_without_alarm(const AlertRule& rule, Track& track, const Decision& decision,
                                Evidence evidence) {
    if (evidence != Evidence::positive) {
        track.state = State::ok;
        track.count = 0;
        return;
    }
    if (track.state == State::ok) {
        track.state = State::pending;
        track.first_window = {decision.window_from, decision.window_to};
        track.peak_score = decision.score;
    }
    ++track.count;
    track.peak_score = std::max(track.peak_score, decision.score);
    if (track.count >= rule.raise_after) raise(rule, track, decision);
}

void Engine::raise(const AlertRule& rule, Track& track, const Decision& decision) {
    Alarm alarm{.id = alarm_id(track, decision.window_to),
                .rule = rule.name,
                .severity = rule.severity,
                .device = track.device,
                .asset = decision.asset,
                .model = decision.model,
                .version = decision.version,
                .bundle_hash = decision.bundle_hash,
                .state = State::raised,
                .raised_at = decision.window_to,
                .cleared_at = {},
                .first_window = track.first_window,
                .last_window = {decision.window_from, decision.window_to},
                .peak_score = track.peak_score,
                .decisions = track.count,
                .cleared_by = {}};
    track.alarm = alarm.id;
    track.count = 0;
    track.state = State::raised;
    changed_.push_back(alarm.id);
    alarms_.insert_or_assign(alarm.id, std::move(alarm));
}

void Engine::step_with_alarm(const AlertRule& rule, Track& track, const Decision& decision,
                             Evidence evidence) {
    Alarm& alarm = alarms_.at(track.alarm);
    moved_alarms_.insert(alarm.id);
    if (evidence == Evidence::positive) count_positive(alarm, decision);
    if (evidence != Evidence::negative) {
        track.count = 0;
        if (track.state != State::held) go(track, alarm, State::held);
        return;
    }
    ++track.count;
    if (track.count >= rule.clear_after)
        clear(track, "decisions");
    else if (track.state != State::clearing)
        go(track, alarm, State::clearing);
}

void Engine::go(Track& track, Alarm& alarm, State state) {
    track.state = alarm.state = state;
    changed_.push_back(alarm.id);
}

void Engine::clear(Track& track, std::string_view by) {
    Alarm& alarm = alarms_.at(track.alarm);
    alarm.state = State::cleared;
    alarm.cleared_at = track.cursor;
    alarm.cleared_by = by;
    changed_.push_back(alarm.id);
    cleared_.push_back(alarm.id);
    track.alarm.clear();
    track.count = 0;
    track.state = State::ok;
}

void Engine::drop(std::map<Key, Track>::iterator at, std::string_view by) {
    if (!at->second.alarm.empty()) clear(at->second, by);
    moved_.insert(at->first);
    tracks_.erase(at);
}

std::vector<Alarm> Engine::take_changed() {
    std::vector<Alarm> changed;
    for (const auto& id : changed_) {
        changed.push_back(alarms_.at(id));
        moved_alarms_.insert(id);
    }
    changed_.clear();
    keep_newest_cleared();
    return changed;
}

void Engine::keep_newest_cleared() {
    // What the log has not seen yet stays until it has.
    while (cleared_.size() > options_.cleared_kept && !moved_alarms_.contains(cleared_.front())) {
        alarms_.erase(cleared_.front());
        cleared_.pop_front();
    }
}

std::optional<Timestamp> Engine::cursor(const std::string& device) const {
    std::optional<Timestamp> oldest;
    for (auto at = tracks_.lower_bound({device, {}});
         at != tracks_.end() && at->first.first == device; ++at)
        oldest = oldest ? std::min(*oldest, at->second.cursor) : at->second.cursor;
    return oldest;
}

std::vector<Alarm> Engine::alarms(const AlarmFilter& filter) const {
    std::vector<Alarm> found;
    for (auto at = alarms_.rbegin(); at != alarms_.rend() && found.size() < filter.limit; ++at) {
        const Alarm& alarm = at->second;
        if (filter.open_only && !alarm.is_open()) continue;
        if (!filter.device.empty() && alarm.device != filter.device) continue;
        if (!filter.rule.empty() && alarm.rule != filter.rule) continue;
        found.push_back(alarm);
    }
    return found;
}

const Alarm* Engine::find(const std::string& id) const {
    const auto found = alarms_.find(id);
    return found == alarms_.end() ? nullptr : &found->second;
}

AlarmRecord Engine::take_moved() {
    AlarmRecord record;
    for (const auto& key : moved_) {
        const auto track = tracks_.find(key);
        record.tracks.push_back(track != tracks_.end()
                                    ? track->second
                                    : Track{.rule = key.second, .device = key.first});
    }
    for (const auto& id : moved_alarms_) record.alarms.push_back(alarms_.at(id));
    moved_.clear();
    moved_alarms_.clear();
    keep_newest_cleared();
    return record;
}

void Engine::restore(AlarmRecord record) {
    for (auto& alarm : record.alarms) {
        auto id = alarm.id;
        alarms_.insert_or_assign(std::move(id), std::move(alarm));
    }
    for (auto& track : record.tracks) {
        if (track.state == State::ok && track.cursor == Timestamp{}) continue;
        // An alarm that the log lost, or a machine that it lost, is not open any more.
        if (!track.alarm.empty() && !alarms_.contains(track.alarm)) {
            track.alarm.clear();
            track.state = State::ok;
            track.count = 0;
        }
        Key key{track.device, track.rule};
        tracks_.insert_or_assign(std::move(key), std::move(track));
    }
    std::set<std::string> open;
    for (const auto& [key, track] : tracks_)
        if (!track.alarm.empty()) open.insert(track.alarm);
    for (auto& [id, alarm] : alarms_) {
        if (open.contains(id)) continue;
        if (alarm.is_open()) {
            alarm.state = State::cleared;
            alarm.cleared_at = alarm.last_window.to;
            alarm.cleared_by = "rule";
        }
        cleared_.push_back(id);
    }
    std::sort(cleared_.begin(), cleared_.end(), [&](const auto& a, const auto& b) {
        return alarms_.at(a).cleared_at < alarms_.at(b).cleared_at;
    });
    keep_newest_cleared();
}

}  // namespace mw::alerts
