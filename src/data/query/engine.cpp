#include <algorithm>

#include "data/query/plan.h"
#include "data/query/quarantine_sql.h"
#include "data/query/query.h"
#include "data/query/slot.h"

namespace mw::query {

struct Engine::State {
    EngineOptions options;
    Parts parts;
    Channel<std::shared_ptr<Slot>> free;
    std::size_t waiting = 0;
    metrics::Counter& answered;
    metrics::Counter& refused;
    metrics::Counter& failed;
    metrics::Histogram& duration;
    metrics::Gauge& kept_bytes;
    files::RealFiles files;
    segments::SealedFiles sealed;

    State(EngineOptions given, Parts with)
        : options(std::move(given)),
          parts(std::move(with)),
          free({.capacity = std::max<std::size_t>(1, options.slots)}),
          answered(outcome("answered")),
          refused(outcome("refused")),
          failed(outcome("failed")),
          duration(parts.metrics.histogram("millwright_query_duration_seconds",
                                           "From request to reply, waiting included.", {},
                                           metrics::seconds_buckets)),
          kept_bytes(parts.metrics.gauge("millwright_query_kept_bytes",
                                         "Parts of sealed files kept for the next statement.")),
          sealed(files, options.kept_bytes_max) {}
    metrics::Counter& outcome(const char* what) {
        return parts.metrics.counter("millwright_query_statements_total",
                                     "SQL statements by outcome.", {{"outcome", what}});
    }
};

namespace {

// A slot on loan; goes back when the statement has ended, whatever its end.
class Lease {
 public:
    Lease(Channel<std::shared_ptr<Slot>>& home, std::shared_ptr<Slot> slot)
        : home_(&home), slot_(std::move(slot)) {}
    Lease(Lease&&) = default;
    ~Lease() {
        if (slot_) home_->try_send(std::move(slot_));
    }
    const std::shared_ptr<Slot>& slot() const { return slot_; }

