#include "business/usecases/rank.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "business/usecases/stages.h"

namespace mw::usecases {
namespace {

constexpr double open_assumption_weight = .5;  // all of them open: half as likely
constexpr double proven_probability = .9;      // every KPI has reached its target
constexpr double failed_weight = .5;           // one KPI has clearly not

std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value == 0 ? 0 : value);
    return text;
}
std::string money(double value, const std::string& currency) {
    char text[48];
    std::snprintf(text, sizeof text, "%.0f ", value == 0 ? 0 : value);
    return text + currency;
}

double by_stage(const std::string& stage) {
    static const std::map<std::string, double> chances = {
        {"idea", .1}, {"prototype", .25}, {"pilot", .5}, {"scale", .9}, {"retired", 0}};
    const auto found = chances.find(stage);
    return found == chances.end() ? 0 : found->second;
}

struct Assumptions {
    std::size_t all = 0, open = 0;
};
Assumptions assumptions_of(const Json& spec) {
    Assumptions counted;
    const Json* list = find(spec, "assumptions");
    if (!list || !list->is_array()) return counted;
    for (const auto& assumption : list->get_array()) {
        ++counted.all;
        const auto evidence = find_string(assumption, "evidence").value_or("open");
        if (evidence.empty() || evidence == "open") ++counted.open;
    }
    return counted;
}

struct Kpis {
    std::size_t all = 0, yes = 0, no = 0;
    double money_at_target = 0, money_now = 0;
};
Kpis kpis_of(const Json& status) {
    Kpis counted;
    const Json* list = find(status, "kpis");
    if (!list || !list->is_array()) return counted;
    for (const auto& kpi : list->get_array()) {
        ++counted.all;
        const auto reached = find_string(kpi, "reached").value_or("");
        counted.yes += reached == "yes";
        counted.no += reached == "no";
        counted.money_at_target += find_number(kpi, "money_at_target").value_or(0);
        counted.money_now += find_number(kpi, "money_per_year").value_or(0);
    }
    return counted;
}

struct Chance {
    double probability;
    std::string why;
};
Chance chance_of(const Resource& use_case, const Kpis& kpis) {
    const auto stage = stage_of(use_case);
    const auto said = find_number(use_case.spec, "benefit.probability");
    double p = said.value_or(by_stage(stage));
    std::string why = said ? "as its owner says" : "usual in stage " + stage;
    if (stage == "retired") return {0, "it is retired"};
    if (const auto assumptions = assumptions_of(use_case.spec); assumptions.open > 0) {
        p *= 1 - open_assumption_weight * double(assumptions.open) / double(assumptions.all);
        why += ", less for " + std::to_string(assumptions.open) + " of " +
               std::to_string(assumptions.all) + " assumptions open";
    }
    if (kpis.all > 0 && kpis.yes == kpis.all) {
        p = std::max(p, proven_probability);
        why = "every KPI reached its target";
    } else if (kpis.no > 0) {
        p *= failed_weight;
        why += ", halved: " + std::to_string(kpis.no) + " of " + std::to_string(kpis.all) +
               " KPIs missed the target";
    }
    return {p, why};
}

struct Benefit {
    double per_year;
    std::string why;
};
Benefit benefit_of(const Json& spec, const Kpis& kpis) {
    if (kpis.all > 0 && kpis.yes == kpis.all && kpis.money_now > 0)
        return {kpis.money_now, "measured"};
    if (const auto said = find_number(spec, "benefit.per_year")) return {*said, "expected"};
    if (kpis.money_at_target > 0) return {kpis.money_at_target, "its KPIs at their targets"};
    return {0, "nobody has said"};
}

// The share of what the stage needs that is there: what every use case needs, its criteria, its
// sign-offs.
double readiness_of(const Resource& use_case, const StageReview& review, const Kpis& kpis) {
    std::size_t there = 0, all = 0;
    const auto count = [&](bool holds) { there += holds, ++all; };
    for (const char* key : {"model", "product", "benefit", "cost"})
        count(find(use_case.spec, key) != nullptr);
    count(kpis.all > 0);
    for (const auto& row : review.rows) count(row.holds);
    for (const auto& role : review.sign_off)
        count(std::ranges::find(review.consent.missing, role) == review.consent.missing.end());
    return double(there) / double(all);
}

std::string sentence(const Ranked& r, const Chance& chance, const Benefit& benefit,
                     const StageReview& review) {
    std::string text = "expected " + money(r.expected_value, r.currency) + " in " +
                       figure(horizon_years) + " years: " + figure(100 * r.probability) + " % (" +
                       chance.why + ") of " + money(r.benefit_per_year, r.currency) + " a year (" +
                       benefit.why + "), less " + money(r.cost_per_year, r.currency) +
                       " a year and " + money(r.cost_initial, r.currency) + " at first; ";
    text += r.payback_months ? "pays back in " + figure(*r.payback_months) + " months"
                             : "does not pay back";
    text += "; " + figure(100 * r.readiness) + " % ready";
    if (r.stage == "retired") return text;
    const auto obstacle = review.obstacle();
    return text +
           (obstacle.empty() ? ": it can leave stage " + r.stage + " now" : ": next, " + obstacle);
}

}  // namespace

Ranked appraise(const Candidate& candidate) {
    const auto& use_case = candidate.use_case;
    const auto kpis = kpis_of(use_case.status);
    const auto chance = chance_of(use_case, kpis);
    const auto benefit = benefit_of(use_case.spec, kpis);
    Ranked r;
    r.name = use_case.name;
    r.domain = use_case.domain;
    r.stage = stage_of(use_case);
    r.currency = find_string(use_case.spec, "currency").value_or("EUR");
    r.probability = chance.probability;
    r.benefit_per_year = benefit.per_year;
    r.cost_initial = find_number(use_case.spec, "cost.initial").value_or(0);
    r.cost_per_year = find_number(use_case.spec, "cost.per_year").value_or(0);
    const double yearly = r.probability * r.benefit_per_year - r.cost_per_year;
    r.expected_value = horizon_years * yearly - r.cost_initial;
    if (yearly > 0) r.payback_months = 12 * r.cost_initial / yearly;
    r.readiness = readiness_of(use_case, candidate.review, kpis);
    // Half of the value counts only as far as it is ready; a loss is a loss however ready.
    r.score = r.expected_value * (r.expected_value > 0 ? .5 + .5 * r.readiness : 1);
    r.says = sentence(r, chance, benefit, candidate.review);
    return r;
}

std::vector<Ranked> rank_portfolio(const std::vector<Candidate>& candidates) {
    std::vector<Ranked> ranked;
    for (const auto& candidate : candidates) ranked.push_back(appraise(candidate));
    std::ranges::stable_sort(ranked, [](const Ranked& a, const Ranked& b) {
        const bool a_over = a.stage == "retired", b_over = b.stage == "retired";
        if (a_over != b_over) return b_over;
        if (a.score != b.score) return a.score > b.score;
        return a.name < b.name;
    });
    return ranked;
}

Json to_json(const Ranked& r) {
    JsonObject json{{"name", r.name},
                    {"domain", r.domain},
                    {"stage", r.stage},
                    {"currency", r.currency},
                    {"probability", r.probability},
                    {"benefit_per_year", r.benefit_per_year},
                    {"cost_initial", r.cost_initial},
                    {"cost_per_year", r.cost_per_year},
                    {"expected_value", r.expected_value},
                    {"payback_months", nullptr},
                    {"readiness", r.readiness},
                    {"score", r.score},
                    {"says", r.says}};
    if (r.payback_months) json["payback_months"] = *r.payback_months;
    return json;
}

}  // namespace mw::usecases
