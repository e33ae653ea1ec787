#pragma once
// A GateSpec, read; and its limits held against what was measured, as rows of a report. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/gates/accuracy.h"
#include "fleet/gates/report.h"

namespace mw::gates {

struct MetricLimit {
    Metric metric = Metric::f1;
    std::optional<double> min;
    std::optional<double> max;
    std::optional<double> not_worse_by;  // than the champion
};
struct ClassLimit {
    std::string name;  // device_class of a DeviceProfile
    std::optional<double> latency_us_p99_max;
    std::optional<double> memory_mb_max;  // 1 MB is 1,000,000 bytes
};
struct Gate {
    std::string name;
    std::string model;
    std::string dataset;
    std::vector<MetricLimit> metrics;
    std::vector<ClassLimit> classes;
    std::vector<std::string> card;
    nanoseconds measure_within = minutes{2};
    std::vector<std::string> override_roles = {"releaser"};
};
Result<Gate> gate_of(const Resource& resource);

struct Compared {
    std::string champion;          // its name; empty: there is none
    std::optional<Judged> judged;  // nothing: it could not be judged, because
    std::string why_not;
    std::size_t block_rows = 0;
};
std::vector<Row> metric_rows(const Gate& gate, const Judged& challenger, const Compared& champion);

// The card must have each heading, with text below it before the next one.
std::vector<Row> card_rows(const Gate& gate, std::string_view card);

// What an agent said about itself.
struct Measured {
    std::string device;
    double latency_us_p50 = 0;
    double latency_us_p99 = 0;
    double peak_rss_bytes = 0;
    std::int64_t windows = 0;
};
Result<Measured> measured_from(std::string device, const Json& reply);
std::vector<Row> class_rows(const ClassLimit& limit, const Result<Measured>& measured);

}  // namespace mw::gates
