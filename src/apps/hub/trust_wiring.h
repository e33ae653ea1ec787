#pragma once
// Connects what makes data trusted to the hub: the quarantine as a source of SQL and a door for
// people, lineage, scorecards that judge contracts each day. Control loop.

#include <memory>
#include <string>

#include "data/quarantine/quarantine.h"
#include "data/query/query.h"
#include "data/registry/registry.h"
#include "data/scorecards/scorecards.h"
#include "fleet/lineage/lineage.h"
#include "surface/api/api.h"

namespace mw::hub {

// The quarantine log, and what SQL sees of it. Built before the query engine.
class QuarantineTable final : public query::QuarantineSource {
 public:
    static Result<std::unique_ptr<QuarantineTable>> open(files::Files& files, Loop& loop,
                                                         Workers& workers, std::string directory);
    std::shared_ptr<const quarantine::Records> quarantine() override { return log_->records(); }
    quarantine::QuarantineLog& log() { return *log_; }

 private:
    std::unique_ptr<quarantine::QuarantineLog> log_;
};

class TrustWiring final : public api::QuarantineDesk,
                          public api::LineageDesk,
                          public api::ScorecardDesk {
 public:
    struct Parts {  // all outlive the wiring
        Loop& loop;
        Clock& clock;
        registry::Registry& registry;
        QueryEngine& queries;
        query::ProductSource& products;
        quarantine::QuarantineLog& quarantine;
        metrics::Registry& metrics;
    };
    explicit TrustWiring(Parts parts);

    Task<> start();
    Task<> stop();

    Task<Json> decide(Json body, std::string actor) override;
    JsonArray decisions(const std::string& device, std::size_t limit) override;
    Task<Json> trace(api::LineageDesk::Question question) override;
    Task<Json> scorecard(std::string product, int days) override;

 private:
    Task<quarantine::Record> keep(quarantine::Record record);

    Parts parts_;
    metrics::Gauge& records_;  // in the quarantine log
    lineage::Lineage lineage_;
    scorecards::Scorecards scorecards_;
};

}  // namespace mw::hub
