#include "data/datasets/controller.h"

#include <algorithm>

#include "base/log.h"
#include "data/datasets/evidence.h"
#include "data/datasets/make.h"
#include "domain/each_resource.h"
#include "domain/story.h"

namespace mw::datasets {
namespace {

constexpr Transition rows[] = {
    {"waiting", "frozen", "frozen", "Rows and labels were read and stored under their hash"},
    {"waiting", "failed", "failed", "It could not be frozen; the reason says why"},
    {"failed", "changed", "waiting", "Its spec was changed: it is tried again"},
};
constexpr StateTable table("Dataset", rows);

constexpr std::size_t points_max = 10'000'000;
constexpr int freeze_tries_max = 3;

}  // namespace

const StateTable& dataset_table() { return table; }

Result<> admit(const Resource& wanted, const std::optional<Resource>& stored) {
    if (stored && state_of(*stored, table) == "frozen" && stored->spec != wanted.spec)
        return Error{Errc::conflict, "dataset '" + stored->name +
                                         "' is frozen: what was judged with it must stay "
                                         "provable. Next step: freeze one under another name"};
    const auto order = order_of(wanted.spec);
    if (!order) return order.error().context("spec");
    return {};
}

Datasets::Datasets(Parts parts) : parts_(parts), scope_(parts.loop) {}
Datasets::~Datasets() = default;

Task<> Datasets::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    CO_TRY_VOID(co_await each_resource(parts_.store, "Dataset", std::move(visit)));
    scope_.spawn(work());
    co_return Result<>{};
}

Task<> Datasets::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

void Datasets::on_change(const ResourceChange& change) {
    const Resource& dataset = change.resource;
    if (dataset.kind != "Dataset" || change.what == ResourceChange::What::deleted) return;
    const auto state = state_of(dataset, table);
    const auto tried = find_integer(dataset.status, "tried_generation").value_or(0);
    const bool changed = static_cast<std::uint64_t>(tried) != dataset.generation;
    if (state == "frozen" || (state == "failed" && !changed)) return;
    if (std::find(waiting_.begin(), waiting_.end(), dataset.name) != waiting_.end()) return;
    waiting_.push_back(dataset.name);
    arrived_.set();
}

Task<> Datasets::work() {
    for (;;) {
        while (waiting_.empty()) {
            arrived_.reset();
            CO_TRY_VOID(co_await arrived_.wait());
        }
        std::string name = std::move(waiting_.front());
        waiting_.pop_front();
        auto outcome = co_await settle(name);
        if (outcome) continue;
        if (outcome.error().code == Errc::cancelled) co_return outcome;
        log::warn("datasets.dataset.not_settled", {{"dataset", name}, {"error", outcome.error()}});
    }
}

