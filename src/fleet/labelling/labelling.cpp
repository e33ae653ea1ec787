#include "fleet/labelling/labelling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"

namespace mw::labelling {
namespace {

// Of open_max; the rest is kept for the audit, without which nothing can be said about quality.
constexpr double aimed_share = 0.7;
constexpr std::string_view shadow_suffix = ".shadow";

metrics::Counter& counted(metrics::Registry& metrics, const char* outcome) {
    return metrics.counter("millwright_labelling_windows_total",
                           "Windows that were chosen for a person, by what became of them.",
                           {{"outcome", outcome}});
}

// Whether the task doesn't know yet what the log knows.
bool is_behind(const Resource& task, const labels::Label* newest) {
    if (!newest) return false;
    const auto state = state_of(task, task_table());
    if (state == "open") return true;
    return state == "answered" && find_bool(task.status, "label") != newest->label;
}

std::string version_key(const std::string& model, const std::string& version) {
    return model + "--" + version;
}

}  // namespace

Result<Answer> answer_from(const Json& body) {
    const Error wrong{Errc::invalid_input,
                      R"(the body must be {"label": true, false or "skip"}, and may have )"
                      R"("confidence": above 0 and at most 1)"};
    if (!body.is_object()) return wrong;
    for (const auto& [key, value] : body.get_object())
        if (key != "label" && key != "confidence") return wrong;
    const Json* label = find(body, "label");
    if (!label) return wrong;
    Answer answer;
    if (const Json* confidence = find(body, "confidence")) {
        answer.confidence = find_number(body, "confidence");
        if (!confidence->is_number() || !(*answer.confidence > 0 && *answer.confidence <= 1))
            return wrong;
    }
    if (label->is_string() && label->get_string() == "skip" && !answer.confidence) return answer;
    if (!label->is_bool()) return wrong;
    answer.event = label->get_bool();
    return answer;
}

Result<Ruling> ruling_from(const Json& body) {
    const auto event = find_bool(body, "label");
    const auto why = find_string(body, "why").value_or("");
    if (!body.is_object() || body.get_object().size() != 2 || !event || why.empty())
        return Error{Errc::invalid_input,
                     R"(the body must be {"label": true or false, "why": "..."})"};
    return Ruling{*event, why};
}

Labelling::Labelling(Parts parts, Options options)
    : parts_(std::move(parts)),
      options_(options),
      asked_(counted(parts_.metrics, "asked")),
      passed_over_(counted(parts_.metrics, "passed_over")),
      scope_(parts_.loop) {}

Labelling::~Labelling() = default;

Task<> Labelling::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY_VOID(co_await read_all("Device"));
    CO_TRY_VOID(co_await read_all("Monitor"));
    CO_TRY_VOID(co_await read_all("LabelTask"));
    CO_TRY_VOID(co_await make_good());
    scope_.spawn(write_tasks());
    scope_.spawn(expire_tasks());
    co_return Result<>{};
}

Task<> Labelling::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

Task<> Labelling::read_all(std::string kind) {
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    co_return co_await each_resource(parts_.store, std::move(kind), std::move(visit));
}

void Labelling::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    const bool gone = change.what == ResourceChange::What::deleted;
    if (resource.kind == "Device") {
        if (gone)
            devices_.erase(resource.name);
        else
            devices_[resource.name] = resource.labels;
    } else if (resource.kind == "LabelTask") {
        on_task(resource, gone);
    } else if (resource.kind == "Monitor") {
        if (gone) {
            monitors_.erase(resource.name);
            return;
        }
        auto monitor = monitor_of(resource);
        if (monitor)
            monitors_[resource.name].monitor = std::move(*monitor);
        else
            log::warn("labelling.monitor.refused",
                      {{"monitor", resource.name}, {"error", monitor.error()}});
    }
}

void Labelling::on_task(const Resource& task, bool gone) {
    const bool open = !gone && state_of(task, task_table()) == "open";
    const std::string monitor = find_string(task.spec, "monitor").value_or("");
    if (!gone && is_behind(task, parts_.log.of_task(task.name))) unfinished_.insert(task.name);
    const auto watched = monitors_.find(monitor);
    if (!open) {
        closes_.erase(task.name);
        if (watched != monitors_.end()) watched->second.open.erase(task.name);
        return;
    }
    if (watched == monitors_.end()) return;
    watched->second.open.insert(task.name);
    closes_[task.name] = task.created + watched->second.monitor.expire_after;
}

// A crash between the log and the status left a task as it was before its last answer.
Task<> Labelling::make_good() {
    for (const std::string& name : std::exchange(unfinished_, {})) {
        auto task = co_await parts_.store.get("LabelTask", name);
        const labels::Label* found = parts_.log.of_task(name);
        if (!task || !is_behind(*task, found)) continue;
        const labels::Label label = *found;
        const std::string says = label.author + " said " + (label.label ? "yes" : "no");
        CO_TRY(auto changes, advance(*task, task_table(), "answer", says, parts_.clock.now()));
        if (!label.adjudication.empty()) changes["adjudicated"] = label.adjudication;
        changes["label"] = label.label;
        changes["by"] = label.author;
        changes["at"] = to_iso8601(label.labelled_at);
        AuditNote note{"hub", "label.answered", says};
        CO_TRY_VOID(co_await parts_.store.merge_status("LabelTask", name, std::move(changes),
                                                       std::move(note)));
    }
    co_return Result<>{};
}

