#include "insight/alerts/why.h"

namespace mw::alerts {
namespace {

constexpr std::size_t decisions_max = 200;

struct Chain {
    JsonObject links;
    JsonArray missing;

    void miss(std::string_view link, const Error& error) {
        links[link] = nullptr;
        missing.push_back(JsonObject{{"link", link}, {"reason", error.message}});
    }
    void add(std::string_view link, Result<Json> part) {
        if (part)
            links[link] = std::move(part).value();
        else
            miss(link, part.error());
    }
};

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

Json decision_link(const Decision& decision) {
    return JsonObject{
        {"window",
         {{"from", to_iso8601(decision.window_from)},
          {"to", to_iso8601(decision.window_to)},
          {"samples", decision.samples}}},
        {"score", decision.score},
        {"decision", decision.decision},
        {"inputs_quality", decision.inputs_quality.code},
        {"inputs_reason", to_string(decision.inputs_quality.reason())},
        {"latency_us", decision.latency_us},
        {"version", decision.version},
        {"fallback", decision.fallback.empty() ? Json(nullptr) : Json(decision.fallback)}};
}

// One sentence that a person can read out.
std::string summary_of(const Alarm& alarm) {
    std::string text =
        "Alarm '" + alarm.rule + "' (" + alarm.severity + ") on device '" + alarm.device + "'";
    if (!alarm.asset.empty()) text += " at '" + alarm.asset + "'";
    text += " was raised at " + to_iso8601(alarm.raised_at) + " by model '" + alarm.model +
            "' version '" + alarm.version + "' after " + std::to_string(alarm.decisions) +
            (alarm.decisions == 1 ? " positive decision" : " positive decisions") + " since " +
            to_iso8601(alarm.first_window.from) + ", peak score " + number(alarm.peak_score);
    return text + (alarm.is_open() ? "; it is " + std::string(to_string(alarm.state)) + "."
                                   : "; cleared at " + to_iso8601(alarm.cleared_at) + " by " +
                                         alarm.cleared_by + ".");
}

}  // namespace

Task<Json> why(Alarm alarm, WhySource& source) {
    Chain chain;
    chain.links["alarm"] = to_json(alarm);
    chain.links["summary"] = summary_of(alarm);
    const Timestamp until = alarm.is_open() ? alarm.last_window.to : alarm.cleared_at;

    auto decisions = co_await source.decisions(alarm.device, alarm.model, alarm.first_window.to,
                                               until, decisions_max);
    if (decisions) {
        JsonArray items;
        for (const auto& decision : *decisions) items.push_back(decision_link(decision));
        chain.links["decisions"] = std::move(items);
    } else {
        chain.miss("decisions", decisions.error());
    }
    auto version = co_await source.model_version(alarm.model, alarm.version);
    if (version) {
        const auto stored = find_string(*version, "bundle");
        const bool same = !stored || alarm.bundle_hash.empty() || *stored == alarm.bundle_hash;
        if (!same)
            chain.missing.push_back(
                JsonObject{{"link", "model_version"},
                           {"reason", "the device ran bundle " + alarm.bundle_hash +
                                          ", the registered version is " + *stored}});
    }
    chain.add("model_version", std::move(version));
    auto device = co_await source.device(alarm.device);
    chain.add("device", std::move(device));
    auto findings = co_await source.quality_findings(alarm.device, alarm.first_window.from, until);
    chain.add("quality", std::move(findings));
    chain.links["missing"] = std::move(chain.missing);
    co_return Json(std::move(chain.links));
}

}  // namespace mw::alerts
