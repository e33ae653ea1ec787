#pragma once
// Instruments that count and time, and their Prometheus text form. A Registry owns instruments and
// is passed by reference; it may be used from any thread (an append-only list, no locks), and the
// references it gives out live as long as it does. At most 64 label sets per name: what comes after
// them is counted under the label value "other".

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mw::metrics {

// Pairs of name and value, from small fixed sets: never a device or a user.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
    void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
    void add(double delta) noexcept { value_.fetch_add(delta, std::memory_order_relaxed); }
    double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<double> value_{0};
};

// Upper bounds of buckets, growing.
inline constexpr double seconds_buckets[] = {
    1e-6, 2.5e-6, 5e-6,   1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3,
    5e-3, 1e-2,   2.5e-2, 5e-2, 0.1,    0.25, 0.5,  1,      2.5,  5,    10};
inline constexpr double bytes_buckets[] = {64,    256,    1024,    4096,    16384,
                                           65536, 262144, 1048576, 4194304, 16777216};
inline constexpr double count_buckets[] = {1,   2,   5,    10,   20,   50,   100,
                                           200, 500, 1000, 2000, 5000, 10000};

class Histogram {
 public:
    explicit Histogram(std::span<const double> bounds);
    void observe(double value) noexcept;
    std::uint64_t count() const noexcept;
    double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }
    std::span<const double> bounds() const { return bounds_; }
    // Observations at or below bounds()[i] and above the one before; i == bounds().size(): the
    // rest.
    std::uint64_t in_bucket(std::size_t i) const noexcept {
        return buckets_[i].load(std::memory_order_relaxed);
    }

 private:
    std::vector<double> bounds_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
    std::atomic<double> sum_{0};
};

class Registry {
 public:
    Registry() = default;
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    // The same name and labels give the same instrument. Names are millwright_module_noun_unit in
    // base units; counters end in _total. A wrong name or another kind under the name is a bug.
    Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
    Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
    Histogram& histogram(std::string_view name, std::string_view help, Labels labels = {},
                         std::span<const double> bounds = seconds_buckets);

    // Prometheus text format 0.0.4, sorted by name and labels.
    std::string expose() const;
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

 private:
    enum class Kind { counter, gauge, histogram };
    struct Entry;
    Entry& entry(Kind kind, std::string_view name, std::string_view help, Labels labels,
                 std::span<const double> bounds);
    std::atomic<Entry*> newest_{nullptr};
};

}  // namespace mw::metrics
