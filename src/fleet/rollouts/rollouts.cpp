#include "fleet/rollouts/rollouts.h"

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"
#include "fleet/rollouts/assigner.h"
#include "fleet/rollouts/work.h"

namespace mw::rollouts {

Rollouts::Rollouts(Parts parts, Options options)
    : parts_(std::move(parts)),
      options_(options),
      waves_(parts_.metrics.counter("millwright_rollouts_waves_total", "Waves that began.")),
      rollbacks_(parts_.metrics.counter("millwright_rollouts_rollbacks_total",
                                        "Rollouts that went back because of a guardrail.")),
      scope_(parts_.loop) {}

Rollouts::~Rollouts() = default;

Task<> Rollouts::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    auto visit = [this](Resource resource) {
        on_rollout({ResourceChange::What::changed, std::move(resource)});
    };
    co_return co_await each_resource(parts_.store, "Rollout", std::move(visit));
}

Task<> Rollouts::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

void Rollouts::on_boots(const std::string& device, std::int64_t boots) {
    for (auto& [name, work] : works_) {
        if (work->population.note_boots(device, boots)) work->poke.set();
    }
}

std::size_t Rollouts::bytes() const {
    std::size_t total = 0;
    for (const auto& [name, work] : works_) total += work->population.bytes() + sizeof(Work);
    return total;
}

void Rollouts::on_change(const ResourceChange& change) {
    const std::string& kind = change.resource.kind;
    const bool gone = change.what == ResourceChange::What::deleted;
    if (kind == "Rollout") return on_rollout(change);
    if (kind == "Device") {
        for (auto& [name, work] : works_) {
            if (!work->plan) continue;
            const bool moved = gone ? work->population.drop(change.resource.name)
                                    : work->population.take(change.resource);
            if (moved) work->poke.set();
        }
    } else if (kind == "Approval" || kind == "ModelVersion" || kind == "Firmware") {
        for (auto& [name, work] : works_) work->poke.set();
    }
}

void Rollouts::on_rollout(const ResourceChange& change) {
    const Resource& rollout = change.resource;
    const auto found = works_.find(rollout.name);
    if (found != works_.end()) {
        Work& work = *found->second;
        // One deleted and made anew starts from nothing, when the old task has ended.
        work.gone = work.gone || change.what == ResourceChange::What::deleted ||
                    work.rollout.created != rollout.created;
        if (rollout.revision >= work.rollout.revision) work.rollout = rollout;
        work.poke.set();
        return;
    }
    if (change.what == ResourceChange::What::deleted) return;
    if (rollout_table().is_final(state_of(rollout, rollout_table()))) return;
    auto work = std::make_shared<Work>();
    work->rollout = rollout;
    works_[rollout.name] = work;
    scope_.spawn(follow(std::move(work)));
}

Task<> Rollouts::follow(WorkPtr work) {
    const std::string name = work->rollout.name;
    while (!work->gone && !rollout_table().is_final(state_of(work->rollout, rollout_table()))) {
        work->poke.reset();
        auto rest = co_await step(work);
        if (!rest && rest.error().code == Errc::cancelled) co_return std::move(rest).error();
        nanoseconds pause = options_.heartbeat;
        if (rest) {
            pause = std::min(pause, *rest);
        } else {
            log::warn("rollouts.step.failed",
                      {{"rollout", name}, {"reason", rest.error().message}});
            CO_TRY_VOID(co_await tell_problem(work, rest.error().message));
            CO_TRY_VOID(co_await sleep_for(options_.settle));
        }
        if (pause <= nanoseconds{0}) continue;
        auto waited = co_await within(pause, work->poke.wait());
        if (waited) {
            CO_TRY_VOID(co_await sleep_for(options_.settle));
        } else if (waited.error().code == Errc::cancelled) {
            co_return std::move(waited);
        }
    }
    const bool made_anew = work->gone && work->rollout.created != Timestamp{};
    works_.erase(name);
    if (!made_anew) co_return Result<>{};
    auto again = co_await parts_.store.get("Rollout", name);
    if (again) on_rollout({ResourceChange::What::changed, std::move(*again)});
    co_return Result<>{};
}

// One look around and one deed. Gives how long it may rest; 0: go on at once.
Task<nanoseconds> Rollouts::step(WorkPtr work) {
    const std::string at(state_of(work->rollout, rollout_table()));
    CO_TRY_VOID(co_await prepare(work, at));
    const Timestamp now = parts_.loop.clock().now();
    const SteadyTime began = RealClock{}.steady();
    const Plan& plan = *work->plan;
    std::optional<double> restarts_max;
    for (const Guardrail& g : plan.guardrails)
        if (g.metric == Metric::crash_loop) restarts_max = g.max;
    const Counts counts =
        work->population.count(work->progress.target, work->progress.wave,
                               silence_fails(work->progress, plan, now), restarts_max);
    Situation situation{
        .state = at, .plan = plan, .progress = work->progress, .counts = counts, .now = now};
    if (at == state::planned) {
        const auto may = co_await parts_.may_roll_out(work->artifact);
        if (!may && may.error().code == Errc::cancelled) co_return Error(may.error());
        if (!may) situation.refusal = may.error().message;
    }
    Step next = next_step(situation, work->watched);
    work->deciding = RealClock{}.steady() - began;
    took_.planning = std::max(took_.planning, work->deciding);
    if (next.deed == Step::Deed::consent) {
        auto roles = plan.approval;
        CO_TRY(situation.consent, co_await parts_.consent(work->rollout, std::move(roles)));
        next = next_step(situation, work->watched);
    } else if (next.deed == Step::Deed::observe) {
        CO_TRY(situation.judgement, co_await observe(work, counts, next.look, now));
        work->watched = now;
        next = next_step(situation, work->watched);
    }
    co_return co_await carry_out(std::move(work), std::move(next), counts, now);
}

Task<nanoseconds> Rollouts::carry_out(WorkPtr work, Step step, Counts counts, Timestamp now) {
    switch (step.deed) {
        case Step::Deed::move:
            CO_TRY_VOID(co_await move(std::move(work), std::move(step), std::move(counts), now));
            co_return nanoseconds{0};
        case Step::Deed::assign:
        case Step::Deed::withdraw: {
            CO_TRY_VOID(co_await report(work, std::move(counts)));
            const bool withdraw = step.deed == Step::Deed::withdraw;
            CO_TRY_VOID(co_await change_devices(std::move(work), withdraw));
            co_return nanoseconds{0};
        }
        case Step::Deed::wait:
        case Step::Deed::consent:
        case Step::Deed::observe:
            break;
    }
    CO_TRY_VOID(co_await report(std::move(work), std::move(counts)));
    if (!step.due) co_return options_.heartbeat;
    co_return std::max<nanoseconds>(milliseconds{1}, *step.due - now);
}

}  // namespace mw::rollouts