void Labelling::offer(const std::vector<Decision>& decisions) {
    for (const Decision& decision : decisions) {
        // What a challenger says beside the champion decides nothing and is nobody's question.
        if (decision.model.ends_with(shadow_suffix)) continue;
        for (auto& [name, watched] : monitors_)
            if (watched.monitor.model == decision.model) offer(watched, decision);
    }
}

void Labelling::offer(Watched& watched, const Decision& decision) {
    const Monitor& monitor = watched.monitor;
    const auto device = devices_.find(decision.device.text);
    if (device == devices_.end() || !matches_labels(monitor.selector, device->second)) return;
    Room room;
    room.any = watched.open.size() < monitor.open_max;
    const auto asked = watched.asked.find(decision.device.text);
    const bool apart = asked == watched.asked.end() || asked->second < decision.window_from;
    room.aimed = apart && static_cast<double>(watched.open.size()) <
                              aimed_share * static_cast<double>(monitor.open_max);
    const double distance = decision.fallback.empty()
                                ? std::abs(decision.score - threshold_of(decision))
                                : std::numeric_limits<double>::quiet_NaN();
    room.nearest = watched.nearest.take(distance, monitor.unsure);
    const auto choice = choose(monitor, decision, room);
    if (!choice) return;
    if (pending_.size() >= options_.waiting_max) return passed_over_.add();
    Resource task = task_of(monitor, decision, *choice);
    if (!watched.open.insert(task.name).second) return;
    watched.asked[decision.device.text] = decision.window_to;
    pending_.push_back({monitor.name, std::move(task)});
    arrived_.set();
}

// NaN until it is known: no window is near what nobody knows.
double Labelling::threshold_of(const Decision& decision) {
    const auto [at, fresh] = thresholds_.try_emplace(version_key(decision.model, decision.version),
                                                     std::numeric_limits<double>::quiet_NaN());
    if (fresh) scope_.spawn(learn_threshold(decision.model, decision.version));
    return at->second;
}

Task<> Labelling::learn_threshold(std::string model, std::string version) {
    auto threshold = co_await parts_.threshold(model, version);
    if (threshold)
        thresholds_[version_key(model, version)] = *threshold;
    else
        log::warn("labelling.threshold.unknown",
                  {{"model", model}, {"version", version}, {"error", threshold.error()}});
    co_return Result<>{};
}

Task<> Labelling::write_tasks() {
    for (;;) {
        while (pending_.empty()) {
            arrived_.reset();
            CO_TRY_VOID(co_await arrived_.wait());
        }
        Pending next = std::move(pending_.front());
        pending_.pop_front();
        const std::string name = next.task.name;
        const double propensity = find_number(next.task.spec, "propensity").value_or(1);
        const std::string says = "chosen by monitor '" + next.monitor + "' as " +
                                 find_string(next.task.spec, "why").value_or("") + ", propensity " +
                                 to_json(Json(propensity));
        AuditNote note{"hub", "label.asked", says};
        writing_ = true;
        auto made = co_await parts_.store.create(std::move(next.task), std::move(note));
        writing_ = false;
        if (made) {
            asked_.add();
            continue;
        }
        if (made.error().code == Errc::cancelled) co_return std::move(made).error();
        // It exists: the same window was offered again. Then its own state says whether it is open.
        const auto watched = monitors_.find(next.monitor);
        if (watched != monitors_.end() && !closes_.contains(name)) watched->second.open.erase(name);
        if (made.error().code == Errc::conflict) continue;
        passed_over_.add();
        log::warn("labelling.task.not_made", {{"task", name}, {"error", made.error()}});
    }
}

Task<> Labelling::expire_tasks() {
    for (;;) {
        const Timestamp now = parts_.clock.now();
        std::vector<std::string> due;
        for (const auto& [name, at] : closes_)
            if (at <= now) due.push_back(name);
        for (const std::string& name : due) {
            auto outcome = co_await expire(name);
            if (!outcome && outcome.error().code == Errc::cancelled) co_return outcome;
            if (!outcome)
                log::warn("labelling.task.not_expired",
                          {{"task", name}, {"error", outcome.error()}});
        }
        CO_TRY_VOID(co_await sleep_for(options_.look_every));
    }
}

