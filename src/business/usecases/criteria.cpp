#include "business/usecases/criteria.h"

#include <algorithm>

#include "business/usecases/stages.h"

namespace mw::usecases {
namespace {

constexpr std::int64_t baseline_days_min = 7;

const JsonArray& list_at(const Json& json, std::string_view path) {
    static const JsonArray none;
    const Json* found = find(json, path);
    return found && found->is_array() ? found->get_array() : none;
}

bool is_open(const std::optional<std::string>& evidence) {
    return !evidence || evidence->empty() || *evidence == "open";
}

struct Outcome {
    bool holds;
    std::string says;
};

Outcome check_evidence(const Json& row) {
    const auto given = find_string(row, "evidence");
    if (is_open(given)) return {false, "no evidence is given"};
    return {true, *given};
}

Outcome check_assumptions(const Resource& use_case) {
    const auto& all = list_at(use_case.spec, "assumptions");
    std::size_t open = 0;
    std::string first;
    for (const auto& assumption : all)
        if (is_open(find_string(assumption, "evidence")) && open++ == 0)
            first = find_string(assumption, "statement").value_or("");
    if (open > 0)
        return {false, std::to_string(open) + " of " + std::to_string(all.size()) +
                           " assumptions are open, the first: " + first};
    return {true, std::to_string(all.size()) + " assumptions, all with evidence"};
}

const Json* reading_of(const Resource& use_case, const std::string& kpi) {
    for (const auto& entry : list_at(use_case.status, "kpis"))
        if (find_string(entry, "name") == kpi) return &entry;
    return nullptr;
}

// Whether something holds for every KPI; the sentence is that of the first that fails.
template <class Holds>
Outcome check_kpis(const Resource& use_case, const char* what, Holds holds) {
    const auto& kpis = list_at(use_case.spec, "kpis");
    if (kpis.empty()) return {false, "the use case has no KPI"};
    for (const auto& kpi : kpis) {
        const auto name = find_string(kpi, "name").value_or("");
        const Json* reading = reading_of(use_case, name);
        if (!reading) return {false, "KPI " + name + " was not computed yet"};
        if (!holds(*reading))
            return {false, "KPI " + name + ": " + find_string(*reading, "says").value_or(what)};
    }
    return {true, std::to_string(kpis.size()) + (kpis.size() == 1 ? " KPI " : " KPIs ") + what};
}

bool has_baseline(const Json& reading) {
    return find(reading, "baseline") &&
           find_integer(reading, "days.baseline").value_or(0) >= baseline_days_min;
}

bool has_reached(const Json& reading) { return find_string(reading, "reached") == "yes"; }

Outcome check_gate(const Resource& use_case, const Evidence& evidence) {
    const auto model = find_string(use_case.spec, "model");
    if (!model) return {false, "the use case names no model"};
    std::size_t refused = 0;
    for (const auto& report : evidence.gate_reports) {
        const auto version = find_string(report.spec, "version").value_or("");
        if (!version.starts_with(*model + "--")) continue;
        if (find_string(report.spec, "verdict") == "passed")
            return {true, version + " passed gate " +
                              find_string(report.spec, "gate").value_or("") + " (" + report.name +
                              ")"};
        ++refused;
    }
    return {false, "no version of " + *model + " has passed a gate; " + std::to_string(refused) +
                       " refused"};
}

Outcome check_rollout(const Resource& use_case, const Evidence& evidence) {
    const auto model = find_string(use_case.spec, "model");
    if (!model) return {false, "the use case names no model"};
    std::size_t others = 0;
    for (const auto& rollout : evidence.rollouts) {
        const auto artifact = find_string(rollout.spec, "artifact.name").value_or("");
        if (!artifact.starts_with(*model + "--")) continue;
        const bool shadow = find_string(rollout.spec, "mode") == "shadow";
        if (!shadow && find_string(rollout.status, "state") == "completed")
            return {true, "rollout " + rollout.name + " of " + artifact + " is completed"};
        ++others;
    }
    return {false, "no rollout of " + *model + " is completed; " + std::to_string(others) +
                       " are not, or were shadows"};
}

Outcome check_row(const std::string& check, const Json& row, const Resource& use_case,
                  const Evidence& evidence) {
    if (check == "assumptions") return check_assumptions(use_case);
    if (check == "kpi_baseline") return check_kpis(use_case, "with a baseline", has_baseline);
    if (check == "kpi_target") return check_kpis(use_case, "at their target", has_reached);
    if (check == "gate_passed") return check_gate(use_case, evidence);
    if (check == "rollout_completed") return check_rollout(use_case, evidence);
    return check_evidence(row);
}

std::vector<std::string> sign_off_roles(const Resource& use_case) {
    if (!find(use_case.spec, "sign_off")) return {"ot", "it", "business"};
    std::vector<std::string> roles;
    for (const auto& role : list_at(use_case.spec, "sign_off"))
        if (role.is_string()) roles.emplace_back(role.get_string());
    return roles;
}

}  // namespace

bool StageReview::ready() const { return obstacle().empty(); }

std::string StageReview::obstacle() const {
    for (const auto& row : rows)
        if (!row.holds) return "criterion '" + row.criterion + "' (" + row.check + "): " + row.says;
    return consent.given ? "" : "sign-off: " + consent.says;
}

StageReview check_stage(const Resource& use_case, const Evidence& evidence) {
    StageReview review;
    review.stage = stage_of(use_case);
    for (const auto& row : list_at(use_case.spec, "exit_criteria." + review.stage)) {
        Criterion criterion;
        criterion.criterion = find_string(row, "criterion").value_or("");
        criterion.check = find_string(row, "check").value_or("evidence");
        auto outcome = check_row(criterion.check, row, use_case, evidence);
        criterion.holds = outcome.holds;
        criterion.says = std::move(outcome.says);
        review.rows.push_back(std::move(criterion));
    }
    review.sign_off = sign_off_roles(use_case);
    review.consent =
        approvals::judge(evidence.approvals, {"UseCase", use_case.name}, use_case.generation,
                         "stage:" + review.stage, review.sign_off, "");
    return review;
}

Json to_json(const StageReview& review) {
    JsonArray rows, roles, missing;
    for (const auto& row : review.rows)
        rows.push_back(JsonObject{{"criterion", row.criterion},
                                  {"check", row.check},
                                  {"holds", row.holds},
                                  {"says", row.says}});
    for (const auto& role : review.sign_off) roles.emplace_back(role);
    for (const auto& role : review.consent.missing) missing.emplace_back(role);
    return JsonObject{{"stage", review.stage},
                      {"ready", review.ready()},
                      {"obstacle", review.obstacle()},
                      {"criteria", std::move(rows)},
                      {"sign_off", JsonObject{{"roles", std::move(roles)},
                                              {"given", review.consent.given},
                                              {"missing", std::move(missing)},
                                              {"says", review.consent.says}}}};
}

}  // namespace mw::usecases
