#include "fleet/rollouts/assigner.h"

namespace mw::rollouts {
namespace {

constexpr int conflicts_max = 8;
constexpr nanoseconds breath = milliseconds{20};  // when the store's queue is full

struct Errands {
    Loop& loop;
    ResourceStore& store;
    Errand errand;
    Tally tally{};
    std::size_t next = 0;
    std::optional<Error> failure{};
};

AuditNote note_of(const Errand& errand, std::string_view deed) {
    AuditNote note;
    note.actor = "hub";
    note.action = deed;
    note.detail = "rollout " + errand.aim.rollout + ": " + errand.aim.reported_as() + " " +
                  errand.aim.version;
    note.controls = "A.8.32";
    return note;
}

// The trace first, so that the spec never changes without it; the answer is the newest device.
Task<Resource> leave_trace(Errands& errands, Resource device) {
    const Errand& errand = errands.errand;
    Trace trace;
    if (const auto before = trace_of(device, errand.aim)) trace = *before;
    if (!errand.withdraw) {
        trace.rollout = errand.aim.rollout;
        trace.wave = errand.wave;
        trace.boots = boots_of(device);
        trace.generation = device.generation;
        trace.since = errands.loop.clock().now();
    }
    trace.withdrawn = errand.withdraw;
    JsonObject changes;
    changes[errand.aim.trace_key()] = trace_json(trace);
    AuditNote note = note_of(errand, "rollout.trace");
    co_return co_await errands.store.merge_status("Device", device.name, std::move(changes),
                                                  std::move(note));
}

// True: changed. False: nothing to do there. `again`: this errand was here already and did not
// change the spec, so what changed since its trace was something else.
Task<bool> serve(Errands& errands, std::string name, bool again) {
    const Errand& errand = errands.errand;
    CO_TRY(Resource device, co_await errands.store.get("Device", name));
    const Standing standing = standing_of(device, errand.aim, errand.planned_at);
    const bool ours = errand.withdraw ? standing == Standing::assigned
                                      : standing == Standing::untouched ||
                                            (again && standing == Standing::changed);
    if (!ours) co_return false;
    auto traced = leave_trace(errands, device);
    CO_TRY(Resource newest, co_await std::move(traced));
    if (newest.generation != device.generation)
        co_return Error{Errc::conflict, "the device was changed meanwhile"};
    device = std::move(newest);
    device.spec =
        errand.withdraw ? withdrawn_spec(device, errand.aim) : assigned_spec(device, errand.aim);
    AuditNote note = note_of(errand, errand.withdraw ? "rollout.withdraw" : "rollout.assign");
    CO_TRY_VOID(co_await errands.store.replace(std::move(device), std::move(note)));
    co_return true;
}

Task<> serve_with_retries(Errands& errands, std::string name) {
    for (int attempt = 0;; ++attempt) {
        auto done = co_await serve(errands, name, attempt > 0);
        if (done) {
            ++(*done ? errands.tally.changed : errands.tally.skipped);
            co_return Result<>{};
        }
        const Errc code = done.error().code;
        if (code == Errc::not_found) {
            ++errands.tally.skipped;
            co_return Result<>{};
        }
        if (code == Errc::overloaded) {
            CO_TRY_VOID(co_await sleep_for(breath));
            continue;
        }
        if (code == Errc::conflict && attempt < conflicts_max) continue;
        if (code == Errc::invalid_input || code == Errc::conflict || code == Errc::denied) {
            if (errands.tally.refused++ == 0)
                errands.tally.reason = name + ": " + done.error().message;
            co_return Result<>{};
        }
        co_return std::move(done).error();
    }
}

Task<> lane(Errands& errands) {
    while (!errands.failure && errands.next < errands.errand.devices.size()) {
        std::string name = errands.errand.devices[errands.next++];
        auto served = co_await serve_with_retries(errands, std::move(name));
        if (!served) {
            errands.failure = std::move(served).error();
            break;
        }
    }
    co_return Result<>{};
}

}  // namespace

Task<Tally> run_errand(Loop& loop, ResourceStore& store, Errand errand) {
    Errands errands{loop, store, std::move(errand)};
    Scope scope(loop);
    const std::size_t lanes = std::min(writes_in_flight, errands.errand.devices.size());
    for (std::size_t i = 0; i < lanes; ++i) scope.spawn(lane(errands));
    auto joined = co_await scope.join();
    if (!joined) co_return std::move(joined).error();  // stopped: the scope ends with this frame
    if (errands.failure) co_return std::move(*errands.failure);
    co_return std::move(errands.tally);
}

}  // namespace mw::rollouts
