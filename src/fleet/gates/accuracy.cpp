#include "fleet/gates/accuracy.h"

#include <algorithm>

#include "base/random.h"

namespace mw::gates {
namespace {

constexpr std::array<std::string_view, all_metrics.size()> names = {
    "f1",           "precision",    "recall", "false_alarm_rate", "missed_alarm_rate",
    "event_recall", "fallback_rate"};
constexpr double confidence = 0.95;
constexpr std::uint64_t bootstrap_seed = 20'261'126;
constexpr std::size_t blocks_least = 20;

std::optional<double> share(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return std::nullopt;
    return static_cast<double>(part) / static_cast<double>(whole);
}

// The end of the anomalous stretch that begins at `row`.
std::size_t end_of_event(const datasets::DeviceRows& rows, std::size_t row) {
    while (row < rows.labelled.size() && rows.recording.labels[row] != 0) ++row;
    return row;
}

void count_row(const datasets::DeviceRows& rows, const detectors::RowVerdicts& verdicts,
               std::size_t row, Tally& tally) {
    using Outcome = detectors::RowVerdicts::Outcome;
    tally.decisions += verdicts.outcome[row] != Outcome::none;
    tally.fallbacks += verdicts.outcome[row] == Outcome::fell_back;
    if (rows.labelled[row] == 0) return;
    const bool alarm = verdicts.alarm[row] != 0;
    if (rows.recording.labels[row] == 0) {
        ++(alarm ? tally.false_positive : tally.true_negative);
        return;
    }
    ++(alarm ? tally.true_positive : tally.false_negative);
    if (row > 0 && rows.recording.labels[row - 1] != 0) return;
    // An event belongs to the block in which it begins.
    const std::size_t end = end_of_event(rows, row);
    ++tally.events;
    for (std::size_t at = row; at < end; ++at) {
        if (verdicts.alarm[at] == 0) continue;
        ++tally.events_found;
        break;
    }
}

}  // namespace

std::string_view to_string(Metric metric) { return names[static_cast<std::size_t>(metric)]; }

Result<Metric> metric_from(std::string_view text) {
    for (const Metric metric : all_metrics)
        if (to_string(metric) == text) return metric;
    return Error{Errc::invalid_input, "there is no metric '" + std::string(text) + "'"};
}

bool more_is_better(Metric metric) {
    return metric == Metric::f1 || metric == Metric::precision || metric == Metric::recall ||
           metric == Metric::event_recall;
}

Tally& Tally::operator+=(const Tally& other) {
    true_positive += other.true_positive;
    false_positive += other.false_positive;
    true_negative += other.true_negative;
    false_negative += other.false_negative;
    events += other.events;
    events_found += other.events_found;
    decisions += other.decisions;
    fallbacks += other.fallbacks;
    return *this;
}

std::optional<double> value_of(Metric metric, const Tally& t) {
    const std::uint64_t anomalous = t.true_positive + t.false_negative;
    switch (metric) {
        case Metric::f1:
            if (anomalous == 0) return std::nullopt;
            return share(2 * t.true_positive,
                         2 * t.true_positive + t.false_positive + t.false_negative);
        case Metric::precision:
            return share(t.true_positive, t.true_positive + t.false_positive);
        case Metric::recall:
            return share(t.true_positive, anomalous);
        case Metric::false_alarm_rate:
            return share(t.false_positive, t.false_positive + t.true_negative);
        case Metric::missed_alarm_rate:
            return share(t.false_negative, anomalous);
        case Metric::event_recall:
            return share(t.events_found, t.events);
        case Metric::fallback_rate:
            return share(t.fallbacks, t.decisions);
    }
    return std::nullopt;
}

Result<Judged> judge(pipeline::Pipeline& pipeline, const datasets::Content& content,
                     std::size_t block_rows) {
    Judged judged;
    for (const auto& device : content.devices) {
        pipeline.reset();
        auto verdicts = detectors::decide_rows(pipeline, device.recording);
        if (!verdicts) return std::move(verdicts).error().context("device '" + device.device + "'");
        for (std::size_t row = 0; row < device.recording.rows(); ++row) {
            if (row % block_rows == 0) judged.blocks.emplace_back();
            count_row(device, *verdicts, row, judged.blocks.back());
        }
    }
    pipeline.reset();
    for (const Tally& block : judged.blocks) judged.total += block;
    return judged;
}

std::size_t block_rows_of(const pipeline::Spec& spec, std::size_t rows) {
    const auto& window = spec.plan.window;
    const std::size_t length = window.length.by_rows() ? window.length.rows : window.max_rows;
    const std::size_t tied = 2 * (length + std::size_t{spec.smoothing_scores});
    return std::max<std::size_t>(1, std::min(std::max<std::size_t>(tied, 30), rows / blocks_least));
}

std::optional<Loss> loss_of(Metric metric, const Judged& champion, const Judged& challenger,
                            std::size_t draws) {
    const auto loss = [&](const Tally& a, const Tally& b) -> std::optional<double> {
        const auto before = value_of(metric, a), after = value_of(metric, b);
        if (!before || !after) return std::nullopt;
        return more_is_better(metric) ? *before - *after : *after - *before;
    };
    const auto measured = loss(champion.total, challenger.total);
    const std::size_t blocks = champion.blocks.size();
    if (!measured || blocks == 0 || blocks != challenger.blocks.size()) return std::nullopt;
    SeededRandom random(bootstrap_seed);
    std::vector<double> losses;
    losses.reserve(draws);
    for (std::size_t draw = 0; draw < draws; ++draw) {
        Tally a, b;
        for (std::size_t i = 0; i < blocks; ++i) {
            const std::size_t block = random.below(blocks);
            a += champion.blocks[block];
            b += challenger.blocks[block];
        }
        if (const auto drawn = loss(a, b)) losses.push_back(*drawn);
    }
    if (losses.size() < draws / 2) return std::nullopt;
    const auto at =
        static_cast<std::ptrdiff_t>(confidence * static_cast<double>(losses.size() - 1));
    std::nth_element(losses.begin(), losses.begin() + at, losses.end());
    return Loss{*measured, std::max(losses[static_cast<std::size_t>(at)], *measured)};
}

}  // namespace mw::gates
