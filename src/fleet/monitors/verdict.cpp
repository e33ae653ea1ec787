#include "fleet/monitors/verdict.h"

#include <algorithm>
#include <set>

#include "domain/story.h"
#include "fleet/monitors/machine.h"

namespace mw::monitors {
namespace {

constexpr nanoseconds price_look_back = hours{24 * 28};
constexpr std::string_view controls = "MEASURE 2.4,MANAGE 4.1,A.8.16";

// What the look says, against what the status said.
struct Signs {
    bool shifted = false;   // counts differ, beyond chance and widely enough
    bool declined = false;  // labels say so
    bool renewed = false;   // another bundle
    bool later = false;     // a newer window
    bool worse = false;     // a column drifts that did not when a person saw the alert
    bool more_labels = false;
    std::vector<std::string> columns;  // that drift
    std::string words;
};

JsonArray json_of(const std::vector<std::string>& texts) {
    JsonArray list;
    for (const auto& text : texts) list.emplace_back(text);
    return list;
}

bool holds(const Json& status, const char* path, const std::string& text) {
    const Json* list = find(status, path);
    if (!list || !list->is_array()) return false;
    return std::any_of(list->get_array().begin(), list->get_array().end(), [&](const Json& one) {
        return one.is_string() && one.get_string() == text;
    });
}

Signs signs_of(const Json& status, const Spec& spec, const Look& look) {
    Signs signs;
    signs.shifted = drifts(spec, look.reading);
    signs.declined = look.decline.declined;
    signs.renewed =
        find_string(status, "bundle").value_or(look.window.bundle) != look.window.bundle;
    const auto before = parse_iso8601(find_string(status, "window.to").value_or("1970-01-01"));
    signs.later = !before || *before < look.window.to;
    if (signs.shifted)
        signs.columns = drifting_columns(look.reading, drift::column_names(*look.reference));
    signs.worse = std::any_of(signs.columns.begin(), signs.columns.end(), [&](const auto& column) {
        return !holds(status, "acknowledged_columns", column);
    });
    signs.more_labels = find_integer(status, "outcomes.labels").value_or(0) !=
                        static_cast<std::int64_t>(look.decline.labels);
    signs.words = in_words(look.reading);
    if (signs.declined) signs.words += "; labels: " + look.decline.by;
    return signs;
}

// The event that leads on from this state; empty: it stays.
std::string_view event_from(std::string_view state, const Signs& signs) {
    if (state == "waiting") return "begin";
    if (state == "watching") return signs.declined ? "decline" : signs.shifted ? "shift" : "";
    if (signs.renewed) return "renew";
    if (state == "drifting" && signs.declined) return "decline";
    if (!signs.later && !signs.more_labels) return "";
    if (state == "drifting" && signs.later) return signs.shifted ? "confirm" : "settle";
    if (state != "drifting" && !signs.shifted && !signs.declined) return "settle";
    return state == "acknowledged" && signs.worse ? "worsen" : "";
}

Timestamp since_of(const Json& status, const Decline& decline, Timestamp now) {
    if (const auto text = find_string(status, "drifting_since"))
        if (const auto parsed = parse_iso8601(*text)) return *parsed;
    return decline.declined ? decline.since : now - price_look_back;
}

void put_figures(JsonObject& changes, const Signs& signs, const Look& look) {
    changes["bundle"] = look.window.bundle;
    changes["version"] = find_string(look.version.spec, "version").value_or("");
    changes["window"] =
        JsonObject{{"from", to_iso8601(look.window.from)}, {"to", to_iso8601(look.window.to)}};
    changes["reading"] = to_json(look.reading);
    changes["says"] = signs.words;
    changes["drifting_columns"] = json_of(signs.columns);
    changes["drifting_devices"] = json_of(look.reading.drifting);
    changes["latency_us_p99"] = look.latency_us.quantile(.99);
    changes["outcomes"] = JsonObject{{"labels", look.decline.labels},
                                     {"error_rate", look.decline.error_rate},
                                     {"declined", look.decline.declined},
                                     {"by", look.decline.by}};
}

JsonObject priced_alert(const Resource& monitor, const Spec& spec, const Look& look, bool shifted,
                        Timestamp now) {
    const Priced priced = price_of(look.use_case, look.version, look.answers,
                                   since_of(monitor.status, look.decline, now),
                                   look.windows_per_week, spec.price_confidence);
    return alert_of(
        {monitor, look.use_case, look.version, look.reading, shifted, look.decline, priced, now});
}

}  // namespace

Result<std::optional<Verdict>> judge(Resource& monitor, const Spec& spec, const Look& look,
                                     Timestamp now) {
    const Json before = monitor.status;
    const Signs signs = signs_of(before, spec, look);
    const std::string state(state_of(monitor, monitor_table()));
    const std::string_view event = event_from(state, signs);
    if (event.empty() && !signs.later && !signs.more_labels) return std::nullopt;

    Verdict verdict;
    verdict.note = {"hub", "monitor.reading", signs.words};
    if (!event.empty()) {
        TRY(verdict.changes, advance(monitor, monitor_table(), event, signs.words, now));
        verdict.note.action = "monitor." + std::string(event);
    }
    JsonObject& changes = verdict.changes;
    const std::string_view next = state_of(monitor, monitor_table());
    if (next == "watching") {
        for (const char* key :
             {"alert", "drifting_since", "acknowledged_by", "acknowledged_columns"})
            changes[key] = nullptr;
        if (!signs.shifted)
            if (auto grown = grown_baselines(look.baselines, look.window.bundle, look.reading))
                changes["baselines"] = std::move(*grown);
    } else if (next == "drifting") {
        if (state != next) changes["drifting_since"] = to_iso8601(look.window.from);
    } else {
        JsonObject alert = priced_alert(monitor, spec, look, signs.shifted, now);
        verdict.alerts = next == "alerting" && state != next;
        if (verdict.alerts) {
            verdict.note.action = "monitor.alert";
            verdict.note.detail = find_string(Json(alert), "says").value_or(signs.words);
            verdict.note.controls = controls;
        } else if (const auto raised = find_string(before, "alert.raised_at")) {
            alert["raised_at"] = *raised;
        }
        changes["alert"] = std::move(alert);
    }
    put_figures(changes, signs, look);
    return verdict;
}

}  // namespace mw::monitors
