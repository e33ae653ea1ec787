#include "apps/hub/point_wiring.h"

#include "domain/prefetch.h"

namespace mw::hub {
namespace {

// Storage that is full makes the client wait, and then come again.
constexpr nanoseconds full_pause = milliseconds{5};
constexpr nanoseconds full_most = seconds{10};
// The data loop serves others in between.
constexpr std::size_t points_at_once = 4'096;

}  // namespace

Task<api::PointDesk::Outcome> PointWiring::store(Load load) {
    auto there = [this, load = std::move(load)] { return store_there(load); };
    co_return co_await run_on(data_.loop(), std::move(there));
}

Task<api::PointDesk::Outcome> PointWiring::store_there(Load load) {
    Outcome outcome;
    nanoseconds waited{0};
    std::size_t since_pause = 0;
    for (std::size_t i = 0; i < load.count;) {
        Batch& batch = (*load.batches)[i];
        if (i + 2 < load.count) prefetch((*load.batches)[i + 2]);
        data_.ingest().expect(std::span(*load.batches).first(load.count).subspan(i + 1));
        const auto ticket = data_.ingest().accept(batch);
        const Errc code = ticket ? Errc{} : ticket.error().code;
        if (!ticket && code == Errc::overloaded && waited < full_most) {
            CO_TRY_VOID(co_await sleep_for(full_pause));
            waited += full_pause;
            continue;
        }
        if (ticket)
            outcome.points += batch.size();
        else if (code == Errc::denied || code == Errc::invalid_input)
            outcome.refused.push_back(
                {batch.device.text, batch.size(),
                 ticket.error().message + (code == Errc::denied ? "; create it first" : "")});
        else
            co_return ticket.error();
        since_pause += batch.size();
        if (since_pause >= points_at_once) {
            since_pause = 0;
            CO_TRY_VOID(co_await sleep_for(nanoseconds{0}));
        }
        ++i;
    }
    co_return std::move(outcome);
}

}  // namespace mw::hub
