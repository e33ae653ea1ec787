#pragma once
// Prometheus' query API (v1) over history, as far as Grafana asks: a part of PromQL becomes SQL for
// the QueryEngine, with its checks and limits, and rows become Prometheus' JSON. Belongs to the
// control loop; rows are read on Workers. Limits: 11,000 steps, 200,000 series rows, the engine's.

#include <string>
#include <utility>
#include <vector>

#include "data/prometheus/promql.h"
#include "domain/query_engine.h"

namespace mw::prometheus {

class Prometheus {
 public:
    struct Parts {  // all outlive it
        QueryEngine& engine;
        Workers& workers;
        const Clock& clock;
    };
    explicit Prometheus(Parts parts) : parts_(parts) {}

    using Params = std::vector<std::pair<std::string, std::string>>;  // of the URL or a form
    // Each gives the text of {"status":"success","data":...}. invalid_input: a parameter or what
    // PromQL is not spoken; the engine's errors.
    Task<std::string> query(Params params, std::string actor);
    Task<std::string> query_range(Params params, std::string actor);
    Task<std::string> series(Params params, std::string actor);
    Task<std::string> labels(Params params, std::string actor);
    Task<std::string> label_values(std::string label, Params params, std::string actor);

 private:
    struct Job;
    Task<std::string> run(Job job, std::string actor);
    Task<std::string> ask(std::string sql, std::string actor);
    Parts parts_;
};

// {"status":"error","errorType":"bad_data","error":"..."}
std::string error_text(const Error& error);

}  // namespace mw::prometheus
