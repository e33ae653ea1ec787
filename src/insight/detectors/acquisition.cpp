#include "insight/detectors/acquisition.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "insight/detectors/algorithms.h"

namespace mw::detectors {
namespace {

constexpr std::size_t few_labels = 1000;

// Row i of the table as a window, every column with mean 0 and deviation 1.
Windows as_windows(const Table& table) {
    Windows windows;
    windows.width = table.width;
    windows.scaled.assign(table.values.begin(), table.values.end());
    windows.recording.assign(table.rows(), 0);
    for (std::size_t j = 0; j < table.width; ++j) {
        double n = 0, mean = 0, squares = 0;
        for (std::size_t i = 0; i < table.rows(); ++i) {
            const double step = table.row(i)[j] - mean;
            mean += step / ++n;
            squares += step * (table.row(i)[j] - mean);
        }
        const double deviation = std::sqrt(squares / std::max(1.0, n - 1));
        for (std::size_t i = 0; i < table.rows(); ++i) {
            float& value = windows.scaled[i * table.width + j];
            value = static_cast<float>((value - mean) / (deviation > 0 ? deviation : 1));
        }
    }
    return windows;
}

}  // namespace

std::vector<double> standing_out(const Table& table) {
    const Windows windows = as_windows(table);
    std::vector<std::size_t> all(table.rows());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto judge = learn_isolation(windows, all, {});
    std::vector<double> scores(table.rows());
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = judge->distance(windows.at(i));
    return scores;
}

std::vector<double> unsureness(std::span<const double> probabilities) {
    std::vector<double> unsure;
    for (const double p : probabilities) unsure.push_back(1 - 2 * std::abs(p - 0.5));
    return unsure;
}

std::vector<Pick> pick_to_label(std::span<const double> worth, const std::vector<bool>& labelled,
                                std::size_t count, double audit_share, Random& random) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < worth.size(); ++i)
        if (!labelled[i]) open.push_back(i);
    count = std::min(count, open.size());
    // In an order by lot the first ones are the audit; a stable sort leaves ties by lot.
    for (std::size_t i = 0; i + 1 < open.size(); ++i)
        std::swap(open[i], open[i + random.below(open.size() - i)]);
    const auto audits = std::min(
        count, static_cast<std::size_t>(std::lround(audit_share * static_cast<double>(count))));
    std::vector<Pick> picks;
    for (std::size_t i = 0; i < audits; ++i) picks.push_back({open[i], true});
    std::stable_sort(open.begin() + static_cast<std::ptrdiff_t>(audits), open.end(),
                     [&](std::size_t a, std::size_t b) { return worth[a] > worth[b]; });
    for (std::size_t i = audits; i < count; ++i) picks.push_back({open[i], false});
    return picks;
}

BoostOptions boost_options_for(std::size_t labels) {
    BoostOptions options;
    if (labels >= few_labels) return options;
    options.trees = 150;
    options.depth = 4;
    options.child_weight_min = 0.1;
    options.column_share = 0.4;
    return options;
}

}  // namespace mw::detectors
