#include "data/alarms/desk.h"

#include "base/log.h"

namespace mw::alarms {

AlarmDesk::AlarmDesk(DeskOptions options, Parts parts)
    : options_(options),
      parts_(parts),
      engine_(options.engine),
      self_(std::make_shared<AlarmDesk*>(this)),
      raised_(parts.metrics.counter("millwright_alarms_raised_total", "Alarms raised")),
      cleared_(parts.metrics.counter("millwright_alarms_cleared_total", "Alarms cleared")),
      log_failures_(parts.metrics.counter("millwright_alarms_log_failures_total",
                                          "Writes that the alarm log refused")),
      open_(parts.metrics.gauge("millwright_alarms_open", "Alarms that are not cleared")),
      scope_(parts.loop) {
    scope_.spawn(keep_log());
}

AlarmDesk::~AlarmDesk() = default;

Task<> AlarmDesk::restore() {
    auto record = co_await parts_.log.load();
    if (!record) co_return std::move(record).error();
    engine_.restore(std::move(record).value());
    open_.set(static_cast<double>(engine_.open_alarms()));
    co_return Result<>{};
}

// A history that does not answer is logged, and the desk opens: new decisions matter more than old
// ones.
Task<> AlarmDesk::catch_up() {
    Result<> outcome;
    auto newest = co_await parts_.decisions.newest();
    if (newest) {
        const Timestamp now = parts_.loop.clock().now();
        for (const auto& device : *newest) {
            const auto cursor = engine_.cursor(device.device);
            const Timestamp from = cursor ? *cursor : now - options_.look_back;
            if (device.window_to <= from || engine_.rules().empty()) continue;
            auto read = co_await read_missed(device.device, from);
            if (!read) outcome = std::move(read);
        }
    } else {
        outcome = std::move(newest).error();
    }
    if (!outcome) {
        if (outcome.error().code == Errc::cancelled) co_return outcome;
        log::warn("alarms.decisions.not_read", {{"error", outcome.error()}});
    }
    caught_up_.set();
    co_return Result<>{};
}

Task<> AlarmDesk::read_missed(std::string device, Timestamp after) {
    for (;;) {
        auto page = co_await parts_.decisions.after(device, after, options_.page);
        if (!page) co_return std::move(page).error();
        for (const auto& decision : *page) feed(decision);
        if (page->size() < options_.page || page->back().window_to <= after) co_return Result<>{};
        after = page->back().window_to;
    }
}

Task<> AlarmDesk::take(std::vector<Decision> decisions, std::set<std::string> missed) {
    CO_TRY_VOID(co_await caught_up_.wait());
    for (const auto& decision : decisions) feed(decision);
    for (const auto& device : missed) {
        const auto cursor = engine_.cursor(device);
        const Timestamp from = cursor.value_or(parts_.loop.clock().now() - options_.look_back);
        auto read = co_await read_missed(device, from);
        if (!read)
            log::warn("alarms.decisions.not_read", {{"device", device}, {"error", read.error()}});
    }
    co_return Result<>{};
}

void AlarmDesk::feed(const Decision& decision) {
    static const alerts::Labels none;
    const auto labels = devices_.find(decision.device.text);
    tell(engine_.observe(decision, labels == devices_.end() ? none : labels->second));
}

void AlarmDesk::tell(const std::vector<alerts::Alarm>& changed) {
    if (changed.empty()) return;
    for (const auto& alarm : changed) {
        if (alarm.state == alerts::State::raised) {
            raised_.add();
            log::info("alarms.alarm.raised",
                      {{"id", alarm.id}, {"rule", alarm.rule}, {"device", alarm.device}});
        } else if (!alarm.is_open()) {
            cleared_.add();
            log::info("alarms.alarm.cleared", {{"id", alarm.id}, {"by", alarm.cleared_by}});
        }
        const Json json = alerts::to_json(alarm);
        const auto listeners = listeners_;  // one of them may unsubscribe
        for (const auto& [id, listener] : listeners) listener(json);
    }
    open_.set(static_cast<double>(engine_.open_alarms()));
    changed_.set();
}

void AlarmDesk::set_rule(alerts::AlertRule rule) { tell(engine_.set_rule(std::move(rule))); }
void AlarmDesk::remove_rule(const std::string& name) { tell(engine_.remove_rule(name)); }

void AlarmDesk::put_device(const std::string& name, alerts::Labels labels) {
    devices_.insert_or_assign(name, std::move(labels));
}

void AlarmDesk::remove_device(const std::string& name) {
    devices_.erase(name);
    tell(engine_.forget_device(name));
}

JsonArray AlarmDesk::list(std::string_view state, std::size_t limit) const {
    const bool open_only = state == "open" || state == "raised";
    const bool cleared_only = state == "cleared";
    alerts::AlarmFilter filter;
    filter.open_only = open_only;
    filter.limit = cleared_only ? options_.engine.cleared_kept + options_.engine.tracks_max : limit;
    JsonArray items;
    for (const auto& alarm : engine_.alarms(filter)) {
        if (cleared_only && alarm.is_open()) continue;
        if (items.size() == limit) break;
        items.push_back(alerts::to_json(alarm));
    }
    return items;
}

Task<Json> AlarmDesk::why(std::string id) {
    const alerts::Alarm* found = engine_.find(id);
    if (!found)
        co_return Error{Errc::not_found, "no alarm '" + id + "'; millwright alerts lists them"};
    alerts::Alarm alarm = *found;
    co_return co_await alerts::why(std::move(alarm), parts_.evidence);
}

std::shared_ptr<void> AlarmDesk::subscribe(Listener listener) {
    const auto id = next_listener_++;
    listeners_.emplace(id, std::move(listener));
    std::weak_ptr<AlarmDesk*> desk = self_;
    return std::shared_ptr<void>(nullptr, [desk, id](void*) {
        if (const auto here = desk.lock()) (*here)->listeners_.erase(id);
    });
}

Task<> AlarmDesk::keep_log() {
    for (;;) {
        auto woken = co_await within(options_.checkpoint_every, changed_.wait());
        if (!woken && woken.error().code != Errc::timed_out) co_return std::move(woken).error();
        changed_.reset();
        auto saved = co_await save();
        if (!saved && saved.error().code == Errc::cancelled) co_return std::move(saved).error();
    }
}

Task<> AlarmDesk::save() {
    auto moved = engine_.take_moved();
    for (auto& alarm : moved.alarms) unsaved_.alarms.push_back(std::move(alarm));
    for (auto& track : moved.tracks) unsaved_.tracks.push_back(std::move(track));
    if (unsaved_.empty()) co_return Result<>{};
    auto record = unsaved_;
    const auto alarms = record.alarms.size();
    const auto tracks = record.tracks.size();
    auto written = co_await parts_.log.append(std::move(record));
    if (!written) {
        if (written.error().code == Errc::cancelled) co_return written;
        log_failures_.add();
        log::warn("alarms.log.write_failed", {{"error", written.error()}});
        co_return written;
    }
    unsaved_.alarms.erase(unsaved_.alarms.begin(),
                          unsaved_.alarms.begin() + static_cast<std::ptrdiff_t>(alarms));
    unsaved_.tracks.erase(unsaved_.tracks.begin(),
                          unsaved_.tracks.begin() + static_cast<std::ptrdiff_t>(tracks));
    co_return written;
}

Task<> AlarmDesk::stop() {
    scope_.cancel();
    CO_TRY_VOID(co_await scope_.join());
    co_return co_await save();
}

}  // namespace mw::alarms
