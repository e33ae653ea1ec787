#pragma once
// What a model's decline costs:
//   loss per week = events per week * (miss rate now - at the gate) * cost of a miss
//                 + (false alarms per week now - at the gate) * cost of a false alarm
// from windows that people labelled, each weighted by 1/propensity. Small counts are the rule, so
// each of the sums is a weighted Poisson count with gamma bounds (Fay and Feuer 1997, mid-P), and
// the interval of the loss comes from drawing them together.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "insight/statistics/interval.h"

namespace mw::statistics {

struct LabelledWindow {
    bool decision = false;  // the model raised an alarm
    bool event = false;     // the label: there was something
    double propensity = 1;  // chance with which this window was asked about, in (0, 1]
    std::uint64_t cluster =
        0;  // windows of one incident share it (they resemble each other); 0: none
};

// A weighted count: sum of weights, sum of their squares, and the weight of one more.
struct WeightedCount {
    double sum = 0;
    double squares = 0;
    double next = 1;
};

struct Outcomes {
    WeightedCount missed;       // event, no alarm
    WeightedCount caught;       // event, alarm
    WeightedCount false_alarm;  // no event, alarm
    WeightedCount quiet;        // no event, no alarm
    std::size_t labels = 0;
};
Outcomes outcomes_of(std::span<const LabelledWindow> windows);
// A golden set in which everything is labelled: counts as in a GateReport.
Outcomes outcomes_of_counts(std::size_t missed, std::size_t caught, std::size_t false_alarms,
                            std::size_t quiet);

struct Stakes {  // from the UseCase; over all its devices
    double events_per_week = 0;
    double windows_per_week = 0;  // decisions made
    double cost_of_miss = 0;
    double cost_of_false_alarm = 0;
};

struct PriceOptions {
    double confidence = .9;
    double claim_level = .025;  // one-sided chance to claim a loss where there is none
    double events_min = 8;      // effective labelled events, now and at the gate
    double quiet_min = 50;      // effective labelled windows without event
    int draws = 4'000;
    std::uint64_t seed = 1;
};

struct PriceReading {
    std::optional<MeanInterval> loss_per_week;  // absent: unpriced
    bool claimed = false;                       // a loss is there for certain, at claim_level
    std::size_t labels_missing = 0;             // unpriced: about how many more labels it takes
    bool gate_lacks = false;                    // unpriced: the golden set is too small as well
    MeanInterval miss_rate_now, miss_rate_at_gate;
    MeanInterval false_alarms_now, false_alarms_at_gate;  // per week
    std::string says;
};

PriceReading price_loss(const Outcomes& now, const Outcomes& at_gate, const Stakes& stakes,
                        const PriceOptions& options);

}  // namespace mw::statistics
