#include "insight/detectors/train.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "insight/detectors/algorithms.h"
#include "insight/detectors/quantile.h"
#include "insight/detectors/supervised.h"
#include "insight/detectors/windows.h"

namespace mw::detectors {
namespace {

struct AlgorithmRow {
    Algorithm algorithm;
    std::string_view name;
    std::string_view what;
    std::uint32_t window_rows;
    std::uint32_t smoothing_scores;
    double quantile, factor;
    std::uint32_t raise_after;
    Learn learn;  // crosswise
};

const AlgorithmRow algorithm_rows[] = {
    {Algorithm::t2q,
     "t2q",
     "Hotelling's T2 and residual of a principal component model",
     5,
     45,
     0.99,
     1.6,
     1,
     {}},
    {Algorithm::knn,
     "knn",
     "mean distance to the nearest training windows",
     5,
     45,
     0.99,
     2.25,
     1,
     {}},
    {Algorithm::t2, "t2", "Hotelling's T2 over all features, shrunk covariance", 5, 1, 0.99, 1, 3,
     learn_t2},
    {Algorithm::mewma, "mewma", "Hotelling's T2 of exponentially weighted means", 30, 1, 0.99, 1, 3,
     learn_t2},
    {Algorithm::adaptive,
     "adaptive",
     "largest distance of a feature from its own slow level, which is frozen while alarmed",
     10,
     1,
     0.999,
     2,
     3,
     {}},
    {Algorithm::operating, "operating",
     "T2 of what the operating signals don't explain in the others", 5, 1, 0.99, 1, 3,
     learn_operating},
    {Algorithm::isolation, "iforest", "isolation forest", 5, 15, 0.99, 1, 3, learn_isolation},
    {Algorithm::half_spaces, "halfspace", "half-space trees", 5, 15, 0.99, 1.5, 3,
     learn_half_spaces},
    {Algorithm::autoencoder, "autoencoder", "what a small network doesn't give back", 5, 15, 0.99,
     1.5, 3, learn_autoencoder},
    {Algorithm::boosted, "boosted", "gradient boosted trees", 1, 1, 0.99, 1.5, 1, {}},
    {Algorithm::ridge, "ridge", "linear regression, its residual", 5, 15, 0.99, 1.5, 3, {}},
};

const AlgorithmRow& row_of(Algorithm algorithm) {
    return algorithm_rows[static_cast<std::size_t>(algorithm)];
}

Fitted fit(const Windows& windows, const TrainOptions& options) {
    if (options.algorithm == Algorithm::knn) return fit_knn(windows, options);
    if (options.algorithm == Algorithm::t2q) return fit_t2q(windows, options);
    if (options.algorithm == Algorithm::adaptive) return fit_adaptive(windows, options);
    return fit_crosswise(windows, options, row_of(options.algorithm).learn);
}

Result<void> check(const TrainOptions& o) {
    if (o.every == 0) return bad_training("every must be at least 1");
    if (o.neighbours == 0 || o.neighbours > 100) return bad_training("neighbours must be 1 to 100");
    if (!(o.kept_variance > 0) || o.kept_variance > 1)
        return bad_training("kept_variance must be above 0 and at most 1");
    if (!(o.quantile > 0) || o.quantile > 1)
        return bad_training("quantile must be above 0 and at most 1");
    if (!(o.factor >= 0) || !std::isfinite(o.factor)) return bad_training("factor must be above 0");
    if (!(o.clear_ratio > 0) || o.clear_ratio > 1)
        return bad_training("clear_ratio must be above 0 and at most 1");
    if (!(o.baseline_rate > 0) || o.baseline_rate > 1)
        return bad_training("baseline_rate must be above 0 and at most 1");
    if (o.smoothing_scores == 0 || o.smoothing_scores > pipeline::smoothing_scores_max)
        return bad_training("smoothing_scores must be 1 to 4096");
    if (o.stored_windows_max < 10 || o.stored_windows_max > 100'000)
        return bad_training("stored_windows_max must be 10 to 100000");
    return {};
}

double smooth(std::vector<double> scores, pipeline::Smoothing smoothing) {
    if (smoothing == pipeline::Smoothing::median) return quantile_of(std::move(scores), 0.5);
    double sum = 0;
    for (const double score : scores) sum += score;
    return sum / static_cast<double>(scores.size());
}

// The training scores as the pipeline would smooth them. Those before the smoothing window is full
// vary more; they count only where a recording is shorter than it.
std::vector<double> smoothed(const Windows& windows, const std::vector<double>& distances) {
    const pipeline::Spec& spec = windows.spec;
    if (spec.smoothing == pipeline::Smoothing::none) return distances;
    std::vector<double> out;
    for (std::size_t begin = 0, end = 0; begin < distances.size(); begin = end) {
        while (end < distances.size() && windows.recording[end] == windows.recording[begin]) ++end;
        const std::size_t span = std::min<std::size_t>(spec.smoothing_scores, end - begin);
        for (std::size_t last = begin + span; last <= end; ++last)
            out.push_back(smooth({distances.begin() + static_cast<std::ptrdiff_t>(last - span),
                                  distances.begin() + static_cast<std::ptrdiff_t>(last)},
                                 spec.smoothing));
    }
    return out;
}

pipeline::Reference reference_of(const Windows& windows, std::vector<double> scores,
                                 double threshold) {
    pipeline::Reference reference;
    for (std::size_t i = 0; i < windows.width; ++i) {
        std::vector<double> column;
        for (std::size_t w = 0; w < windows.size(); ++w)
            column.push_back(windows.values[w * windows.width + i]);
        reference.features.push_back(
            pipeline::distribution_of(windows.spec.plan.features[i].name, column));
    }
    for (double& score : scores) score /= threshold;
    reference.score = pipeline::distribution_of("score", scores);
    return reference;
}

Json summary_of(const Windows& windows, const TrainOptions& options, const Fitted& fitted,
                double threshold) {
    JsonArray signals, warnings;
    for (const SignalLevel& level : windows.levels) {
        signals.push_back(
            JsonObject{{"signal", level.signal}, {"mean", level.mean}, {"sd", level.deviation}});
        if (level.constant)
            warnings.emplace_back("signal '" + level.signal + "' never changed in training");
    }
    if (windows.lacking > 0)
        warnings.emplace_back(std::to_string(windows.lacking) +
                              " windows were left out because of bad or missing values");
    if (windows.size() < 200)
        warnings.emplace_back("only " + std::to_string(windows.size()) +
                              " windows: expect false alarms in states not seen");
    JsonObject summary{{"algorithm", to_string(options.algorithm)},
                       {"rows", windows.rows},
                       {"windows", windows.size()},
                       {"window_rows", options.window_rows},
                       {"smoothing_scores", windows.spec.smoothing_scores},
                       {"quantile", options.quantile},
                       {"factor", options.factor},
                       {"raise_after", options.raise_after},
                       {"threshold", threshold},
                       {"trained_on", options.trained_on},
                       {"signals", std::move(signals)},
                       {"warnings", std::move(warnings)}};
    for (const auto& [key, value] : fitted.facts) summary[key] = value;
    return summary;
}

std::string number(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

std::string card_of(const Windows& windows, const TrainOptions& options, const Json& summary) {
    std::string card = "# Model card\n\nAnomaly detector `" +
                       std::string(to_string(options.algorithm)) +
                       "`: " + std::string(row_of(options.algorithm).what) +
                       ".\nScore 1 is the alarm threshold; it has no probability.\n\n## Training\n";
    if (!options.trained_on.empty()) card += "- data: " + options.trained_on + "\n";
    card += "- rows: " + std::to_string(windows.rows) + ", windows of " +
            std::to_string(options.window_rows) + " rows: " + std::to_string(windows.size()) + "\n";
    card += "- threshold: " + number(options.factor) + " x quantile " + number(options.quantile) +
            " of the smoothed training scores, by windows that were not learnt from\n- an alarm "
            "needs " +
            std::to_string(options.raise_after) +
            " scores in a row\n\n## Signals\n\n| signal | mean | deviation |\n"
            "|---|---|---|\n";
    for (const SignalLevel& level : windows.levels)
        card += "| " + level.signal + " | " + number(level.mean) + " | " + number(level.deviation) +
                " |\n";
    card +=
        "\n## Limits\n- It knows only the states in its training rows; a new but healthy "
        "operating point raises it too.\n- It says that something changed, not what.\n";
    if (windows.spec.baseline.rate > 0)
        card +=
            "- A fault that is there when its first rows come is part of its level; so is one that "
            "grows more slowly than the level follows.\n";
    for (const Json& warning : summary.at("warnings").get_array())
        card += "- " + std::string(warning.get_string()) + "\n";
    return card;
}

}  // namespace

Result<Algorithm> parse_algorithm(std::string_view text) {
    for (const AlgorithmRow& row : algorithm_rows)
        if (row.name == text) return row.algorithm;
    return bad_training("'" + std::string(text) + "' is no algorithm; known are " +
                        known_algorithms());
}

std::string_view to_string(Algorithm algorithm) { return row_of(algorithm).name; }

bool is_supervised(Algorithm algorithm) {
    return algorithm == Algorithm::boosted || algorithm == Algorithm::ridge;
}

std::string known_algorithms() {
    std::string known;
    for (const AlgorithmRow& row : algorithm_rows)
        known += (known.empty() ? "" : ", ") + std::string(row.name);
    return known;
}

TrainOptions defaults_of(TrainOptions options) {
    const AlgorithmRow& row = row_of(options.algorithm);
    if (options.window_rows == 0) options.window_rows = row.window_rows;
    if (options.smoothing_scores == 0) options.smoothing_scores = row.smoothing_scores;
    if (options.quantile == 0) options.quantile = row.quantile;
    if (options.factor == 0) options.factor = row.factor;
    if (options.raise_after == 0) options.raise_after = row.raise_after;
    return options;
}

Result<Trained> train(const std::vector<Recording>& recordings, const TrainOptions& given,
                      inference::Engine& engine) {
    const TrainOptions options = defaults_of(given);
    TRY_VOID(check(options));
    if (is_supervised(options.algorithm)) return train_supervised(recordings, options, engine);
    TRY(Windows windows, make_windows(recordings, options));
    const std::size_t least = 2 * (options.neighbours + windows.width);
    if (windows.size() < least)
        return bad_training("only " + std::to_string(windows.size()) +
                            " usable windows, want at least " + std::to_string(least) +
                            "; take a longer time range");
    const Fitted fitted = fit(windows, options);
    const std::vector<double> scores = smoothed(windows, fitted.distances);
    const bool crosswise = options.algorithm > Algorithm::knn;
    const double level =
        crosswise ? conformal_of(scores, options.quantile) : quantile_of(scores, options.quantile);
    const double threshold = options.factor * (level > 1e-6 ? level : 1.0);
    windows.spec.model_input = "features";
    windows.spec.model_output = "score";
    Json summary = summary_of(windows, options, fitted, threshold);
    pipeline::BundleParts parts{fitted.graph(threshold), to_yaml(windows.spec),
                                card_of(windows, options, summary),
                                to_text(reference_of(windows, scores, threshold))};
    TRY(Bytes bundle, pipeline::make_bundle(std::move(parts), engine));
    std::string id = pipeline::bundle_id(bundle);
    return Trained{std::move(bundle), std::move(id), std::move(summary)};
}

}  // namespace mw::detectors