// Reads it afresh: what waited may have been settled or deleted meanwhile.
Task<> Datasets::settle(std::string name) {
    auto dataset = co_await parts_.store.get("Dataset", name);
    if (!dataset) co_return Result<>{};
    if (state_of(*dataset, table) == "frozen") co_return Result<>{};
    const auto generation = static_cast<std::int64_t>(dataset->generation);
    if (state_of(*dataset, table) == "failed") {
        if (find_integer(dataset->status, "tried_generation") == generation) co_return Result<>{};
        CO_TRY(auto again,
               advance(*dataset, table, "changed", "its spec was changed", parts_.clock.now()));
    }
    auto frozen = co_await freeze(*dataset);
    if (!frozen && frozen.error().code == Errc::cancelled) co_return std::move(frozen).error();
    const bool refused = frozen && !frozen->refused.empty();
    const std::string says =
        !frozen   ? frozen.error().message
        : refused ? frozen->refused
                  : std::to_string(*find_integer(frozen->facts, "rows")) + " rows of " +
                        std::to_string(*find_integer(frozen->facts, "devices")) + " devices, " +
                        std::to_string(*find_integer(frozen->facts, "anomalous_rows")) +
                        " of them anomalous, frozen as " + frozen->blob.sha256;
    const bool good = frozen && !refused;
    CO_TRY(JsonObject changes,
           advance(*dataset, table, good ? "frozen" : "failed", says, parts_.clock.now()));
    changes["tried_generation"] = generation;
    for (const char* key : {"leaks", "splits", "rows_in_no_split"})
        changes[key] = nullptr;  // of an earlier try
    if (frozen)
        for (const auto& [key, value] : frozen->facts) changes[key] = value;
    AuditNote note{"hub", good ? "dataset.frozen" : "dataset.failed", says};
    auto written =
        co_await parts_.store.merge_status("Dataset", name, std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

// A contract that changes while its rows are read is neither the old one nor the new one.
Task<Datasets::Frozen> Datasets::freeze(Resource dataset) {
    CO_TRY(const std::string name, want_string(dataset.spec, "product"));
    for (int tries = 0; tries < freeze_tries_max; ++tries) {
        CO_TRY(const Resource product, co_await parts_.store.get("DataProduct", name));
        auto freezing = freeze_once(dataset, product);
        CO_TRY(Frozen frozen, co_await std::move(freezing));
        CO_TRY(const Resource after, co_await parts_.store.get("DataProduct", name));
        if (after.generation == product.generation) co_return std::move(frozen);
    }
    co_return Error{Errc::conflict, "the contract of '" + name +
                                        "' changed each time while it was read. Next step: freeze "
                                        "it again"};
}

Task<Assets> Datasets::assets() {
    Assets assets;
    auto visit = [&assets](Resource device) {
        assets[device.name] = find_string(device.spec, "asset").value_or("");
    };
    CO_TRY_VOID(co_await each_resource(parts_.store, "Device", std::move(visit)));
    co_return std::move(assets);
}

Task<Datasets::Frozen> Datasets::freeze_once(Resource dataset, Resource product) {
    CO_TRY(const Order order, order_of(dataset.spec));
    const Timestamp now = parts_.clock.now();
    QueryRequest request;
    request.sql = sql_of(order);
    request.format = ResultFormat::csv;
    request.limits = {minutes{5}, points_max, std::size_t{1} << 30};
    // What its author may read, and no more.
    request.actor = find_string(dataset.status, "author").value_or("");
    CO_TRY(auto reply, co_await parts_.queries.query(std::move(request)));
    if (reply.truncated)
        co_return Error{Errc::invalid_input,
                        "there are more than " + std::to_string(points_max) +
                            " points. Next step: a shorter time range, fewer devices or signals"};
    Materials materials;
    materials.order = order;
    materials.known_until = order.as_of.value_or(now);
    if (order.answers) materials.answers = parts_.labels.as_of(materials.known_until);
    if (!order.splits.groups.empty()) {
        CO_TRY(materials.assets, co_await assets());
    }
    materials.csv = std::move(reply.body);
    auto job = [materials = std::move(materials)]() mutable {
        return make_dataset(std::move(materials));
    };
    CO_TRY(Made made, co_await parts_.workers.run(std::move(job)));
    Frozen frozen;
    frozen.facts = std::move(made.facts);
    frozen.facts["contract"] = contract_evidence(product);
    frozen.facts["read"] = files_evidence(reply);
    frozen.facts["answers_as_of"] = to_iso8601(order.as_of.value_or(now));
    frozen.facts["sql"] = sql_of(order);
    frozen.refused = std::move(made.refused);
    if (!frozen.refused.empty()) co_return std::move(frozen);
    CO_TRY(frozen.blob, co_await parts_.blobs.put(std::move(made.bytes)));
    frozen.facts["sha256"] = frozen.blob.sha256;
    frozen.facts["size"] = frozen.blob.size;
    frozen.facts["frozen_at"] = to_iso8601(now);
    co_return std::move(frozen);
}

}  // namespace mw::datasets
