#pragma once
// What must hold before a stage is left, and whether it does. Pure.

#include <string>
#include <vector>

#include "business/approvals/approvals.h"
#include "domain/resource.h"

namespace mw::usecases {

// What else the hub knows about a use case.
struct Evidence {
    std::vector<Resource> gate_reports;
    std::vector<Resource> rollouts;
    std::vector<Resource> approvals;
};

struct Criterion {
    std::string criterion;  // in words
    std::string check;
    bool holds = false;
    std::string says;  // why, with figures
};

struct StageReview {
    std::string stage;
    std::vector<Criterion> rows;
    std::vector<std::string> sign_off;  // the roles
    approvals::Verdict consent;
    bool ready() const;
    // The first thing that is in the way; empty when ready.
    std::string obstacle() const;
};

// May it leave the stage that its spec names, at its generation?
StageReview check_stage(const Resource& use_case, const Evidence& evidence);
Json to_json(const StageReview& review);

}  // namespace mw::usecases
