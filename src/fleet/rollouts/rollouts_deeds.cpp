// The deeds of the controller: reading, observing, writing.
#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"
#include "fleet/rollouts/assigner.h"
#include "fleet/rollouts/work.h"

namespace mw::rollouts {
namespace {

struct Deed {
    std::string_view event, action, controls;
};
// ISO/IEC 27001 A.8.32: change management. NIST AI RMF MEASURE 2.4 and MANAGE 4.1: behaviour in
// operation is watched; MANAGE 2.4: it can be taken back.
constexpr Deed deeds[] = {
    {"approved", "rollout.approved", "A.8.32,MANAGE 1.1"},
    {"started", "rollout.started", "A.8.32"},
    {"assigned", "rollout.wave", "A.8.32"},
    {"looked", "rollout.look", "MEASURE 2.4,MANAGE 4.1"},
    {"passed", "rollout.verdict", "MEASURE 2.4,MANAGE 4.1"},
    {"compared", "rollout.verdict", "MEASURE 2.4,MANAGE 4.1"},
    {"unclear", "rollout.verdict", "MEASURE 2.4,MANAGE 4.1"},
    {"worse", "rollout.verdict", "MEASURE 2.4,MANAGE 2.4,MANAGE 4.1"},
    {"withdrawn", "rollout.rolled_back", "A.8.32,MANAGE 2.4"},
    {"undone", "rollout.rolled_back", "A.8.32,MANAGE 2.4"},
    {"finished", "rollout.completed", "A.8.32,MANAGE 4.1"},
    {"cleared", "rollout.completed", "A.8.32,MANAGE 4.1"},
};

AuditNote note_of(std::string_view event, const std::string& says) {
    AuditNote note;
    note.actor = "hub";
    note.action = "rollout." + std::string(event);
    note.controls = "A.8.32";
    for (const Deed& deed : deeds) {
        if (deed.event != event) continue;
        note.action = deed.action;
        note.controls = deed.controls;
    }
    note.detail = says;
    return note;
}

Json counts_json(const Counts& c) {
    return JsonObject{{"devices", c.devices},    {"assigned", c.assigned},
                      {"applied", c.applied},    {"failed", c.failed},
                      {"pending", c.pending},    {"to_assign", c.to_assign},
                      {"there_before", c.there}, {"left_alone", c.left_alone}};
}

Json failing_json(const Population& population) {
    JsonArray failing;
    for (const auto& [device, reason] : population.failing())
        failing.emplace_back(JsonObject{{"device", device}, {"reason", reason}});
    return failing;
}

// What of the artifact a rollout needs to come to its end even when the artifact is deleted.
Json essence_of(const Resource& artifact) {
    JsonObject essence;
    for (const char* key : {"model", "product", "version", "device_classes"})
        if (const Json* value = find(artifact.spec, key)) essence[key] = *value;
    return essence;
}

}  // namespace

Task<Resource> Rollouts::artifact(WorkPtr work) {
    const Resource rollout = work->rollout;
    std::string kind = find_string(rollout.spec, "artifact.kind").value_or("");
    std::string name = find_string(rollout.spec, "artifact.name").value_or("");
    auto found = co_await parts_.store.get(kind, name);
    if (found || found.error().code != Errc::not_found) co_return found;
    const Json* kept = find(rollout.status, "artifact");
    if (!kept || !kept->is_object()) co_return found;
    Resource remembered;
    remembered.kind = std::move(kind);
    remembered.name = std::move(name);
    remembered.spec = *kept;
    co_return remembered;
}

// The plan as the spec is now, and the population once the rollout may begin.
Task<> Rollouts::prepare(WorkPtr work, std::string_view at) {
    const bool begins = at == state::waiting_approval || at == state::planned;
    if (!work->plan || begins) {
        CO_TRY(work->artifact, co_await artifact(work));
        work->progress = progress_of(work->rollout);
    }
    CO_TRY(work->plan, plan_of(work->rollout, work->artifact));
    if (at == state::waiting_approval) co_return Result<>{};
    if (begins && !work->counted_in) work->progress.planned_at = parts_.loop.clock().now();
    if (begins && work->counted_in) work->progress.planned_at = work->planned_at;
    if (work->counted_in) co_return Result<>{};
    work->planned_at = work->progress.planned_at;
    co_return co_await read_devices(std::move(work));
}

Task<> Rollouts::read_devices(WorkPtr work) {
    std::map<std::string, std::string> class_of;
    if (!work->plan->device_classes.empty()) {
        auto visit = [&class_of](Resource profile) {
            class_of[profile.name] = find_string(profile.spec, "device_class").value_or("");
        };
        CO_TRY_VOID(co_await each_resource(parts_.store, "DeviceProfile", visit));
    }
    const SteadyTime began = RealClock{}.steady();
    work->population = Population(*work->plan, work->planned_at, std::move(class_of));
    Work* const into = work.get();
    auto visit = [into](Resource device) { into->population.take(device); };
    CO_TRY_VOID(co_await each_resource(parts_.store, "Device", visit));
    work->counted_in = true;
    took_.reading = std::max(took_.reading, RealClock{}.steady() - began);
    co_return Result<>{};
}

Task<Judgement> Rollouts::observe(WorkPtr work, Counts counts, Look look, Timestamp now) {
    const Plan plan = *work->plan;
    const Progress progress = work->progress;
    std::vector<Reading> readings = judge_reports(plan, counts);
    for (const Guardrail& guardrail : plan.guardrails) {
        if (is_immediate(guardrail.metric)) continue;
        Observations::Question question;
        question.metric = guardrail.metric;
        question.model = plan.aim.reported_as();
        question.use_case = plan.use_case;
        question.kpi = guardrail.kpi;
        question.from = progress.soaking_from;
        question.to = now;
        const auto after = co_await parts_.observations.values(question);
        if (!after)
            co_return Error(after.error()).context("asking history for " + name_of(guardrail));
        std::vector<DeviceValue> before;
        if (guardrail.worse_by && plan.mode != Mode::shadow) {
            question.from = progress.wave_started - plan.pre_period;
            question.to = progress.wave_started;
            CO_TRY(before, co_await parts_.observations.values(question));
        }
        const Comparison comparison =
            compare(guardrail, work->population, progress.wave, before, *after);
        readings.push_back(judge_comparison(plan, comparison, look));
        CO_TRY_VOID(co_await yield());  // permutations take their time; others may go first
    }
    co_return summed(std::move(readings));
}

Task<> Rollouts::move(WorkPtr work, Step step, Counts counts, Timestamp now) {
    Resource rollout = work->rollout;
    CO_TRY(JsonObject changes, advance(rollout, rollout_table(), step.event, step.says, now));
    for (auto& [key, value] : to_status(step.progress)) changes[key] = value;
    changes["counts"] = counts_json(counts);
    changes["failing"] = failing_json(work->population);
    changes["artifact"] = essence_of(work->artifact);
    changes["problem"] = nullptr;
    if (!step.readings.empty()) changes["readings"] = readings_json(step.readings);
    AuditNote note = note_of(step.event, step.says);
    CO_TRY(Resource newest,
           co_await parts_.store.merge_status("Rollout", rollout.name, std::move(changes), note));
    log::info("rollouts.rollout.moved",
              {{"rollout", rollout.name}, {"event", std::string(step.event)}, {"says", step.says}});
    if (step.event == "started" || step.event == "passed") waves_.add();
    if (step.event == "worse") rollbacks_.add();
    if (newest.revision >= work->rollout.revision) work->rollout = std::move(newest);
    work->progress = step.progress;
    work->problem.clear();
    work->watched = now;
    co_return Result<>{};
}

Task<> Rollouts::change_devices(WorkPtr work, bool withdraw) {
    Errand errand;
    errand.aim = work->plan->aim;
    errand.planned_at = work->planned_at;
    errand.wave = work->progress.wave;
    errand.withdraw = withdraw;
    const SteadyTime began = RealClock{}.steady();
    errand.devices = withdraw ? work->population.to_withdraw(options_.batch)
                              : work->population.to_assign(work->progress.target, options_.batch);
    const nanoseconds choosing = RealClock{}.steady() - began;
    took_.planning = std::max(took_.planning, work->deciding + choosing);
    CO_TRY(const Tally tally, co_await run_errand(parts_.loop, parts_.store, std::move(errand)));
    if (tally.refused > 0) {
        CO_TRY_VOID(co_await tell_problem(
            work, std::to_string(tally.refused) +
                      " devices could not be changed; the first: " + tally.reason));
    }
    // Nothing moved: the store and we disagree, or it refuses. Not at full speed then.
    if (tally.changed == 0) CO_TRY_VOID(co_await sleep_for(options_.heartbeat));
    co_return Result<>{};
}

// Counts for those who watch; a crash loses nothing by it.
Task<> Rollouts::report(WorkPtr work, Counts counts) {
    if (!work->counted_in) co_return Result<>{};
    const SteadyTime now = parts_.loop.clock().steady();
    Json fresh = counts_json(counts);
    if (fresh == work->reported_counts) co_return Result<>{};
    if (work->reported_at.ns != 0 && now - work->reported_at < options_.report_every)
        co_return Result<>{};
    work->reported_at = now;
    work->reported_counts = fresh;
    JsonObject changes;
    changes["counts"] = std::move(fresh);
    changes["failing"] = failing_json(work->population);
    AuditNote note = note_of("progress", "counts");
    auto written = co_await parts_.store.merge_status("Rollout", work->rollout.name,
                                                      std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    if (written->revision >= work->rollout.revision) work->rollout = std::move(*written);
    co_return Result<>{};
}

Task<> Rollouts::tell_problem(WorkPtr work, std::string problem) {
    if (work->problem == problem || work->gone) co_return Result<>{};
    work->problem = problem;
    JsonObject changes;
    changes["problem"] = problem;
    AuditNote note = note_of("problem", problem);
    auto written = co_await parts_.store.merge_status("Rollout", work->rollout.name,
                                                      std::move(changes), std::move(note));
    if (!written && written.error().code == Errc::cancelled) co_return std::move(written).error();
    co_return Result<>{};
}

}  // namespace mw::rollouts
