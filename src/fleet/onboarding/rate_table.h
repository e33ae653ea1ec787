#pragma once
// How often somebody may do something: a bucket of tokens for each name. Pure; belongs to one loop.
// At most 10,000 names that are not at rest; those past it share one bucket.

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace mw::onboarding {

struct RateLimit {
    double per_second = 1;
    double burst = 1;
};

class RateTable {
 public:
    explicit RateTable(RateLimit limit, std::size_t names_max = 10'000)
        : limit_(limit), names_max_(names_max) {}
    // Zero: taken. Else how long until there is one.
    nanoseconds take(const std::string& name, SteadyTime now);
    // The same without taking.
    nanoseconds wait(const std::string& name, SteadyTime now);
    std::size_t size() const { return buckets_.size(); }

 private:
    struct Bucket {
        double left;
        SteadyTime at;
    };
    double left(const Bucket& bucket, SteadyTime now) const;
    Bucket& bucket_of(const std::string& name, SteadyTime now);

    RateLimit limit_;
    std::size_t names_max_;
    std::unordered_map<std::string, Bucket> buckets_;
    SteadyTime swept_{};
};

// Under which name an address counts. IPv6: its first 64 bits, for that is what one site is given.
std::string rate_name(std::string_view address);

}  // namespace mw::onboarding
