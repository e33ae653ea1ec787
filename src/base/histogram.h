#pragma once
// A mergeable histogram: DDSketch (Masson, Rim, Lee, VLDB 2019) with relative error 0.01. Buckets
// are fixed by value and never collapse, so merging is exact whatever the order. Plain data; at
// most 3454 buckets per sign (27 KiB): |value| below 1e-12 counts as zero, above 1e18 as 1e18.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"

namespace mw {

class Histogram {
 public:
    static constexpr double alpha = 0.01;
    static constexpr double smallest = 1e-12;
    static constexpr double largest = 1e18;

    // NaN is not a value: it is dropped and false comes back.
    bool add(double value, std::uint64_t times = 1);
    void merge(const Histogram& other);
    void clear() { *this = {}; }

    std::uint64_t count() const { return count_; }
    bool empty() const { return count_ == 0; }
    double sum() const { return sum_; }  // exact merge is of counts: sums differ by rounding
    double min() const { return min_; }  // 0 when empty
    double max() const { return max_; }
    double mean() const { return count_ ? sum_ / static_cast<double>(count_) : 0; }
    // The value at rank q*(count-1), within alpha of it; q is clipped to [0, 1]. 0 when empty.
    double quantile(double q) const;
    // How many are at or below the value (the whole of its bucket counts).
    std::uint64_t rank(double value) const;

    // docs/formats/histogram.md. A few bytes per used bucket.
    Bytes to_bytes() const;
    static Result<Histogram> from_bytes(ByteView bytes);
    // {"alpha":0.01,"count":n,"sum":s,"min":a,"max":b,"zero":n,"pos":[index,count,gap,count,...],
    // "neg":[...]}
    Json to_json() const;
    static Result<Histogram> from_json(const Json& value);

    // The same counts in the same buckets. Sums, minima and maxima are not compared:
    // Boost.JSON 1.81 reads doubles back to within one unit in the last place.
    bool operator==(const Histogram& other) const;

 private:
    // Counts of buckets first, first+1, ...; bucket i holds (gamma^(i-1), gamma^i].
    struct Store {
        std::int32_t first = 0;
        std::vector<std::uint64_t> counts;
        void add(std::int32_t index, std::uint64_t times);
        void merge(const Store& other);
        bool same_as(const Store& other) const;
        Json to_json() const;
        void append_to(Bytes& out) const;
    };
    struct Summary;
    static Result<Histogram> build(const Summary& summary);

    std::uint64_t count_ = 0;
    std::uint64_t zero_ = 0;
    double sum_ = 0;
    double min_ = 0;
    double max_ = 0;
    Store positive_;
    Store negative_;
};

}  // namespace mw
