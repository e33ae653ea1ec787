#include "data/datasets/controller.h"

#include <algorithm>

#include "base/log.h"
#include "data/datasets/freeze.h"
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
    const std::string says =
        frozen ? std::to_string(*find_integer(frozen->facts, "rows")) + " rows of " +
                     std::to_string(*find_integer(frozen->facts, "devices")) + " devices, " +
                     std::to_string(*find_integer(frozen->facts, "anomalous_rows")) +
                     " of them anomalous, frozen as " + frozen->blob.sha256
               : frozen.error().message;
    CO_TRY(JsonObject changes,
           advance(*dataset, table, frozen ? "frozen" : "failed", says, parts_.clock.now()));
    changes["tried_generation"] = generation;
    if (frozen)
        for (const auto& [key, value] : frozen->facts) changes[key] = value;
    AuditNote note{"hub", frozen ? "dataset.frozen" : "dataset.failed", says};
    auto written =
        co_await parts_.store.merge_status("Dataset", name, std::move(changes), std::move(note));
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

Task<Datasets::Frozen> Datasets::freeze(Resource dataset) {
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
    labels::Labels answers;
    if (order.answers) answers = parts_.labels.as_of(order.as_of.value_or(now));
    struct Made {
        Bytes bytes;
        JsonObject facts;
    };
    auto job = [order, csv = std::move(reply.body),
                answers = std::move(answers)]() mutable -> Result<Made> {
        TRY(const Content content, assemble(csv, order, std::move(answers)));
        if (content.rows() == 0)
            return Error{Errc::not_found,
                         "there are no rows. Next step: check product, devices, "
                         "signals, from and to"};
        const std::size_t labelled = content.labelled_rows();
        if (order.golden && (labelled == 0 || content.anomalous_rows() == 0))
            return Error{Errc::invalid_input,
                         "a golden dataset needs rows that are known to be anomalous; of " +
                             std::to_string(content.rows()) + " rows " + std::to_string(labelled) +
                             " have a label. Next step: labels.signal, or answer label tasks"};
        TRY(const std::string text, write_dataset(content));
        JsonArray signals;
        for (const auto& signal : content.signals) signals.emplace_back(signal);
        JsonObject facts{{"rows", content.rows()},
                         {"devices", content.devices.size()},
                         {"labelled_rows", labelled},
                         {"anomalous_rows", content.anomalous_rows()},
                         {"signals", std::move(signals)}};
        return Made{Bytes(text.begin(), text.end()), std::move(facts)};
    };
    CO_TRY(Made made, co_await parts_.workers.run(std::move(job)));
    Frozen frozen;
    CO_TRY(frozen.blob, co_await parts_.blobs.put(std::move(made.bytes)));
    frozen.facts = std::move(made.facts);
    frozen.facts["sha256"] = frozen.blob.sha256;
    frozen.facts["size"] = frozen.blob.size;
    frozen.facts["frozen_at"] = to_iso8601(now);
    frozen.facts["answers_as_of"] = to_iso8601(order.as_of.value_or(now));
    frozen.facts["sql"] = sql_of(order);
    co_return frozen;
}

}  // namespace mw::datasets
