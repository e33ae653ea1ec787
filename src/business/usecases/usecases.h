#pragma once
// Use cases from idea to scale: admission of their stages, reviews, the ranking of the portfolio,
// and the controller that lets the status follow. Belongs to the control loop.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "business/usecases/criteria.h"
#include "business/usecases/rank.h"
#include "business/usecases/stages.h"
#include "domain/resource_store.h"
#include "platform/loop/loop.h"
#include "trust/policy/policy.h"

namespace mw::usecases {

class UseCases {
 public:
    UseCases(Loop& loop, ResourceStore& store);
    ~UseCases();
    UseCases(const UseCases&) = delete;

    // Reads the use cases and follows them: where spec.stage and status.state differ, the status
    // takes the rows between.
    Task<> start();
    Task<> stop();

    // Admission of kind UseCase.
    Task<Resource> admit(policy::AdmissionRequest request);
    // May it leave the stage that it is in? not_found.
    Task<StageReview> review(std::string name);
    Task<std::vector<Ranked>> rank();

 private:
    void on_change(const Resource& use_case);
    Task<> settle(std::string name);
    Task<bool> take_step(std::string name);
    Task<Evidence> gather(std::string use_case);

    Loop& loop_;
    ResourceStore& store_;
    std::shared_ptr<void> subscription_;
    std::set<std::string> settling_;
    Scope scope_;
};

}  // namespace mw::usecases
