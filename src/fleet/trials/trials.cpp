#include "fleet/trials/trials.h"

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"
#include "fleet/rollouts/rollouts.h"

namespace mw::trials {
namespace {

std::string state_text(const Resource& rollout) {
    return std::string(state_of(rollout, rollouts::rollout_table()));
}

// Devices have the challenger, or had it.
bool has_begun(const Resource& rollout) {
    return find_integer(rollout.status, "wave").value_or(0) > 0;
}

bool is_tried(const Resource& rollout) {
    const auto mode = find_string(rollout.spec, "mode");
    const bool of_model = find_string(rollout.spec, "artifact.kind") == "ModelVersion";
    return of_model && (mode == "ab" || mode == "shadow");
}

// How the rollout went on, once its verdict is there.
std::optional<RolloutEnd> end_of(const Resource& rollout) {
    const std::string at = state_text(rollout);
    const auto wave = find_integer(rollout.status, "wave").value_or(0);
    const Json* waves = find(rollout.spec, "waves");
    const auto last = std::int64_t(waves && waves->is_array() ? waves->get_array().size() : 0);
    const bool back = at == rollouts::state::rolling_back;
    const auto as = find_string(rollout.status, "ends_as");
    if (at == rollouts::state::aborted || (back && as == "undone")) return RolloutEnd::given_up;
    if (at == rollouts::state::rolled_back || (back && as == "withdrawn"))
        return RolloutEnd::went_back;
    if (at == rollouts::state::completed || (back && as == "cleared")) return RolloutEnd::promoted;
    // a/b: once the last wave begins, the shares have been judged.
    if (find_string(rollout.spec, "mode") == "ab" && last > 1 && wave == last)
        return RolloutEnd::promoted;
    return std::nullopt;
}

}  // namespace

Trials::Trials(Parts parts, Options options)
    : parts_(parts), options_(options), scope_(parts.loop) {}

Task<> Trials::start() {
    subscription_ = parts_.store.subscribe([this](const ResourceChange& change) {
        if (change.resource.kind == "Rollout")
            on_rollout(change.resource, change.what == ResourceChange::What::deleted);
    });
    auto visit = [this](Resource rollout) { on_rollout(rollout, false); };
    co_return co_await each_resource(parts_.store, "Rollout", std::move(visit));
}

Task<> Trials::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

void Trials::on_rollout(const Resource& rollout, bool gone) {
    if (!is_tried(rollout)) return;
    auto& work = works_[rollout.name];
    const bool fresh = !work;
    if (fresh) work = std::make_shared<Work>();
    work->gone = gone;
    if (rollout.revision >= work->rollout.revision) work->rollout = rollout;
    work->poke.set();
    if (fresh) scope_.spawn(follow(rollout.name));
}

Task<> Trials::follow(std::string name) {
    const std::shared_ptr<Work> work = works_[name];
    for (;;) {
        work->poke.reset();
        if (work->gone) break;
        auto ended = co_await look(name);
        if (!ended && ended.error().code == Errc::cancelled) co_return std::move(ended).error();
        if (!ended)
            log::warn("trials.look.failed", {{"trial", name}, {"reason", ended.error().message}});
        if (ended && *ended) break;
        auto waited = co_await within(options_.look_every, work->poke.wait());
        if (!waited && waited.error().code == Errc::cancelled) co_return std::move(waited);
    }
    works_.erase(name);
    co_return Result<>{};
}

// The Trial of a rollout bears its name.
Task<Resource> Trials::trial_of(Resource rollout) {
    auto found = co_await parts_.store.get("Trial", rollout.name);
    if (found || found.error().code != Errc::not_found) co_return found;
    CO_TRY(const Resource version,
           co_await parts_.store.get(find_string(rollout.spec, "artifact.kind").value_or(""),
                                     find_string(rollout.spec, "artifact.name").value_or("")));
    const bool is_model = version.kind == "ModelVersion";
    const std::string model =
        find_string(version.spec, is_model ? "model" : "product").value_or("");
    Resource trial;
    trial.kind = "Trial";
    trial.name = rollout.name;
    trial.domain = rollout.domain;
    trial.spec = JsonObject{{"rollout", rollout.name},
                            {"mode", find_string(rollout.spec, "mode").value_or("")},
                            {"model", model},
                            {"challenger", find_string(version.spec, "version").value_or("")},
                            {"from", find_string(rollout.status, "wave_started")
                                         .value_or(to_iso8601(parts_.loop.clock().now()))},
                            {"devices", find_integer(rollout.status, "population").value_or(0)}};
    AuditNote note{"hub", "trial.started", "rollout " + rollout.name, "MEASURE 2.4"};
    co_return co_await parts_.store.create(std::move(trial), std::move(note));
}

Task<> Trials::write(Resource trial, std::string event, std::string says, JsonObject figures) {
    const Timestamp now = parts_.loop.clock().now();
    CO_TRY(JsonObject changes, advance(trial, trial_table(), event, says, now));
    // Looks come often: only the figures are kept of them, not each as a step of the story.
    if (event == "looked") changes.erase("history");
    for (auto& [key, value] : figures) changes[key] = value;
    AuditNote note{"hub", event == "looked" ? "trial.look" : "trial.verdict", says,
                   "MEASURE 2.4,MANAGE 4.1"};
    CO_TRY_VOID(co_await parts_.store.merge_status("Trial", trial.name, std::move(changes),
                                                   std::move(note)));
    co_return Result<>{};
}

Task<bool> Trials::look(std::string name) {
    const Resource rollout = works_[name]->rollout;
    const auto end = end_of(rollout);
    if (!has_begun(rollout)) co_return end.has_value();  // ended before any device had it
    auto finding = trial_of(rollout);
    CO_TRY(Resource trial, co_await std::move(finding));
    if (trial_table().is_final(state_of(trial, trial_table()))) co_return true;
    const std::string reason = find_string(rollout.status, "reason").value_or("");
    const Json* readings = find(rollout.status, "readings");
    JsonObject figures;
    if (find_string(rollout.spec, "mode") == "ab") {
        if (readings) figures["readings"] = *readings;
        if (!end) {
            CO_TRY_VOID(co_await write(std::move(trial), "looked", reason, std::move(figures)));
            co_return false;
        }
        Outcome outcome = outcome_of_ab(readings ? *readings : Json(nullptr), *end, reason);
        CO_TRY_VOID(
            co_await write(std::move(trial), outcome.event, outcome.says, std::move(figures)));
        co_return true;
    }
    // Every write to the rollout wakes us; history is asked at its own pace.
    const SteadyTime now = parts_.loop.clock().steady();
    SteadyTime& looked = works_[name]->looked;
    if (!end && looked.ns != 0 && now - looked < options_.look_every) co_return false;
    looked = now;
    Timestamp from = trial.created;
    const std::string since = find_string(trial.spec, "from").value_or("");
    if (auto began = parse_iso8601(since)) from = *began;
    CO_TRY(const std::vector<Pair> pairs,
           co_await parts_.evidence.pairs(find_string(trial.spec, "model").value_or(""), from,
                                          parts_.loop.clock().now()));
    const Comparison comparison = compare(pairs);
    figures["comparison"] = comparison_json(comparison);
    Outcome outcome{"looked", sentence_of(comparison)};
    if (end == RolloutEnd::given_up) outcome = {"stopped", reason};
    if (end == RolloutEnd::went_back) outcome = {"lost", reason};
    if (end == RolloutEnd::promoted) outcome = outcome_of(comparison);
    CO_TRY_VOID(co_await write(std::move(trial), outcome.event, outcome.says, std::move(figures)));
    co_return end.has_value();
}

}  // namespace mw::trials
