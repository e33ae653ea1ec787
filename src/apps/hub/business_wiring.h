#pragma once
// Connects use cases, KPIs and approvals: KPIs ask the hub's own SQL and are stored as points,
// people ask through the API, and whoever needs a signature asks consent(). Control loop.

#include <memory>
#include <string>
#include <vector>

#include "apps/hub/data_plane.h"
#include "business/approvals/approvals.h"
#include "business/kpi/kpi.h"
#include "business/usecases/usecases.h"
#include "data/registry/registry.h"
#include "surface/api/api.h"

namespace mw::hub {

class BusinessWiring final : public api::Portfolio, private kpi::SeriesSink {
 public:
    BusinessWiring(Loop& loop, Workers& workers, registry::Registry& registry, QueryEngine& query,
                   DataPlane& data);

    Task<> start();
    Task<> stop();
    // The admission of UseCase and Approval.
    void admit_into(api::Admission& admission);
    // Reads what was said about the subject and judges it.
    Task<approvals::Verdict> consent(approvals::Subject subject, std::uint64_t generation,
                                     std::string what, std::vector<std::string> roles,
                                     std::string author);

    Task<JsonArray> rank() override;
    Task<Json> review(std::string use_case) override;
    Task<> compute(std::string use_case) override;

 private:
    Task<> store(Batch batch) override;

    registry::Registry& registry_;
    DataPlane& data_;
    usecases::UseCases use_cases_;
    kpi::Kpis kpis_;
};

}  // namespace mw::hub