Task<> Labelling::expire(std::string name) {
    auto task = co_await parts_.store.get("LabelTask", name);
    if (!task || state_of(*task, task_table()) != "open") {
        closes_.erase(name);
        co_return Result<>{};
    }
    const std::string says = "nobody answered since " + to_iso8601(task->created);
    CO_TRY(auto changes, advance(*task, task_table(), "expire", says, parts_.clock.now()));
    AuditNote note{"hub", "label.expired", says};
    auto written =
        co_await parts_.store.merge_status("LabelTask", name, std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

// The log first: what a person was told is kept, is kept. A crash in between is made good at start.
Task<Resource> Labelling::answer(std::string name, Answer answer, std::string author) {
    CO_TRY(Resource task, co_await parts_.store.get("LabelTask", name));
    const Timestamp now = parts_.clock.now();
    const bool skipped = !answer.event;
    const std::string says = author + (skipped         ? " could not tell"
                                       : *answer.event ? " said yes"
                                                       : " said no");
    CO_TRY(auto changes, advance(task, task_table(), skipped ? "skip" : "answer", says, now));
    if (!skipped) {
        CO_TRY(auto label, label_of(task, *answer.event, author, now));
        label.confidence = answer.confidence;
        CO_TRY_VOID(co_await parts_.log.append(std::move(label)));
        changes["label"] = *answer.event;
    }
    changes["by"] = author;
    changes["at"] = to_iso8601(now);
    AuditNote note{author, skipped ? "label.skipped" : "label.answered", says};
    co_return co_await parts_.store.merge_status("LabelTask", std::move(name), std::move(changes),
                                                 std::move(note));
}

std::string Labelling::use_case_of(const labels::Label& label) const {
    const auto device = devices_.find(label.device);
    if (device == devices_.end()) return {};
    for (const auto& [name, watched] : monitors_)
        if (watched.monitor.model == label.model &&
            matches_labels(watched.monitor.selector, device->second))
            return watched.monitor.use_case;
    return {};
}

Task<> Labelling::take(EdgeAnswer answer, std::string snippet) {
    labels::Label label = std::move(answer.label);
    label.snippet = std::move(snippet);
    label.use_case = use_case_of(label);
    const std::string name = task_name(label);
    auto task = co_await parts_.store.get("LabelTask", name);
    if (!task && task.error().code != Errc::not_found) co_return std::move(task).error();
    if (task) {
        label.task = name;
        label.use_case = find_string(task->spec, "use_case").value_or("");
        label.why = find_string(task->spec, "why").value_or(label.why);
        label.propensity = find_number(task->spec, "propensity").value_or(1);
    }
    CO_TRY(const labels::Label kept, co_await parts_.log.append(std::move(label)));
    const labels::Label* newest = parts_.log.of_task(name);
    // A repeated one, or one that says what the task says already.
    if (!task || !newest || newest->number != kept.number ||
        (state_of(*task, task_table()) == "answered" &&
         find_bool(task->status, "label") == kept.label))
        co_return Result<>{};
    const std::string says = kept.author + (kept.label ? " said yes" : " said no");
    CO_TRY(auto changes, advance(*task, task_table(), "answer", says, parts_.clock.now()));
    changes["label"] = kept.label;
    changes["by"] = kept.author;
    changes["at"] = to_iso8601(kept.labelled_at);
    AuditNote note{kept.author, "label.answered", says};
    auto written =
        co_await parts_.store.merge_status("LabelTask", name, std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

namespace {

// Another pair of eyes, and another point of view.
Result<> may_judge(const labels::Labels& window, const Labelling::Judge& judge) {
    if (!labels::disputed(window))
        return Error{Errc::conflict, "nobody disagrees about it; there is nothing to settle"};
    std::vector<std::string> theirs;
    for (const auto& answer : labels::answers_by_author(window)) {
        if (answer.author == judge.author)
            return Error{Errc::denied, judge.author +
                                           " answered it too; somebody else must settle "
                                           "it"};
        const auto roles = judge.roles_of(answer.author);
        theirs.insert(theirs.end(), roles.begin(), roles.end());
    }
    const bool other = std::any_of(judge.roles.begin(), judge.roles.end(), [&](const auto& role) {
        return std::find(theirs.begin(), theirs.end(), role) == theirs.end();
    });
    if (other) return {};
    return Error{Errc::denied, judge.author +
                                   " has no role that those who disagreed don't have; "
                                   "somebody of another role must settle it"};
}

}  // namespace

Task<Resource> Labelling::adjudicate(std::string name, Ruling ruling, Judge judge) {
    CO_TRY(Resource task, co_await parts_.store.get("LabelTask", name));
    const Timestamp now = parts_.clock.now();
    CO_TRY(auto label, label_of(task, ruling.event, judge.author, now));
    label.adjudication = ruling.why;
    CO_TRY_VOID(may_judge(parts_.log.about(label), judge));
    const std::string says =
        judge.author + " settled it as " + (ruling.event ? "an event: " : "normal: ") + ruling.why;
    CO_TRY(auto changes, advance(task, task_table(), "adjudicate", says, now));
    CO_TRY_VOID(co_await parts_.log.append(std::move(label)));
    changes["label"] = ruling.event;
    changes["adjudicated"] = ruling.why;
    changes["by"] = judge.author;
    changes["at"] = to_iso8601(now);
    AuditNote note{judge.author, "label.adjudicated", says};
    co_return co_await parts_.store.merge_status("LabelTask", std::move(name), std::move(changes),
                                                 std::move(note));
}

}  // namespace mw::labelling