 private:
    Channel<std::shared_ptr<Slot>>* home_;
    std::shared_ptr<Slot> slot_;
};

struct Waiting {
    std::size_t& count;
    explicit Waiting(std::size_t& c) : count(c) { ++count; }
    ~Waiting() { --count; }
};

QueryLimits limited(const QueryLimits& asked, const QueryLimits& most) {
    return {std::min(asked.time, most.time), std::min(asked.rows, most.rows),
            std::min(asked.memory_bytes, most.memory_bytes)};
}

// What a statement may name: a product that isn't known to the actor is as none.
std::vector<std::string> names_of(const Products& products, const Sight* sight) {
    std::vector<std::string> names;
    for (const Product& product : products) {
        if (sight == nullptr || !std::binary_search(sight->unknown_products.begin(),
                                                    sight->unknown_products.end(), product.name))
            names.push_back(product.name);
    }
    return names;
}

// Devices that are all that a sight shows, where they are few: then other files need no look.
std::optional<Names> few_devices(const Sight& sight) {
    constexpr std::size_t few = 256;
    if (!sight.only) return std::nullopt;
    Names all;
    for (const SeriesSet& set : *sight.only) {
        if (!set.devices || all.size() + set.devices->size() > few) return std::nullopt;
        all.insert(all.end(), set.devices->begin(), set.devices->end());
    }
    return all;
}

void narrow(std::optional<std::vector<std::string>>& devices, const Names& most) {
    if (!devices) {
        devices = most;
        return;
    }
    std::erase_if(*devices, [&](const std::string& device) {
        return std::find(most.begin(), most.end(), device) == most.end();
    });
}

// Adds to each reference what it may see: the product's selection and the actor's sight.
Result<> restrict(std::vector<Wanted>& wanted, const Products& products, const SightPtr& sight) {
    const auto devices = sight ? few_devices(*sight) : std::nullopt;
    for (Wanted& one : wanted) {
        if (one.table == Table::product) {
            const auto product = std::find_if(products.begin(), products.end(),
                                              [&](const Product& p) { return p.name == one.name; });
            ASSERT(product != products.end());
            one.product = *product;
        }
        if (!sight) continue;
        TRY_VOID(check_sight(*sight, one.table, one.name));
        one.sight = sight;
        if (devices) narrow(one.devices, *devices);
        widen_for_masks(one);
    }
    return {};
}

}  // namespace

namespace {

template <class StatePointer>
Task<Lease> acquire(StatePointer state) {
    if (auto slot = state->free.try_receive()) co_return Lease(state->free, std::move(*slot));
    if (state->waiting >= state->options.waiting_max) {
        co_return Error{Errc::overloaded, "too many queries wait already; try again later"};
    }
    const Waiting waiting(state->waiting);
    CO_TRY(auto slot, co_await state->free.receive());
    co_return Lease(state->free, std::move(slot));
}

template <class StatePointer>
Task<Snapshot> take_snapshot(StatePointer state, std::vector<Wanted> wanted) {
    Snapshot snapshot;
    const auto bounds = bounds_of(wanted);
    if (bounds) {
        CO_TRY(snapshot.history, co_await state->parts.history.snapshot(*bounds));
    }
    const bool scorecard = std::any_of(wanted.begin(), wanted.end(), [](const Wanted& one) {
        return one.table == Table::scorecard;
    });
    if (scorecard) {
        CO_TRY(auto rows, co_await state->parts.scorecard.scorecard());
        snapshot.scorecard = std::make_shared<const quality::Scorecard>(std::move(rows));
    }
    const bool labels = std::any_of(wanted.begin(), wanted.end(),
                                    [](const Wanted& one) { return one.table == Table::labels; });
    LabelSource* source = state->parts.labels;
    if (labels)
        snapshot.labels = source ? source->labels() : std::make_shared<const labels::Labels>();
    if (QuarantineSource* decided = state->parts.quarantine)
        snapshot.quarantine = decided->quarantine();
    co_return snapshot;
}

template <class StatePointer>
Task<QueryReply> answer(StatePointer state, QueryRequest request) {
    const QueryLimits limits = limited(request.limits, state->options.limits_max);
    CO_TRY(const Lease lease, co_await acquire(state));
    const auto products = state->parts.products.products();
    SightPtr sight;
    if (state->parts.policy != nullptr) {
        CO_TRY(sight, state->parts.policy->sight_of(request.actor));
    }
    auto parse = [slot = lease.slot(), sql = std::move(request.sql),
                  names = names_of(*products, sight.get()), memory = limits.memory_bytes,
                  parameters = std::move(request.parameters)](std::stop_token stop) {
        return slot->parse(sql, names, memory, std::move(stop), parameters);
    };
    CO_TRY(Parsed parsed, co_await state->parts.workers.run(std::move(parse)));
    CO_TRY_VOID(restrict(parsed.wanted, *products, sight));
    CO_TRY(Snapshot snapshot, co_await take_snapshot(state, parsed.wanted));
    snapshot.now = Loop::here().clock().now();

    auto run = [slot = lease.slot(), parsed = std::move(parsed), snapshot = std::move(snapshot),
                format = request.format, limits,
                state](std::stop_token stop) -> Result<QueryReply> {
        TRY_VOID(few_records(parsed.wanted, snapshot));
        Plan plan = plan_of(parsed.wanted, snapshot, &state->sealed);
        auto files = std::move(plan.files);
        const std::uint64_t unsealed = plan.unsealed_rows;
        TRY(QueryReply reply, slot->run(parsed, std::move(plan), format, limits, std::move(stop)));
        reply.files = std::move(files);
        reply.unsealed_rows = unsealed;
        return reply;
    };
    auto reply = co_await state->parts.workers.run(std::move(run));
    state->kept_bytes.set(static_cast<double>(state->sealed.bytes()));
    co_return reply;
}

}  // namespace

Engine::Engine(EngineOptions options, Parts parts)
    : state_(std::make_shared<State>(std::move(options), std::move(parts))) {
    const EngineOptions& given = state_->options;
    SlotOptions slot;
    slot.history_directory = given.history_directory;
    slot.temporary_directory = given.temporary_directory;
    slot.threads = std::max(1u, given.threads);
    for (slot.number = 0; slot.number < std::max<std::size_t>(1, given.slots); ++slot.number) {
        state_->free.try_send(std::make_shared<Slot>(slot));
    }
}

Engine::~Engine() = default;

Task<QueryReply> Engine::query(QueryRequest request) {
    const auto state = state_;
    if (request.parameters.size() > state->options.parameters_max) {
        state->refused.add();
        co_return Error{Errc::invalid_input,
                        "parameters: at most " + std::to_string(state->options.parameters_max)};
    }
    if (request.sql.size() > state->options.sql_bytes_max) {
        state->refused.add();
        co_return Error{
            Errc::invalid_input,
            "a statement has at most " + std::to_string(state->options.sql_bytes_max) + " bytes"};
    }
    const nanoseconds limit = std::min(request.limits.time, state->options.limits_max.time);
    const SteadyTime began = Loop::here().clock().steady();
    auto answering = answer(state, std::move(request));
    auto reply = co_await within(limit, std::move(answering));
    const nanoseconds took = Loop::here().clock().steady() - began;
    state->duration.observe(std::chrono::duration<double>(took).count());
    if (reply) {
        state->answered.add();
    } else if (reply.error().code == Errc::invalid_input || reply.error().code == Errc::denied) {
        state->refused.add();
    } else {
        state->failed.add();
    }
    if (!reply && reply.error().code == Errc::timed_out) {
        co_return Error{Errc::timed_out, "the query did not end within " + to_text(limit) +
                                             "; bound it by device, signal and time"};
    }
    co_return reply;
}

}  // namespace mw::query
