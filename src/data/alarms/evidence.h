#pragma once
// What alarms need from the rest of the hub: stored decisions, resources, quality findings. Built
// on the seams of domain, so that a test can stand in for each.

#include <functional>
#include <string>
#include <vector>

#include "domain/query_engine.h"
#include "domain/resource_store.h"
#include "insight/alerts/alerts.h"
#include "insight/quality/quality.h"

namespace mw::alarms {

// Decisions that history holds, for machines that missed some.
class DecisionSource {
 public:
    virtual ~DecisionSource() = default;
    struct Newest {
        std::string device;
        Timestamp window_to;
    };
    virtual Task<std::vector<Newest>> newest() = 0;
    // Of one device, with window_to after `after`, oldest first.
    virtual Task<std::vector<Decision>> after(std::string device, Timestamp after,
                                              std::size_t limit) = 0;
};

// Both sources over SQL and resources. Control loop; the parts outlive it.
class HubEvidence final : public DecisionSource, public alerts::WhySource {
 public:
    // Asks the data loop's ingest.
    using Findings = std::function<Task<std::vector<quality::Finding>>(
        std::string device, Timestamp from, Timestamp to)>;
    HubEvidence(QueryEngine& queries, ResourceStore& resources, Findings findings)
        : queries_(queries), resources_(resources), findings_(std::move(findings)) {}

    Task<std::vector<Newest>> newest() override;
    Task<std::vector<Decision>> after(std::string device, Timestamp after,
                                      std::size_t limit) override;

    Task<std::vector<Decision>> decisions(std::string device, std::string model, Timestamp from,
                                          Timestamp to, std::size_t limit) override;
    Task<Json> model_version(std::string model, std::string version) override;
    Task<Json> device(std::string name) override;
    Task<Json> quality_findings(std::string device, Timestamp from, Timestamp to) override;

 private:
    Task<JsonArray> rows(std::string sql);
    Task<std::vector<Decision>> decisions_where(std::string condition, std::size_t limit);

    QueryEngine& queries_;
    ResourceStore& resources_;
    Findings findings_;
};

}  // namespace mw::alarms
