#include "fleet/monitors/reading.h"

#include <algorithm>
#include <cmath>

#include "fleet/monitors/figure.h"

namespace mw::monitors {
namespace {

constexpr std::uint64_t baseline_values_min = 500;
constexpr std::size_t strata_max = 50;
constexpr std::size_t contributors_shown = 5;

double rounded(double value) {
    if (value == 0 || !std::isfinite(value)) return 0;
    const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - 3);
    return std::round(value / unit) * unit;
}

JsonObject json_of(const drift::Shift& shift) {
    return {{"psi", rounded(shift.psi)},
            {"limit", rounded(shift.psi_limit)},
            {"p", rounded(shift.p_value)},
            {"n", shift.n},
            {"n_effective", std::round(shift.n_effective)},
            {"jensen_shannon", rounded(shift.jensen_shannon)},
            {"bad_share", rounded(shift.bad_share)},
            {"drifts", shift.drifts}};
}

JsonObject json_of(const drift::Contributor& one) {
    return {{"column", one.column},
            {"psi", rounded(one.psi)},
            {"limit", rounded(one.psi_limit)},
            {"share", rounded(one.share)},
            {"stratum", one.stratum}};
}

Result<nanoseconds> duration_at(const Resource& monitor, const char* key, nanoseconds fallback) {
    const auto text = find_string(monitor.spec, key);
    if (!text) return fallback;
    return parse_duration(*text).context(std::string("spec.") + key);
}

}  // namespace

Result<Spec> spec_from(const Resource& monitor) {
    Spec spec;
    spec.name = monitor.name;
    TRY(spec.use_case, want_string(monitor.spec, "use_case"));
    TRY(spec.model, want_string(monitor.spec, "model"));
    TRY(spec.selector, parse_label_selector(find_string(monitor.spec, "selector").value_or("")));
    TRY(spec.window, duration_at(monitor, "window", hours{1}));
    if (spec.window < seconds{1})
        return Error{Errc::invalid_input, "spec.window: want at least 1s"};
    const Json* strata = find(monitor.spec, "strata");
    if (strata && strata->is_array()) {
        for (const Json& label : strata->get_array())
            if (label.is_string()) spec.strata.emplace_back(label.get_string());
    } else {
        spec.strata.emplace_back("site");
    }
    const auto number = [&](const char* key, double fallback) {
        return find_number(monitor.spec, key).value_or(fallback);
    };
    spec.fleet.shift.alpha = number("alpha", .001);
    spec.fleet.shift.psi_min = number("min_psi", .1);
    spec.fleet.device_fdr = number("device_fdr", .05);
    spec.min_breadth = number("min_breadth", 0);
    spec.price_confidence = number("price_confidence", .9);
    return spec;
}

std::optional<std::string> stratum_of(const Spec& spec, const Resource& device) {
    if (!matches_labels(spec.selector, device.labels)) return std::nullopt;
    std::string stratum;
    for (const std::string& label : spec.strata) {
        const auto found = device.labels.find(label);
        if (found == device.labels.end()) continue;
        if (!stratum.empty()) stratum += ',';
        stratum += label + '=' + found->second;
    }
    return stratum.empty() ? "all" : stratum;
}

bool drifts(const Spec& spec, const drift::FleetReading& reading) {
    return reading.drifts && reading.breadth() >= spec.min_breadth;
}

std::vector<std::string> drifting_columns(const drift::FleetReading& reading,
                                          const std::vector<std::string>& columns) {
    std::vector<std::string> drifting;
    for (std::size_t c = 0; c < columns.size(); ++c) {
        const bool any =
            std::any_of(reading.strata.begin(), reading.strata.end(), [&](const auto& stratum) {
                return c < stratum.columns.size() && stratum.columns[c].drifts;
            });
        const bool all = reading.drifts && c < reading.mixture.size() && reading.mixture[c].drifts;
        if (any || all) drifting.push_back(columns[c]);
    }
    return drifting;
}

Json to_json(const drift::FleetReading& reading) {
    JsonArray strata, contributors;
    for (const auto& stratum : reading.strata) {
        if (strata.size() == strata_max) break;
        JsonObject one{{"stratum", stratum.stratum},
                       {"devices", stratum.devices},
                       {"against", stratum.own_baseline ? "its baseline" : "the reference"},
                       {"drifts", stratum.drifts}};
        if (!stratum.columns.empty()) one["worst"] = json_of(stratum.worst());
        strata.push_back(std::move(one));
    }
    for (const auto& one : reading.contributors)
        if (contributors.size() < contributors_shown) contributors.push_back(json_of(one));
    JsonObject object{{"devices", reading.devices},
                      {"breadth", rounded(reading.breadth())},
                      {"within", rounded(reading.within)},
                      {"between", rounded(reading.between)},
                      {"drifts", reading.drifts},
                      {"strata", std::move(strata)},
                      {"contributors", std::move(contributors)}};
    const drift::Shift* worst = nullptr;
    for (const auto& shift : reading.mixture)
        if (!worst || shift.psi > worst->psi) worst = &shift;
    if (worst) object["mixture"] = json_of(*worst);
    return object;
}

std::string in_words(const drift::FleetReading& reading) {
    if (reading.contributors.empty()) return "there are no counts";
    // The largest difference that chance does not explain; the largest, where chance explains all.
    const auto beyond = std::find_if(reading.contributors.begin(), reading.contributors.end(),
                                     [](const auto& one) { return one.psi > one.psi_limit; });
    const auto& first =
        beyond != reading.contributors.end() ? *beyond : reading.contributors.front();
    std::string text =
        first.column +
        (first.stratum.empty() || first.stratum == "all" ? "" : " at " + first.stratum) + ": PSI " +
        figure(first.psi) + ", chance reaches " + figure(first.psi_limit) + "; " +
        std::to_string(reading.drifting.size()) + " of " + std::to_string(reading.devices) +
        " devices drift";
    return text;
}

drift::Baselines baselines_from(const Json& status, const std::string& bundle) {
    drift::Baselines baselines;
    const Json* stored = find(status, "baselines");
    if (!stored || find_string(*stored, "bundle") != bundle) return baselines;
    const Json* strata = find(*stored, "strata");
    if (!strata || !strata->is_object()) return baselines;
    for (const auto& [name, text] : strata->get_object()) {
        if (!text.is_string()) continue;
        const auto bytes = from_base64(std::string_view(text.get_string()));
        if (!bytes) continue;
        auto sketch = drift::decode_sketch(*bytes);
        if (sketch) baselines[std::string(name)] = std::move(sketch->counts);
    }
    return baselines;
}

std::optional<Json> grown_baselines(const drift::Baselines& known, const std::string& bundle,
                                    const drift::FleetReading& quiet) {
    if (quiet.strata.size() < 2) return std::nullopt;
    drift::Baselines all = known;
    for (const auto& stratum : quiet.strata)
        if (all.size() < strata_max && stratum.counts.values() >= baseline_values_min)
            all.try_emplace(stratum.stratum, stratum.counts);
    if (all.size() == known.size()) return std::nullopt;
    JsonObject strata;
    for (const auto& [name, counts] : all) {
        drift::Sketch sketch;
        sketch.bundle = bundle;
        sketch.to = sketch.from + milliseconds{1};
        sketch.counts = counts;
        strata[name] = to_base64(drift::encode(sketch));
    }
    return Json(JsonObject{{"bundle", bundle}, {"strata", std::move(strata)}});
}

}  // namespace mw::monitors
