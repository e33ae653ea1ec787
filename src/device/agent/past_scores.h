#pragma once
// The last scores that a model took of others. A recording can be read again after a restart,
// scores can't: they are in a checkpoint beside the pipeline's (docs/formats/pipeline.md, Chains).

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "domain/quality.h"

namespace mw::agent {

struct PastScore {
    std::string model;
    Timestamp time;
    double score = 0;  // NaN: a fallback decided
    Quality quality;
};

class PastScores {
 public:
    static constexpr std::size_t kept_max = 256;  // of each model; it is written with each of them

    explicit PastScores(std::vector<std::string> models) : models_(std::move(models)) {}

    void add(const PastScore& score);
    // Those up to this time that were not given yet since restore(), oldest first.
    void replay(Timestamp until, const std::function<void(const PastScore&)>& give);

    Bytes checkpoint() const;
    void restore(const Bytes& checkpoint);  // what is not readable is as none

 private:
    std::vector<std::string> models_;
    std::deque<PastScore> scores_;
    std::size_t given_ = 0;
};

}  // namespace mw::agent
