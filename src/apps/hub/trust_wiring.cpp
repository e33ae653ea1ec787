#include "apps/hub/trust_wiring.h"

namespace mw::hub {
namespace {

Json told(const quarantine::Record& record) {
    return JsonObject{{"number", record.number},
                      {"verb", quarantine::to_string(record.verb)},
                      {"device", record.device},
                      {"signal", record.signal},
                      {"from", to_iso8601(record.from)},
                      {"to", to_iso8601(record.to)},
                      {"why", record.why},
                      {"by", record.by},
                      {"at", to_iso8601(record.at)}};
}

Result<quarantine::Record> record_from(const Json& body) {
    if (!body.is_object())
        return Error{Errc::invalid_input, "the body must be an object with verb, device, why"};
    for (const auto& [key, value] : body.get_object())
        if (key != "verb" && key != "device" && key != "signal" && key != "from" && key != "to" &&
            key != "why")
            return Error{Errc::invalid_input, "unknown key '" + std::string(key.substr(0, 60)) +
                                                  "' (want verb, device, signal, from, to, why)"};
    quarantine::Record record;
    TRY(const std::string verb, want_string(body, "verb"));
    TRY(record.verb, quarantine::verb_from(verb));
    TRY(record.device, want_string(body, "device"));
    if (find(body, "signal")) {
        TRY(record.signal, want_string(body, "signal"));
    }
    TRY(const std::string from, want_string(body, "from"));
    TRY(record.from, parse_iso8601(from).context("from"));
    TRY(const std::string to, want_string(body, "to"));
    TRY(record.to, parse_iso8601(to).context("to"));
    TRY(record.why, want_string(body, "why"));
    return record;
}

}  // namespace

Result<std::unique_ptr<QuarantineTable>> QuarantineTable::open(files::Files& files, Loop& loop,
                                                               Workers& workers,
                                                               std::string directory) {
    auto table = std::make_unique<QuarantineTable>();
    TRY(table->log_, quarantine::QuarantineLog::open(files, loop, workers, std::move(directory)));
    return table;
}

TrustWiring::TrustWiring(Parts parts)
    : parts_(parts),
      records_(parts_.metrics.gauge("millwright_quarantine_records",
                                    "Decisions about points that are kept in memory.")),
      lineage_(parts_.registry),
      scorecards_({parts_.loop, parts_.registry, parts_.queries, parts_.products, parts_.clock,
                   [this](std::string device, std::string signal, Timestamp from, Timestamp to,
                          std::string why) -> Task<> {
                       quarantine::Record record{0,
                                                 quarantine::Verb::hold,
                                                 std::move(device),
                                                 std::move(signal),
                                                 from,
                                                 to,
                                                 std::move(why),
                                                 "hub",
                                                 {}};
                       auto kept = co_await keep(std::move(record));
                       if (!kept) co_return std::move(kept).error();
                       co_return Result<>{};
                   }}) {}

Task<> TrustWiring::start() {
    records_.set(static_cast<double>(parts_.quarantine.records()->size()));
    return scorecards_.start();
}

Task<> TrustWiring::stop() {
    auto outcome = co_await scorecards_.stop();
    co_await parts_.quarantine.stop();
    co_return std::move(outcome);
}

// The log first: what a person was told is kept, is kept. Saying it again leaves a fact again.
Task<quarantine::Record> TrustWiring::keep(quarantine::Record record) {
    record.at = parts_.clock.now();
    const std::string by = record.by;
    CO_TRY(const auto kept, co_await parts_.quarantine.append(std::move(record)));
    records_.set(static_cast<double>(parts_.quarantine.records()->size()));
    const std::string what = kept.device + " " + (kept.signal.empty() ? "*" : kept.signal) + " " +
                             to_iso8601(kept.from) + " to " + to_iso8601(kept.to) + " (record " +
                             std::to_string(kept.number) + "): " + kept.why;
    AuditNote note{by, "quarantine." + std::string(quarantine::to_string(kept.verb)), what};
    CO_TRY_VOID(co_await parts_.registry.note(std::move(note)));
    co_return kept;
}

Task<Json> TrustWiring::decide(Json body, std::string actor) {
    CO_TRY(auto record, record_from(body));
    record.by = std::move(actor);
    CO_TRY(const auto kept, co_await keep(std::move(record)));
    co_return told(kept);
}

JsonArray TrustWiring::decisions(const std::string& device, std::size_t limit) {
    JsonArray list;
    const auto records = parts_.quarantine.records();
    for (auto record = records->rbegin(); record != records->rend(); ++record) {
        if (list.size() >= limit) break;
        if (device.empty() || record->device == device) list.push_back(told(*record));
    }
    return list;
}

Task<Json> TrustWiring::trace(api::LineageDesk::Question question) {
    lineage::Question asked{std::move(question.kind), std::move(question.name), question.down,
                            question.limit, std::move(question.may_see)};
    co_return co_await lineage_.trace(std::move(asked));
}

Task<Json> TrustWiring::scorecard(std::string product, int days) {
    return scorecards_.scorecard(std::move(product), days);
}

}  // namespace mw::hub
