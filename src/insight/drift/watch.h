#pragma once
// A Watch sees a lasting change of a stream's mean although its values depend on each other, as
// those of sensors do. It estimates that dependence and tests every cut of its window as ADWIN
// does, with the variance that means of dependent values really have. One thread; about 1 kB.

#include <cstdint>
#include <optional>
#include <vector>

#include "insight/drift/buckets.h"

namespace mw::drift {

// How much a stream's values depend on each other: moments and lag-1 correlation of the values and
// of means of 2, 4, 8, ... of them.
class Dependence {
 public:
    void add(double value);
    std::uint64_t count() const;
    // `shift`: variance that a change of the mean within the stream has brought, to be left out.
    double variance(double shift = 0) const;     // of the values
    double correlation(double shift = 0) const;  // lag 1, corrected for the bias of short streams
    // Variance of a mean of n values, times n, for large n: as if they were AR(1), or what the
    // means of blocks show when that is more, beyond their own noise.
    double long_run_variance(double shift = 0) const;

 private:
    struct Scale {
        double n = 0, mean = 0, spread = 0;
        double first = 0, last = 0, products = 0;  // deviations from `origin`
        double half = 0;                           // the first of two values for the next scale
        bool has_half = false;
        double correlation(double shift) const;
    };
    void add(std::size_t scale, double value);

    double origin_ = 0;  // the first value: keeps sums of products small
    std::vector<Scale> scales_;
};

struct WatchOptions {
    std::uint64_t warm_up = 256;  // values before the first look
    double older_min = 12;        // independent values' worth before a cut
    double newer_min = 12;        // and after it
    // Log likelihood ratio; less by the logarithm of the effective share, as dependent values bring
    // fewer chances of a false alarm. 10: about 1 in 20,000 values, or fewer.
    double threshold = 10;
    double change_min = .1;  // standard deviations: less does not matter
};

struct Change {
    double before = 0, after = 0;  // means
    std::uint64_t values_after = 0;
    double strength = 0;  // log likelihood ratio
};

class Watch {
 public:
    explicit Watch(WatchOptions options = {}) : options_(options), window_(buckets_per_row) {}

    // What is not finite is passed over. After a change the newer part stays.
    std::optional<Change> update(double value);

    // Independent values that say as much about the mean as one value: 1 or less.
    double effective_share() const;
    double mean() const { return window_.all().mean(); }
    std::uint64_t values() const { return static_cast<std::uint64_t>(window_.all().n); }

 private:
    static constexpr unsigned buckets_per_row = 8;
    // Estimated while nothing looked like a change, so that a change can't pass as dependence.
    struct Trusted {
        std::uint64_t values = 0;
        double variance = 0;
        double long_run = 0;
    };
    void refresh(const Change& suspect);
    double threshold() const;
    double strength(const Buckets::Part& older, const Buckets::Part& newer) const;
    std::optional<Change> look();

    WatchOptions options_;
    Buckets window_;
    Dependence dependence_;
    Trusted trusted_;
    std::uint64_t until_look_ = 0;
};

}  // namespace mw::drift
