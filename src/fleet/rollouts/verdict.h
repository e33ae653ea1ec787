#pragma once
// Guardrails against figures: what is worse, what is fine, what can't be told. Pure. The unit is
// the device; alpha is split over the guardrails that compare, 80 % of each part for the planned
// looks and 20 % for the anytime-valid e-value, so that the whole rollout keeps its promise.

#include <span>
#include <string>
#include <vector>

#include "fleet/rollouts/observations.h"
#include "fleet/rollouts/population.h"
#include "insight/statistics/statistics.h"

namespace mw::rollouts {

enum class Verdict { fine, worse, unclear };
std::string_view to_string(Verdict verdict);

struct Reading {
    std::string guardrail;
    Verdict verdict = Verdict::fine;
    std::string says;
    Json figures = JsonObject{};
};
struct Judgement {
    Verdict verdict = Verdict::fine;
    std::string says;  // the worst reading, or why it can't be told, or that all is well
    std::vector<Reading> readings;
};
Json readings_json(const std::vector<Reading>& readings);
// worse beats unclear beats fine.
Judgement summed(std::vector<Reading> readings);

// Install failures and restarts, from the counts alone.
std::vector<Reading> judge_reports(const Plan& plan, const Counts& counts);

// The devices of both arms before and after, as far as history has them.
struct Comparison {
    Guardrail guardrail;
    std::vector<statistics::Unit> canary, control;
    std::uint64_t canaries = 0, controls = 0;  // of the wave, with figures or without
    double worst = 0;                          // the highest value of a canary, after
    std::string worst_device;
};
struct Look {
    std::int64_t number = 1;  // == plan.looks: the final one
    bool between = false;     // not planned: only max and e-values may speak
};
Reading judge_comparison(const Plan& plan, const Comparison& comparison, const Look& look);

// Sorts what history says into arms.
Comparison compare(const Guardrail& guardrail, const Population& population, std::int64_t wave,
                   std::span<const DeviceValue> before, std::span<const DeviceValue> after);

}  // namespace mw::rollouts
