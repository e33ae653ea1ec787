#include "business/kpi/kpi.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "domain/each_resource.h"

namespace mw::kpi {
namespace {

constexpr nanoseconds idle_wait = minutes(10);

Batch batch_of(const std::string& use_case, const KpiSpec& spec,
               const statistics::MeanInterval& now, Timestamp at) {
    Batch batch;
    batch.device = DeviceId{series_device(use_case)};
    batch.arrival = at;
    const std::pair<const char*, double> signals[] = {
        {"", now.estimate}, {".low", now.low}, {".high", now.high}};
    for (const auto& [suffix, value] : signals) {
        const auto begin = std::uint32_t(batch.times.size());
        batch.runs.push_back({spec.name + suffix, spec.unit, begin, begin + 1});
        batch.times.push_back(at);
        batch.values.push_back(value);
        batch.quality.push_back(Quality::good());
    }
    return batch;
}

}  // namespace

std::string series_device(const std::string& use_case) { return "usecase." + use_case; }

Kpis::Kpis(Parts parts, Options options) : parts_(parts), options_(options), scope_(parts.loop) {}
Kpis::~Kpis() = default;

Task<> Kpis::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    auto visit = [this](Resource use_case) { follow(use_case); };
    std::string kind = "UseCase";
    CO_TRY_VOID(co_await each_resource(parts_.store, std::move(kind), std::move(visit)));
    scope_.spawn(keep_computing());
    co_return Result<>{};
}

Task<> Kpis::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

void Kpis::on_change(const ResourceChange& change) {
    if (change.resource.kind != "UseCase") return;
    if (change.what == ResourceChange::What::deleted)
        followed_.erase(change.resource.name);
    else
        follow(change.resource);
}

// A KPI that is new or changed is due at once; the others keep their time.
void Kpis::follow(const Resource& use_case) {
    auto specs = kpi_specs_of(use_case);
    if (!specs) {
        log::warn("kpi.spec.refused",
                  {{"use_case", use_case.name}, {"reason", specs.error().message}});
        return;
    }
    auto [at, is_new] = followed_.try_emplace(use_case.name);
    auto& followed = at->second;
    if (!is_new && followed.use_case.generation == use_case.generation) {
        if (followed.use_case.revision < use_case.revision) followed.use_case = use_case;
        return;
    }
    std::map<std::string, Timestamp> due;
    for (const auto& spec : *specs) {
        const auto known = std::ranges::find(followed.specs, spec.name, &KpiSpec::name);
        const bool same = known != followed.specs.end() && *known == spec;
        due[spec.name] = same ? followed.due[spec.name] : Timestamp{};
        if (!same) followed.entries.erase(spec.name);
    }
    if (const Json* told = find(use_case.status, "kpis"); told && told->is_array())
        for (const auto& entry : told->get_array())
            followed.stale |= !due.contains(find_string(entry, "name").value_or(""));
    followed.use_case = use_case;
    followed.specs = std::move(*specs);
    followed.due = std::move(due);
    changed_.set();
}

Timestamp Kpis::next_due() const {
    Timestamp next{std::numeric_limits<std::int64_t>::max()};
    for (const auto& [name, followed] : followed_)
        for (const auto& [kpi, due] : followed.due) next = std::min(next, due);
    return next;
}

Task<> Kpis::keep_computing() {
    for (;;) {
        changed_.reset();
        const auto now = parts_.loop.clock().now();
        std::vector<std::string> due;
        for (const auto& [name, followed] : followed_)
            if (followed.stale ||
                std::ranges::any_of(followed.due, [&](const auto& k) { return k.second <= now; }))
                due.push_back(name);
        for (auto& name : due) {
            auto computing = compute_due(std::move(name), false);
            auto outcome = co_await std::move(computing);
            if (!outcome && outcome.error().code == Errc::cancelled) co_return outcome;
        }
        if (!due.empty()) continue;
        const auto wait = std::min(next_due() - now, idle_wait);
        auto woken = co_await within(wait, changed_.wait());
        if (!woken && woken.error().code != Errc::timed_out) co_return std::move(woken);
    }
}

