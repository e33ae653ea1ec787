#include "data/query/quarantine_sql.h"

#include <algorithm>

#include "base/sql_text.h"

namespace mw::query {
namespace {

using quarantine::Record;
using quarantine::Records;

constexpr std::uint8_t reasons_max = 64;

bool contains(const std::optional<std::vector<std::string>>& names, const std::string& name) {
    return !names || std::find(names->begin(), names->end(), name) != names->end();
}

bool may_touch(const Record& record, const Wanted& wanted) {
    const auto in = [](const auto& choice, const std::string& name) {
        return name.empty() || contains(choice, name);
    };
    if (record.to <= wanted.from || record.from > wanted.to) return false;
    if (!in(wanted.devices, record.device) || !in(wanted.signals, record.signal)) return false;
    if (!wanted.product) return true;
    return in(wanted.product->devices, record.device) && in(wanted.product->signals, record.signal);
}

bool hides(const Record& newer, const Record& older) {
    return newer.device == older.device && (newer.signal.empty() || newer.signal == older.signal) &&
           newer.from <= older.from && older.to <= newer.to;
}

std::string covers_sql(const Record& record) {
    std::string sql = "r.device = " + sql_text(record.device);
    if (!record.signal.empty()) sql += " AND r.signal = " + sql_text(record.signal);
    return sql + " AND r.\"time\" >= make_timestamp_ns(" + std::to_string(record.from.ns) +
           ") AND r.\"time\" < make_timestamp_ns(" + std::to_string(record.to.ns) + ")";
}

std::string code(Quality quality) { return std::to_string(quality.code) + "::UTINYINT"; }

std::string effect_sql(quarantine::Verb verb) {
    if (verb == quarantine::Verb::confirm) return "r.quality";
    if (verb == quarantine::Verb::hold)
        return "CASE WHEN r.quality < 64 THEN r.quality ELSE " + code(Quality::bad(Reason::held)) +
               " END";
    // Without a value it is a text.
    return "CASE WHEN r.quality < 64 AND (r.\"value\" IS NULL OR isfinite(r.\"value\")) THEN " +
           code(Quality::good(Reason::released)) + " ELSE r.quality END";
}

template <class Effect>
std::string first_that_covers(const Records& touching, Effect effect, const std::string& none) {
    if (touching.empty()) return none;
    std::string sql = "CASE";
    for (const Record& record : touching)
        sql += " WHEN " + covers_sql(record) + " THEN " + effect(record);
    return sql + " ELSE " + none + " END";
}

}  // namespace

const char* const no_quarantine =
    "SELECT NULL::TIMESTAMP_NS AS \"time\", NULL::VARCHAR AS device, NULL::VARCHAR AS signal, "
    "NULL::DOUBLE AS \"value\", NULL::UTINYINT AS quality, NULL::VARCHAR AS reason, "
    "NULL::VARCHAR AS state, NULL::VARCHAR AS decided_by, NULL::VARCHAR AS why, "
    "NULL::TIMESTAMP_NS AS decided_at, NULL::VARCHAR AS unit, NULL::VARCHAR AS asset, "
    "NULL::VARCHAR AS site, NULL::VARCHAR AS text, NULL::BIGINT AS \"integer\" WHERE false";

Records touching(const Records& records, const Wanted& wanted) {
    Records kept;
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
        if (!may_touch(*record, wanted)) continue;
        const bool hidden = std::any_of(kept.begin(), kept.end(),
                                        [&](const Record& newer) { return hides(newer, *record); });
        if (!hidden) kept.push_back(*record);
        if (kept.size() > touching_records_max) break;
    }
    return kept;
}

Result<> few_records(const std::vector<Wanted>& wanted, const Snapshot& snapshot) {
    if (!snapshot.quarantine) return {};
    for (const Wanted& one : wanted)
        if (touching(*snapshot.quarantine, one).size() > touching_records_max)
            return Error{Errc::invalid_input, "more than " + std::to_string(touching_records_max) +
                                                  " decisions about quarantined points touch '" +
                                                  one.name +
                                                  "'; bound it by device, signal and time"};
    return {};
}

std::string quality_sql(const Records& touching) {
    return first_that_covers(
        touching, [](const Record& record) { return effect_sql(record.verb); }, "r.quality");
}

std::string deciding_sql(const Records& touching) {
    return first_that_covers(
        touching, [](const Record& record) { return std::to_string(record.number) + "::UBIGINT"; },
        "0::UBIGINT");
}

std::string reason_sql(const std::string& column) {
    std::string sql = "CASE " + column + " & 63";
    for (std::uint8_t reason = 0; reason < reasons_max; ++reason) {
        const auto name = to_string(static_cast<Reason>(reason));
        if (name != "unknown") sql += " WHEN " + std::to_string(reason) + " THEN " + sql_text(name);
    }
    return sql + " ELSE 'unknown' END";
}

std::string quarantine_sql(const std::string& points, const std::string& records) {
    return "SELECT q.\"time\", q.device, q.signal, q.\"value\", q.quality, CASE WHEN q.quality >= "
           "64 THEN 'held' ELSE " +
           reason_sql("q.quality") +
           " END AS reason, CASE WHEN d.verb = 'hold' THEN 'held' WHEN d.verb = 'confirm' THEN "
           "'confirmed' WHEN d.verb = 'release' AND (q.\"value\" IS NULL OR isfinite(q.\"value\")) "
           "THEN 'released' ELSE 'quarantined' END AS state, d.decided_by, d.why, d.decided_at, "
           "q.unit, q.asset, q.site, q.text, q.\"integer\" FROM (" +
           points + ") AS q LEFT JOIN (" + records +
           ") AS d ON q.decision = d.number WHERE q.quality < 64 OR d.verb = 'hold'";
}

}  // namespace mw::query
