#pragma once
// Computes the KPIs of every UseCase on its schedule. Belongs to the control loop; one KPI at a
// time, so that a portfolio of slow SQL never crowds out the people's queries.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "business/kpi/kpi_spec.h"
#include "business/kpi/reading.h"
#include "domain/point.h"
#include "domain/query_engine.h"
#include "domain/resource_store.h"
#include "platform/loop/loop.h"

namespace mw::kpi {

// Owned here: where a KPI is stored as a series. apps/hub carries it to ingest.
class SeriesSink {
 public:
    virtual ~SeriesSink() = default;
    virtual Task<> store(Batch batch) = 0;
};

struct Options {
    QueryLimits limits{
        .time = seconds(30), .rows = 100'000, .memory_bytes = std::size_t{256} << 20};
    nanoseconds every_min = seconds(10);
};

class Kpis {
 public:
    struct Parts {  // all outlive the Kpis
        Loop& loop;
        Workers& workers;  // the bootstrap runs there
        ResourceStore& store;
        QueryEngine& query;
        SeriesSink& series;
    };
    explicit Kpis(Parts parts, Options options = {});
    ~Kpis();
    Kpis(const Kpis&) = delete;

    // Reads the use cases, follows them, and computes what is due from now on.
    Task<> start();
    Task<> stop();
    // All KPIs of this use case now, whatever their schedule says. not_found.
    Task<> compute(std::string use_case);
    std::uint64_t computed() const { return computed_; }

 private:
    struct Followed {
        Resource use_case;
        std::vector<KpiSpec> specs;
        std::map<std::string, JsonObject> entries;  // by KPI: what status holds
        std::map<std::string, Timestamp> due;
        bool stale = false;  // status holds a KPI that the spec has no more
    };
    void on_change(const ResourceChange& change);
    void follow(const Resource& use_case);
    Timestamp next_due() const;
    Task<> keep_computing();
    Task<> compute_due(std::string use_case, bool all);
    Task<JsonObject> compute_one(std::string use_case, std::string currency, KpiSpec spec,
                                 std::string author);
    Task<> write_status(std::string use_case);

    Parts parts_;
    Options options_;
    std::map<std::string, Followed> followed_;
    std::shared_ptr<void> subscription_;
    Event changed_;
    std::uint64_t computed_ = 0;
    Scope scope_;
};

// The device under which a use case's KPIs are stored.
std::string series_device(const std::string& use_case);

}  // namespace mw::kpi
