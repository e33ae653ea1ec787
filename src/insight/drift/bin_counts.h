#pragma once
// Counts of values in a bundle's reference bins. They are whole numbers throughout, so sums over
// windows, devices and orders are the same to the last bit. Beside the bins: values that are none
// (NaN), and how bin numbers move from one value to the next and to the eighth, which says how many
// independent values the counts are worth.

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "insight/pipeline/pipeline.h"

namespace mw::drift {

inline constexpr std::array<std::size_t, 2> lags{1, 8};

struct Column {
    struct Pairs {
        std::uint64_t n = 0;
        std::uint64_t squares = 0;  // of differences of bin numbers, summed
        bool operator==(const Pairs&) const = default;
    };
    std::vector<std::uint64_t> bins;  // bin i holds values in (edge[i-1], edge[i]]
    std::uint64_t bad = 0;            // not a number
    std::array<Pairs, lags.size()> pairs;

    std::uint64_t n() const;  // in bins
    bool operator==(const Column&) const = default;
};

struct BinCounts {
    std::vector<Column> columns;  // the bundle's features in their order, then the score

    std::uint64_t values() const;  // of one column, bad ones included
    bool empty() const { return values() == 0; }
    // invalid_input when the other one has other bins. An empty object takes the other's.
    Result<> merge(const BinCounts& other);
    bool operator==(const BinCounts&) const = default;
};

// Counts one device's values in time order.
class BinCounter {
 public:
    explicit BinCounter(std::shared_ptr<const pipeline::Reference> reference);

    // `features` as the reference has them; what is missing or NaN counts as bad.
    void add(std::span<const double> features, double score);
    const BinCounts& counts() const { return counts_; }
    // What was counted since the last take(). Pairs across the cut belong to the later part, so the
    // parts of a stream add up to the whole.
    BinCounts take();
    // The next value does not follow the last one in time.
    void interrupt() { recent_.clear(); }

    // The last bin numbers, to go on after a restart.
    Bytes recent() const;
    // Takes up counts and recent(); false when they are of other bins.
    bool resume(BinCounts counts, ByteView recent);

 private:
    using Row = std::vector<std::uint8_t>;  // bin numbers; none: bad
    static constexpr std::uint8_t none = 255;
    void count(const Row& row);
    BinCounts zero() const;

    std::shared_ptr<const pipeline::Reference> reference_;
    BinCounts counts_;
    std::deque<Row> recent_;  // the newest first, as many as the largest lag
};

// The reference's own counts in the same form, without pairs.
BinCounts counts_of(const pipeline::Reference& reference);

}  // namespace mw::drift
