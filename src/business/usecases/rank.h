#pragma once
// Which use case next? Expected value and readiness, in figures and words. Pure.

#include <string>
#include <vector>

#include "business/usecases/criteria.h"

namespace mw::usecases {

struct Ranked {
    std::string name;
    std::string domain;
    std::string stage;
    std::string currency;
    double probability = 0;
    double benefit_per_year = 0;  // if it works
    double cost_initial = 0;
    double cost_per_year = 0;
    double expected_value = 0;             // over the horizon
    std::optional<double> payback_months;  // absent: never
    double readiness = 0;                  // 0 to 1
    double score = 0;                      // by which it is ordered
    std::string says;
};

inline constexpr double horizon_years = 3;

struct Candidate {
    Resource use_case;
    StageReview review;
};

Ranked appraise(const Candidate& candidate);
// Best first; the retired last.
std::vector<Ranked> rank_portfolio(const std::vector<Candidate>& candidates);
Json to_json(const Ranked& ranked);

}  // namespace mw::usecases
