#include "apps/hub/history_wiring.h"

#include <algorithm>
#include <unordered_set>

#include "base/log.h"
#include "data/products/products.h"
#include "domain/each_resource.h"

namespace mw::hub {
namespace {

constexpr nanoseconds retention_every = minutes{10};

struct KeepRule {
    std::optional<std::unordered_set<std::string>> devices, signals;  // no value: all
    nanoseconds keep{0};                                              // 0: says nothing
    bool covers(const std::string& device, const std::string& signal) const {
        return (!devices || devices->contains(device)) && (!signals || signals->contains(signal));
    }
};

std::optional<std::unordered_set<std::string>> set_of(
    const std::optional<std::vector<std::string>>& names) {
    if (!names) return std::nullopt;
    return std::unordered_set<std::string>(names->begin(), names->end());
}

nanoseconds longest_of(const std::vector<KeepRule>& rules, const std::string& device,
                       const std::string& signal) {
    nanoseconds longest{0};
    for (const KeepRule& rule : rules) {
        if (!rule.covers(device, signal)) continue;
        if (rule.keep.count() == 0) return nanoseconds{0};
        longest = std::max(longest, rule.keep);
    }
    return longest;
}

std::string_view name_of(history::Table table) {
    constexpr std::string_view names[] = {"points", "decisions", "rollups"};
    return names[static_cast<std::size_t>(table)];
}

}  // namespace

namespace {

Json to_json(const history::HistoryFigures& figures) {
    JsonArray tables;
    for (std::size_t i = 0; i < std::size(figures.tables); ++i) {
        const auto& table = figures.tables[i];
        JsonObject one{{"table", name_of(history::Table(i))},
                       {"files", table.files},
                       {"compacted_files", table.compacted},
                       {"rows", table.rows},
                       {"bytes", table.bytes}};
        if (table.files > 0) {
            one["first"] = to_iso8601(table.first);
            one["last"] = to_iso8601(table.last);
        }
        tables.push_back(std::move(one));
    }
    return JsonObject{{"series", figures.series},
                      {"streams", figures.streams},
                      {"head", JsonObject{{"points", figures.head_points},
                                          {"bytes", figures.head_bytes},
                                          {"waiting_bytes", figures.waiting_bytes}}},
                      {"replaced_files", figures.doomed_files},
                      {"tables", std::move(tables)}};
}

}  // namespace

Task<Json> HistoryWiring::stats() {
    CO_TRY(const auto figures, co_await parts_.data.history_figures());
    co_return to_json(figures);
}

Task<Json> HistoryWiring::compact(nanoseconds wait) {
    auto work = parts_.data.compact_now();
    auto compacting = within(wait, std::move(work));
    const auto outcome = co_await std::move(compacting);
    if (!outcome && outcome.error().code != Errc::timed_out) co_return outcome.error();
    CO_TRY(const auto figures, co_await parts_.data.history_figures());
    Json answer = to_json(figures);
    set(answer, "finished", Json(outcome.ok()));
    co_return answer;
}

Task<Json> HistoryWiring::verify() {
    CO_TRY(const auto report, co_await parts_.data.verify_history());
    JsonArray damaged, log, missing;
    for (const auto& [file, why] : report.damaged)
        damaged.push_back(JsonObject{{"path", file.path},
                                     {"table", name_of(file.table)},
                                     {"why", why},
                                     {"rows", file.rows},
                                     {"first", to_iso8601(file.time_min)},
                                     {"last", to_iso8601(file.time_max)},
                                     {"first_device", file.device_first},
                                     {"last_device", file.device_last}});
    for (const auto& damage : report.log)
        log.push_back(
            JsonObject{{"path", damage.path}, {"offset", damage.offset}, {"bytes", damage.bytes}});
    for (const auto& path : report.missing) missing.push_back(Json(path));
    co_return JsonObject{{"sound", report.sound()},       {"files", report.files},
                         {"bytes", report.bytes},         {"without_checksum", report.unchecked},
                         {"damaged", std::move(damaged)}, {"log_damage", std::move(log)},
                         {"missing", std::move(missing)}};
}

Task<Json> HistoryWiring::remove(Deletion deletion) {
    history::EraseOrder order;
    order.device = std::move(deletion.device);
    order.span = {deletion.from.value_or(history::time_lowest),
                  deletion.to.value_or(history::time_highest)};
    CO_TRY(const auto erased, co_await parts_.data.erase(std::move(order)));
    co_return JsonObject{{"points", erased.points}, {"decisions", erased.decisions}};
}

Task<std::vector<Resource>> HistoryWiring::all_of(std::string kind) {
    std::vector<Resource> all;
    auto visit = [&all](Resource resource) { all.push_back(std::move(resource)); };
    CO_TRY_VOID(co_await each_resource(parts_.store, std::move(kind), std::move(visit)));
    co_return std::move(all);
}

Task<history::RetentionSnapshot> HistoryWiring::retention() {
    auto reading = all_of("DataProduct");
    CO_TRY(const auto contracts, co_await std::move(reading));
    reading = all_of("Policy");
    CO_TRY(const auto policies, co_await std::move(reading));
    const auto views = parts_.products.products();
    auto rules = std::make_shared<std::vector<KeepRule>>();
    for (const Resource& contract : contracts) {
        const auto view = std::find_if(views->begin(), views->end(), [&](const auto& product) {
            return product.name == contract.name;
        });
        if (view == views->end()) continue;  // not worked out yet: the next time
        KeepRule rule{set_of(view->devices), set_of(view->signals)};
        const auto policy = products::effective_policy(contract, policies);
        if (policy.keep_at_most) rule.keep = policy.keep_at_most->value;
        rules->push_back(std::move(rule));
    }
    auto retention = std::make_shared<history::Retention>();
    retention->otherwise = parts_.keep;
    retention->keep = [rules](const std::string& device, const std::string& signal) {
        return longest_of(*rules, device, signal);
    };
    co_return std::shared_ptr<const history::Retention>(std::move(retention));
}

Task<> HistoryWiring::keep_retention() {
    for (;;) {
        auto working_out = retention();
        auto now = co_await std::move(working_out);
        if (now)
            parts_.data.set_retention(std::move(*now));
        else if (now.error().code == Errc::cancelled)
            co_return Result<>{};
        else
            log::warn("hub.retention.unknown", {{"why", now.error()}});
        CO_TRY_VOID(co_await sleep_for(retention_every));
    }
}

}  // namespace mw::hub
