#pragma once
// SQL over history: every statement is parsed, checked against an allow-list, given bounds, and
// only then run by embedded DuckDB on Workers. Belongs to the control loop. At most `slots`
// statements run at a time and `waiting_max` wait (more: overloaded); time, rows and memory are
// limited per request.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "data/history/history.h"
#include "data/label_log/label_log.h"
#include "data/quarantine/quarantine.h"
#include "data/query/allow_list.h"
#include "data/query/sight.h"
#include "domain/query_engine.h"
#include "insight/quality/quality.h"
#include "platform/loop/loop.h"

namespace mw::query {

// Where points come from: data/history, on its own loop.
class HistorySource {
 public:
    virtual ~HistorySource() = default;
    virtual Task<history::HistorySnapshot> snapshot(history::Bounds bounds) = 0;
};

// A data product as a query sees it: a view of `points` under its own name.
struct Product {
    std::string name;
    // nullopt: all of them. Labels are resolved to devices by whoever publishes this.
    std::optional<std::vector<std::string>> devices;
    std::optional<std::vector<std::string>> signals;
};
using Products = std::vector<Product>;

class ProductSource {
 public:
    virtual ~ProductSource() = default;
    virtual std::shared_ptr<const Products> products() = 0;  // on the control loop; never null
};

class ScorecardSource {
 public:
    virtual ~ScorecardSource() = default;
    virtual Task<quality::Scorecard> scorecard() = 0;
};

// The newest answer about each window.
class LabelSource {
 public:
    virtual ~LabelSource() = default;
    virtual std::shared_ptr<const labels::Labels> labels() = 0;  // on the control loop; never null
};

// What was decided about points that are bad, or not trusted.
class QuarantineSource {
 public:
    virtual ~QuarantineSource() = default;
    // On the control loop; never null.
    virtual std::shared_ptr<const quarantine::Records> quarantine() = 0;
};

struct EngineOptions {
    std::string history_directory = {};  // the only folder that SQL may read, and only through us
    std::string temporary_directory =
        {};  // Parquet replies are written here and removed; it exists
    std::size_t slots = 2;
    std::size_t waiting_max = 32;
    unsigned threads = 1;  // per statement; the hub gives cores - 1
    QueryLimits limits_max{minutes{5}, 10'000'000, std::size_t{1} << 30};
    std::size_t sql_bytes_max = 64 * 1024;
    std::size_t parameters_max = 1'000;
    // Of sealed files: what was learnt about them, and columns of which few rows were wanted.
    std::size_t kept_bytes_max = std::size_t{48} << 20;
};

class Engine final : public QueryEngine {
 public:
    struct Parts {  // all outlive the Engine
        Workers& workers;
        HistorySource& history;
        ProductSource& products;
        ScorecardSource& scorecard;
        metrics::Registry& metrics;
        ReadPolicy* policy = nullptr;            // null: everybody sees everything
        LabelSource* labels = nullptr;           // null: the table `labels` is empty
        QuarantineSource* quarantine = nullptr;  // null: the stored quality counts
    };
    Engine(EngineOptions options, Parts parts);
    ~Engine() override;  // after the scopes that query have ended

    Task<QueryReply> query(QueryRequest request) override;

 private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace mw::query
