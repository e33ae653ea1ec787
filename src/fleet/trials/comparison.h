#pragma once
// Champion and challenger over the same windows of the same devices, and what follows from it.
// Pure. The unit is the device: each gives one difference, and the interval is over devices.

#include <string>
#include <vector>

#include "base/json.h"

namespace mw::trials {

// One device, over the windows that both versions judged.
struct Pair {
    std::string device;
    std::uint64_t windows = 0;
    double agreement = 0;        // share of windows with the same decision
    double champion_alarms = 0;  // share of windows
    double challenger_alarms = 0;
    double correlation = 0;  // of the scores; NaN when one of them never moves
    double champion_latency_us_p99 = 0;
    double challenger_latency_us_p99 = 0;
    // Of the windows that people have labelled.
    std::uint64_t labelled = 0;
    double champion_wrong = 0;  // share of them
    double challenger_wrong = 0;
};

struct Interval {
    double mean = 0, low = 0, high = 0;
    std::size_t devices = 0;
};
// 95 % by Student's t over devices; with one device the interval is endless.
Interval interval_of(const std::vector<double>& values);

struct Outcome {
    std::string event;  // of the trial's table: won, lost, drew, unclear
    std::string says;
};
struct Comparison {
    std::uint64_t windows = 0;
    double agreement = 0;
    double correlation = 0;
    Interval alarms;  // challenger minus champion, share of windows
    double champion_alarms = 0, challenger_alarms = 0;
    double champion_latency_us_p99 = 0, challenger_latency_us_p99 = 0;  // median over devices
    std::uint64_t labelled = 0;
    Interval wrong;  // challenger minus champion, share of labelled windows
};

inline constexpr double difference_that_matters = 0.05;  // share of windows
inline constexpr std::uint64_t labels_per_device_least = 3;

Comparison compare(const std::vector<Pair>& pairs);
Outcome outcome_of(const Comparison& comparison);
Json comparison_json(const Comparison& comparison);
std::string sentence_of(const Comparison& comparison);

// Of an a/b rollout: its verdict's readings (Rollout.status.readings) and how it went on.
enum class RolloutEnd { promoted, went_back, given_up };
Outcome outcome_of_ab(const Json& readings, RolloutEnd end, const std::string& reason);

}  // namespace mw::trials
