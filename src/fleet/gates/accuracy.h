#pragma once
// How accurate a bundle is on a golden dataset, by the very code that the edge runs, and whether it
// is worse than another one. Pure; takes seconds of CPU: for a worker thread.

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "data/datasets/datasets.h"
#include "insight/pipeline/pipeline.h"

namespace mw::gates {

enum class Metric {
    f1,
    precision,
    recall,
    false_alarm_rate,
    missed_alarm_rate,
    event_recall,
    fallback_rate,
};
inline constexpr std::array all_metrics = {Metric::f1,
                                           Metric::precision,
                                           Metric::recall,
                                           Metric::false_alarm_rate,
                                           Metric::missed_alarm_rate,
                                           Metric::event_recall,
                                           Metric::fallback_rate};
std::string_view to_string(Metric metric);
Result<Metric> metric_from(std::string_view text);
bool more_is_better(Metric metric);

// Counts that add up. Only rows whose label is known count as positive or negative.
struct Tally {
    std::uint64_t true_positive = 0;
    std::uint64_t false_positive = 0;
    std::uint64_t true_negative = 0;
    std::uint64_t false_negative = 0;
    std::uint64_t events = 0;  // anomalous stretches
    std::uint64_t events_found = 0;
    std::uint64_t decisions = 0;
    std::uint64_t fallbacks = 0;

    Tally& operator+=(const Tally& other);
    bool operator==(const Tally&) const = default;
};
// Nothing where there is nothing to divide by: no anomalous rows, no alarms, no decisions.
std::optional<double> value_of(Metric metric, const Tally& tally);

// Of one pipeline over one dataset: the sum, and its parts by blocks of rows of one device.
struct Judged {
    Tally total;
    std::vector<Tally> blocks;
};
// Each device is judged by a pipeline that has seen no row before. invalid_input: the dataset lacks
// a signal of the pipeline.
Result<Judged> judge(pipeline::Pipeline& pipeline, const datasets::Content& content,
                     std::size_t block_rows);

// Rows of one block: decisions that a window or the smoothing ties together belong to one; at most
// a twentieth of all rows, so that there are blocks to draw from.
std::size_t block_rows_of(const pipeline::Spec& spec, std::size_t rows);

struct Loss {
    double measured = 0;  // by how much the challenger is worse; negative: better
    double bound = 0;     // with 95 % confidence it is not worse by more
};
// Paired block bootstrap (Kuensch 1989): the same blocks are drawn for both, so what is hard for
// both cancels out. The seed is fixed: the same inputs give the same bound.
// Nothing when the metric can't be computed, or in fewer than half of the draws.
std::optional<Loss> loss_of(Metric metric, const Judged& champion, const Judged& challenger,
                            std::size_t draws = 2000);

}  // namespace mw::gates
