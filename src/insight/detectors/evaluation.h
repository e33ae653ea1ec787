#pragma once
// How well a pipeline tells labelled rows apart: every row counts once, causally, as on the edge.

#include <cstdint>

#include "insight/detectors/recording.h"
#include "insight/pipeline/pipeline.h"

namespace mw::detectors {

struct Counts {
    std::uint64_t true_positive = 0;
    std::uint64_t false_positive = 0;
    std::uint64_t true_negative = 0;
    std::uint64_t false_negative = 0;
    std::uint64_t fallbacks = 0;

    Counts& operator+=(const Counts& other);
    double f1() const;
    double false_alarm_rate() const;   // share of the normal rows, 0 to 1
    double missed_alarm_rate() const;  // share of the anomalous rows
};

// What a pipeline says at each row.
struct RowVerdicts {
    enum class Outcome : std::uint8_t { none, decided, fell_back };
    std::vector<std::uint8_t> alarm;  // 1: alarmed, by the decision made at the row or before it
    std::vector<Outcome> outcome;     // what the row itself led to
};
// Pushes all rows in order, as the edge does.
Result<RowVerdicts> decide_rows(pipeline::Pipeline& pipeline, const Recording& recording);

// Pushes all rows in order; those from `scored_from` on are counted. A row takes the decision made
// at it, or the one before where the pipeline speaks more rarely. Unlabelled rows count as normal.
Result<Counts> evaluate(pipeline::Pipeline& pipeline, const Recording& recording,
                        std::size_t scored_from);

}  // namespace mw::detectors
