#pragma once
// Detectors of a few numbers each: Page-Hinkley (Page 1954) for a mean that rises, DDM (Gama et al.
// 2004) and HDDM_A (Frias-Blanco et al. 2015) for an error rate. All assume independent values:
// correlated streams go through a Watch. update() says drift; the next one then starts afresh.

#include <cstdint>
#include <optional>

namespace mw::drift {

struct PageHinkleyOptions {
    std::uint64_t values_min = 30;
    double delta = .005;  // a rise up to this is tolerated
    double threshold = 50;
    double alpha = .9999;  // forgetting
};

class PageHinkley {
 public:
    explicit PageHinkley(PageHinkleyOptions options = {}) : options_(options) {}
    bool update(double value);
    double sum() const { return sum_; }

 private:
    PageHinkleyOptions options_;
    std::uint64_t n_ = 0;
    double mean_ = 0, sum_ = 0;
    bool detected_ = false;
};

struct DdmOptions {
    std::uint64_t warm_start = 30;
    double warning = 2, drift = 3;  // standard deviations above the least
};

class Ddm {
 public:
    explicit Ddm(DdmOptions options = {}) : options_(options) {}
    bool update(bool wrong);
    bool warning() const { return warning_; }

 private:
    DdmOptions options_;
    std::uint64_t n_ = 0;
    double rate_ = 0;
    std::optional<double> least_sum_;  // of rate and its deviation
    double least_rate_ = 0, least_deviation_ = 0;
    bool warning_ = false, detected_ = false;
};

struct HddmAOptions {
    double drift_confidence = .001;
    double warning_confidence = .005;
    bool two_sided = false;  // a fall counts too
};

class HddmA {
 public:
    explicit HddmA(HddmAOptions options = {}) : options_(options) {}
    bool update(double value);
    bool warning() const { return warning_; }

 private:
    struct Mean {
        double n = 0, value = 0;
    };
    double bound(double n) const;
    bool rose(double confidence) const;
    bool fell(double confidence) const;

    HddmAOptions options_;
    Mean all_, least_, most_;
    bool warning_ = false, detected_ = false;
};

}  // namespace mw::drift
