#include "insight/detectors/windows.h"

#include <algorithm>
#include <cmath>

namespace mw::detectors {
namespace {

// Windows at the start of a run, over which its level is still being found.
constexpr std::size_t settling_windows = 30;

}  // namespace

// Mean and deviation over all usable values (Welford 1962).
Result<SignalLevel> level_of(const std::string& signal, const std::vector<Recording>& recordings) {
    SignalLevel level{.signal = signal};
    double n = 0, squares = 0;
    for (const Recording& recording : recordings) {
        TRY(RowReader reader, RowReader::open(recording, {signal}));
        for (std::size_t i = 0; i < recording.rows(); ++i) {
            const features::Row row = reader.at(i);
            const bool usable = row.quality.empty() || !row.quality[0].is_bad();
            if (!usable || !std::isfinite(row.values[0])) continue;
            const double step = row.values[0] - level.mean;
            level.mean += step / ++n;
            squares += step * (row.values[0] - level.mean);
        }
    }
    if (n < 2) return bad_training("signal '" + signal + "' has no usable values");
    level.deviation = std::sqrt(squares / (n - 1));
    level.constant = level.deviation <= 1e-9 * std::abs(level.mean);
    // A signal that never moved in training: a change of a tenth of a percent counts as one unit.
    level.scale = level.constant ? std::max(1e-3 * std::abs(level.mean), 1e-6) : level.deviation;
    return level;
}

namespace {

Result<std::vector<std::string>> wanted_signals(const std::vector<Recording>& recordings,
                                                const TrainOptions& options) {
    if (recordings.empty()) return bad_training("there are no rows to learn from");
    auto signals = options.signals.empty() ? recordings[0].signals : options.signals;
    if (signals.empty()) return bad_training("there are no signals");
    if (options.algorithm != Algorithm::operating) return signals;
    // Those that set the operating point come last.
    if (options.operating.empty())
        return bad_training("operating: name the signals that set the operating point");
    for (const auto& each : options.operating)
        signals.erase(std::remove(signals.begin(), signals.end(), each), signals.end());
    if (signals.empty()) return bad_training("operating: no signal is left to be watched");
    signals.insert(signals.end(), options.operating.begin(), options.operating.end());
    return signals;
}

pipeline::Spec spec_of(const std::vector<SignalLevel>& levels, const TrainOptions& options) {
    pipeline::Spec spec;
    spec.plan.window.length = {options.window_rows, {}};
    spec.plan.window.every = {options.every, {}};
    for (const SignalLevel& level : levels) {
        const auto input = static_cast<std::uint32_t>(spec.inputs.size());
        spec.inputs.push_back(pipeline::input_of(level.signal));
        spec.plan.inputs.push_back(level.signal);
        const bool weighted = options.algorithm == Algorithm::mewma;
        features::Feature feature{level.signal + (weighted ? ":ewma" : ":mean"),
                                  input,
                                  weighted ? features::Statistic::ewma : features::Statistic::mean,
                                  {},
                                  level.mean,
                                  level.scale};
        if (weighted) feature.detail.weight = options.ewma_weight;
        spec.plan.features.push_back(std::move(feature));
    }
    const bool smooth = options.smoothing_scores > 1;
    spec.smoothing = smooth ? options.smoothing : pipeline::Smoothing::none;
    spec.smoothing_scores =
        spec.smoothing == pipeline::Smoothing::none ? 1 : options.smoothing_scores;
    spec.raise_after = options.raise_after;
    if (options.algorithm == Algorithm::adaptive) spec.baseline.rate = options.baseline_rate;
    spec.raise_at = 1;
    spec.clear_at = options.clear_ratio;
    return spec;
}

Result<void> collect(const Recording& recording, std::size_t which, Windows& windows) {
    TRY(features::Extractor extractor, features::Extractor::open(windows.spec.plan));
    TRY(RowReader reader, RowReader::open(recording, windows.spec.signals()));
    features::Resampler grid(windows.spec.inputs.size(), windows.spec.resample);
    std::size_t index = 0;
    const auto take = [&](const features::Row& given, std::size_t row) -> Result<void> {
        const auto frame = extractor.push(given);
        if (!frame) return {};
        const std::size_t place = index++;
        if (!frame->lacking.empty()) {
            ++windows.lacking;
            return {};
        }
        if (windows.size() == training_windows_max)
            return bad_training("there are more than " + std::to_string(training_windows_max) +
                                " windows; take a shorter time range or a larger 'every'");
        windows.scaled.insert(windows.scaled.end(), frame->scaled.begin(), frame->scaled.end());
        windows.values.insert(windows.values.end(), frame->values.begin(), frame->values.end());
        windows.row.push_back(row);
        windows.recording.push_back(which);
        windows.index.push_back(place);
        return {};
    };
    for (std::size_t row = 0; row < recording.rows(); ++row) {
        grid.add(reader.at(row));
        while (const auto given = grid.next()) TRY_VOID(take(*given, row));
    }
    return {};
}

// What the model will see: features above their slow level, found by the pipeline's own code; and
// their usual size becomes the unit.
void take_levels(Windows& windows) {
    pipeline::SlowLevel level(windows.spec.baseline, windows.width);
    const Windows all = windows;
    windows.scaled.clear(), windows.values.clear(), windows.row.clear();
    windows.recording.clear(), windows.index.clear();
    std::vector<double> squares(windows.width);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == 0 || all.recording[i] != all.recording[i - 1]) level.reset();
        const auto left = level.subtract(all.at(i));
        level.settle(false);
        if (all.index[i] < settling_windows) continue;
        windows.scaled.insert(windows.scaled.end(), left.begin(), left.end());
        const auto begin = all.values.begin() + static_cast<std::ptrdiff_t>(i * all.width);
        windows.values.insert(windows.values.end(), begin,
                              begin + static_cast<std::ptrdiff_t>(all.width));
        windows.row.push_back(all.row[i]);
        windows.recording.push_back(all.recording[i]);
        windows.index.push_back(all.index[i]);
        for (std::size_t j = 0; j < windows.width; ++j) squares[j] += double{left[j]} * left[j];
    }
    for (std::size_t j = 0; j < windows.width; ++j) {
        const double size =
            std::sqrt(squares[j] / static_cast<double>(std::max<std::size_t>(windows.size(), 1)));
        const double unit = size > 1e-6 ? size : 1;
        windows.spec.plan.features[j].scale *= unit;
        for (std::size_t i = 0; i < windows.size(); ++i)
            windows.scaled[i * windows.width + j] =
                static_cast<float>(windows.scaled[i * windows.width + j] / unit);
    }
}

}  // namespace

Result<void> collect_windows(const std::vector<Recording>& recordings, Windows& windows) {
    windows.width = windows.spec.plan.features.size();
    TRY_VOID(features::check(windows.spec.plan));
    for (std::size_t i = 0; i < recordings.size(); ++i) {
        windows.rows += recordings[i].rows();
        TRY_VOID(collect(recordings[i], i, windows));
    }
    return {};
}

Result<Windows> make_windows(const std::vector<Recording>& recordings,
                             const TrainOptions& options) {
    TRY(const auto signals, wanted_signals(recordings, options));
    Windows windows;
    for (const auto& signal : signals) {
        TRY(SignalLevel level, level_of(signal, recordings));
        windows.levels.push_back(std::move(level));
    }
    windows.spec = spec_of(windows.levels, options);
    TRY_VOID(collect_windows(recordings, windows));
    if (windows.spec.baseline.rate > 0) take_levels(windows);
    return windows;
}

}  // namespace mw::detectors
