#include "fleet/monitors/alert.h"

#include <cmath>

#include "fleet/monitors/figure.h"

namespace mw::monitors {
namespace {

std::string text_at(const Resource& resource, const char* path) {
    return find_string(resource.spec, path).value_or("");
}

// The first that has not reached its target; else the first.
const Json* kpi_at_risk(const Resource& use_case) {
    const Json* kpis = find(use_case.status, "kpis");
    if (!kpis || !kpis->is_array() || kpis->get_array().empty()) return nullptr;
    for (const Json& kpi : kpis->get_array())
        if (find_number(kpi, "distance").value_or(0) > 0) return &kpi;
    return &kpis->get_array().front();
}

// A number, or the estimate of an interval.
std::optional<double> level(const Json& kpi, const char* key) {
    if (const auto number = find_number(kpi, key)) return number;
    return find_number(kpi, std::string(key) + ".estimate");
}

std::string kpi_in_words(const Json& kpi) {
    const std::string unit = find_string(kpi, "unit").value_or("");
    std::string text = "KPI at risk: " + find_string(kpi, "name").value_or("?");
    if (const auto now = level(kpi, "now")) text += ", now " + figure(*now) + " " + unit;
    if (const auto distance = find_number(kpi, "distance"))
        text += *distance > 0
                    ? ", " + figure(*distance) + " " + unit + " short of its target"
                    : ", at its target with " + figure(-*distance) + " " + unit + " to spare";
    return text;
}

JsonObject json_of(const statistics::MeanInterval& interval, const std::string& currency) {
    return {{"low", std::round(interval.low)},
            {"estimate", std::round(interval.estimate)},
            {"high", std::round(interval.high)},
            {"currency", currency}};
}

std::string price_in_words(const Priced& priced, const std::string& currency) {
    const auto& loss = priced.price.loss_per_week;
    if (loss)
        return "loss per week " + figure(loss->estimate) + " " + currency + " (" +
               figure(loss->low) + " to " + figure(loss->high) + ")";
    if (!priced.why_not.empty()) return "unpriced: " + priced.why_not;
    return priced.price.says;
}

std::string next_action(const AlertInputs& in) {
    // A larger golden set.
    if (in.priced.price.gate_lacks) return "millwright dataset freeze --help";
    if (!in.priced.price.loss_per_week && in.priced.why_not.empty()) return "millwright label next";
    if (!in.priced.price.loss_per_week)
        return "millwright get use-case " + in.use_case.name + " -o yaml";
    if (in.priced.price.claimed)
        return "millwright model train " + text_at(in.monitor, "model") + " --help";
    return "millwright monitor ack " + in.monitor.name;
}

}  // namespace

Priced price_of(const Resource& use_case, const Resource& version,
                const std::vector<Answered>& answers, Timestamp since, double windows_per_week,
                double confidence) {
    Priced priced;
    statistics::Stakes stakes;
    const auto events = find_number(use_case.spec, "events_per_week");
    const auto miss = find_number(use_case.spec, "cost_of_miss");
    const auto alarm = find_number(use_case.spec, "cost_of_false_alarm");
    if (!events || !miss || !alarm) {
        priced.why_not = "use case '" + use_case.name +
                         "' needs events_per_week, cost_of_miss and cost_of_false_alarm";
        return priced;
    }
    const auto at_gate = gate_outcomes(version);
    if (!at_gate) {
        priced.why_not = "version '" + version.name + "' has no measured gate";
        return priced;
    }
    stakes.events_per_week = *events;
    stakes.cost_of_miss = *miss;
    stakes.cost_of_false_alarm = *alarm;
    stakes.windows_per_week = windows_per_week;
    statistics::PriceOptions options;
    options.confidence = confidence;
    const auto windows = windows_of(answers, since);
    priced.price =
        statistics::price_loss(statistics::outcomes_of(windows), *at_gate, stakes, options);
    return priced;
}

JsonObject alert_of(const AlertInputs& in) {
    const std::string currency = find_string(in.use_case.spec, "currency").value_or("EUR");
    const Json* kpi = kpi_at_risk(in.use_case);
    std::string says;
    if (in.shifted) says = in_words(in.reading);
    if (in.decline.declined)
        says += (says.empty() ? "" : "; ") + in.decline.by + ": wrong decisions rose from " +
                figure(in.decline.before * 100) + " % to " + figure(in.decline.after * 100) + " %";
    if (kpi) says += ". " + kpi_in_words(*kpi);
    says += ". " + price_in_words(in.priced, currency);
    JsonArray contributors;
    for (const auto& one : in.reading.contributors) {
        if (contributors.size() == 5 || one.psi <= 0) break;
        contributors.emplace_back(one.column);
    }
    JsonObject alert{{"raised_at", to_iso8601(in.now)},
                     {"use_case", in.use_case.name},
                     {"model", text_at(in.monitor, "model")},
                     {"version", find_string(in.version.spec, "version").value_or("")},
                     {"kpi", kpi ? *kpi : Json(nullptr)},
                     {"owner", text_at(in.use_case, "business_owner")},
                     {"sponsor", text_at(in.use_case, "executive_sponsor")},
                     {"breadth", in.reading.breadth()},
                     {"contributors", std::move(contributors)},
                     {"next_action", next_action(in)}};
    const auto& loss = in.priced.price.loss_per_week;
    alert["loss_per_week"] = loss ? Json(json_of(*loss, currency)) : Json("unpriced");
    alert["priced"] = loss.has_value();
    alert["labels_missing"] = loss ? std::size_t{0} : in.priced.price.labels_missing;
    if (!loss) alert["unpriced_because"] = price_in_words(in.priced, currency).substr(10);
    alert["says"] = std::move(says);
    return alert;
}

}  // namespace mw::monitors
