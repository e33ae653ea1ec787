#include <algorithm>

#include "data/backup/creation.h"

namespace mw::backup {
namespace {

constexpr std::uint64_t step_bytes_max = std::uint64_t{4} << 20;
constexpr std::uint64_t step_bytes_min = std::uint64_t{64} << 10;
constexpr std::uint64_t steps_a_second = 8;

using Making = std::shared_ptr<Creation>;

// Each store is as of an instant of its own, in this order: what refers to something comes before
// what it refers to, so that the whole is what a power cut in between could have left.
Result<> take_before_history(Creation& making) {
    TRY_VOID(making.capture().take_log("alarms"));
    return making.capture().take_log("sessions");
}

Result<> take_after_history(Creation& making) {
    TRY_VOID(making.take_registry());
    for (const char* log : {"labels", "quarantine", "sketches", "dead-letters"})
        TRY_VOID(making.capture().take_log(log));
    TRY_VOID(making.capture().take_blobs());
    TRY_VOID(making.capture().take_rest());
    return making.plan();
}

Task<> take_all(CreateParts parts, Making making, HoldHistory hold) {
    auto before = [making] { return take_before_history(*making); };
    CO_TRY_VOID(co_await parts.workers.run(std::move(before)));
    if (hold) {
        auto holding = hold();
        CO_TRY(auto held, co_await std::move(holding));
        CO_TRY_VOID(making->capture().take_history(std::move(held)));
    } else {
        CO_TRY_VOID(making->capture().take_history_at_rest());
    }
    auto after = [making] { return take_after_history(*making); };
    co_return co_await parts.workers.run(std::move(after));
}

// Never faster than it was told on the average since it began.
Task<> copy_all(CreateParts parts, Making making, std::uint64_t bytes_per_second, Tell tell) {
    const auto began = parts.clock.steady();
    const auto step = bytes_per_second == 0 ? step_bytes_max
                                            : std::clamp(bytes_per_second / steps_a_second,
                                                         step_bytes_min, step_bytes_max);
    for (;;) {
        if (tell) CO_TRY_VOID(tell(making->progress()));
        auto work = [making, step] { return making->copy(step); };
        CO_TRY(const bool more, co_await parts.workers.run(std::move(work)));
        if (!more) co_return Result<>{};
        if (bytes_per_second == 0) continue;
        const auto due = nanoseconds(static_cast<std::int64_t>(
            double(making->progress().bytes_done) / double(bytes_per_second) * 1e9));
        const auto spent = parts.clock.steady() - began;
        if (due > spent) CO_TRY_VOID(co_await sleep_for(due - spent));
    }
}

Task<Created> make(CreateParts parts, Making making, std::uint64_t rate, HoldHistory hold,
                   Tell tell) {
    auto taking = take_all(parts, making, std::move(hold));
    CO_TRY_VOID(co_await std::move(taking));
    auto copying = copy_all(parts, making, rate, std::move(tell));
    CO_TRY_VOID(co_await std::move(copying));
    auto finish = [making] { return making->finish(); };
    CO_TRY(auto created, co_await parts.workers.run(std::move(finish)));
    co_return std::move(created);
}

}  // namespace

Task<Created> create(CreateParts parts, CreateOrder order, HoldHistory hold, Tell tell) {
    const auto rate = order.bytes_per_second;
    const std::string step = "backup to " + order.repository;
    auto begin = [parts, order = std::move(order)]() -> Result<Making> {
        TRY(auto making, Creation::begin(parts.files, parts.clock, order));
        return Making(std::move(making));
    };
    auto begun = co_await parts.workers.run(std::move(begin));
    if (!begun) co_return std::move(begun).error().context(step);
    auto work = make(parts, *begun, rate, std::move(hold), std::move(tell));
    auto outcome = co_await std::move(work);
    // What it added goes on a worker; where the loop ends, here.
    auto end = [making = std::move(*begun)]() mutable { making.reset(); };
    ignore(co_await parts.workers.run(std::move(end)), "then it goes with the job");
    if (!outcome) co_return std::move(outcome).error().context(step);
    co_return std::move(outcome);
}

}  // namespace mw::backup
