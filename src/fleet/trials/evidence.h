#pragma once
// Where a shadow trial takes its pairs from, as an interface of its own. Control loop.

#include <vector>

#include "domain/query_engine.h"
#include "fleet/trials/comparison.h"
#include "platform/loop/loop.h"

namespace mw::trials {

class Evidence {
 public:
    virtual ~Evidence() = default;
    // Decisions of `model` and of `model`.shadow, joined by device and window.
    virtual Task<std::vector<Pair>> pairs(std::string model, Timestamp from, Timestamp to) = 0;
};

// By SQL over decisions and labels.
class SqlEvidence final : public Evidence {
 public:
    explicit SqlEvidence(QueryEngine& engine) : engine_(engine) {}
    Task<std::vector<Pair>> pairs(std::string model, Timestamp from, Timestamp to) override;

 private:
    QueryEngine& engine_;
};

// Pure, for tests.
std::string pairs_sql(std::string_view model, Timestamp from, Timestamp to);
std::string labels_sql(std::string_view model, Timestamp from, Timestamp to);
Result<std::vector<Pair>> pairs_of(std::string_view reply);
Result<> add_labels(std::vector<Pair>& pairs, std::string_view reply);

}  // namespace mw::trials