Task<> Kpis::compute(std::string use_case) {
    if (!followed_.contains(use_case))
        co_return Error{Errc::not_found, "there is no UseCase '" + use_case + "'"};
    co_return co_await compute_due(std::move(use_case), true);
}

Task<> Kpis::compute_due(std::string use_case, bool all) {
    const auto begun = parts_.loop.clock().now();
    std::vector<KpiSpec> specs;
    if (const auto followed = followed_.find(use_case); followed != followed_.end())
        for (const auto& spec : followed->second.specs)
            if (all || followed->second.due[spec.name] <= begun) specs.push_back(spec);
    for (auto& spec : specs) {
        const auto followed = followed_.find(use_case);
        if (followed == followed_.end()) co_return Result<>{};  // deleted meanwhile
        followed->second.due[spec.name] = begun + std::max(spec.every, options_.every_min);
        auto currency = find_string(followed->second.use_case.spec, "currency").value_or("EUR");
        auto author = find_string(followed->second.use_case.status, "author").value_or("");
        auto computing = compute_one(use_case, std::move(currency), spec, std::move(author));
        CO_TRY(auto entry, co_await std::move(computing));
        const auto still = followed_.find(use_case);
        if (still == followed_.end()) co_return Result<>{};
        still->second.entries[spec.name] = std::move(entry);
    }
    co_return co_await write_status(std::move(use_case));
}

// The entry for status; an error only when the hub goes down.
Task<JsonObject> Kpis::compute_one(std::string use_case, std::string currency, KpiSpec spec,
                                   std::string author) {
    QueryRequest request;
    request.actor = std::move(author);  // what they may read, and no more
    request.sql = spec.sql;
    request.limits = options_.limits;
    auto reply = co_await parts_.query.query(std::move(request));
    const auto now = parts_.loop.clock().now();
    if (!reply && reply.error().code == Errc::cancelled) co_return std::move(reply).error();
    ++computed_;
    if (!reply) co_return failed_kpi(spec, reply.error(), now);
    if (reply->truncated)
        co_return failed_kpi(
            spec,
            {Errc::invalid_input,
             "more than " + std::to_string(options_.limits.rows) + " rows; group by day"},
            now);
    auto job = [spec, body = std::move(reply->body), now, currency] {
        return read_answer(spec, body, now, currency);
    };
    CO_TRY(auto reading, co_await parts_.workers.run(std::move(job)));
    if (reading.known) {
        auto batch = batch_of(use_case, spec, reading.now, now);
        auto stored = co_await parts_.series.store(std::move(batch));
        if (!stored)
            log::warn("kpi.series.refused",
                      {{"use_case", use_case}, {"reason", stored.error().message}});
    }
    co_return std::move(reading.entry);
}

Task<> Kpis::write_status(std::string use_case) {
    const auto followed = followed_.find(use_case);
    if (followed == followed_.end()) co_return Result<>{};
    followed->second.stale = false;
    JsonArray kpis;
    std::string detail;
    for (const auto& spec : followed->second.specs) {
        const auto entry = followed->second.entries.find(spec.name);
        if (entry == followed->second.entries.end()) continue;
        kpis.emplace_back(entry->second);
        detail += (detail.empty() ? "" : "; ") + spec.name + ": " +
                  find_string(entry->second, "says").value_or("");
    }
    JsonObject changes{{"kpis", std::move(kpis)}};
    AuditNote note{"hub", "kpi.computed", std::move(detail)};
    auto written = co_await parts_.store.merge_status("UseCase", std::move(use_case),
                                                      std::move(changes), std::move(note));
    if (!written && written.error().code != Errc::not_found &&
        written.error().code != Errc::cancelled)
        log::warn("kpi.status.refused", {{"reason", written.error().message}});
    co_return Result<>{};
}

}  // namespace mw::kpi
