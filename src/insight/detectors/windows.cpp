#include "insight/detectors/windows.h"

#include <algorithm>
#include <cmath>

namespace mw::detectors {
namespace {

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

Result<std::vector<std::string>> wanted_signals(const std::vector<Recording>& recordings,
                                                const TrainOptions& options) {
    if (recordings.empty()) return bad_training("there are no rows to learn from");
    const auto& signals = options.signals.empty() ? recordings[0].signals : options.signals;
    if (signals.empty()) return bad_training("there are no signals");
    return signals;
}

pipeline::Spec spec_of(const std::vector<SignalLevel>& levels, const TrainOptions& options) {
    pipeline::Spec spec;
    spec.plan.window.length = {options.window_rows, {}};
    spec.plan.window.every = {options.every, {}};
    for (const SignalLevel& level : levels) {
        const auto input = static_cast<std::uint32_t>(spec.inputs.size());
        spec.inputs.push_back({level.signal, level.signal});
        spec.plan.inputs.push_back(level.signal);
        spec.plan.features.push_back({level.signal + ":mean",
                                      input,
                                      features::Statistic::mean,
                                      {},
                                      level.mean,
                                      level.scale});
    }
    spec.smoothing = options.smoothing;
    spec.smoothing_scores =
        options.smoothing == pipeline::Smoothing::none ? 1 : options.smoothing_scores;
    spec.raise_at = 1;
    spec.clear_at = options.clear_ratio;
    return spec;
}

Result<void> collect(const Recording& recording, std::size_t which, Windows& windows) {
    TRY(features::Extractor extractor, features::Extractor::open(windows.spec.plan));
    TRY(RowReader reader, RowReader::open(recording, windows.spec.signals()));
    std::size_t index = 0;
    for (std::size_t row = 0; row < recording.rows(); ++row) {
        const auto frame = extractor.push(reader.at(row));
        if (!frame) continue;
        const std::size_t place = index++;
        if (!frame->lacking.empty()) {
            ++windows.lacking;
            continue;
        }
        if (windows.size() == training_windows_max)
            return bad_training("there are more than " + std::to_string(training_windows_max) +
                                " windows; take a shorter time range or a larger 'every'");
        windows.scaled.insert(windows.scaled.end(), frame->scaled.begin(), frame->scaled.end());
        windows.values.insert(windows.values.end(), frame->values.begin(), frame->values.end());
        windows.recording.push_back(which);
        windows.index.push_back(place);
    }
    return {};
}

}  // namespace

Result<Windows> make_windows(const std::vector<Recording>& recordings,
                             const TrainOptions& options) {
    TRY(const auto signals, wanted_signals(recordings, options));
    Windows windows;
    for (const auto& signal : signals) {
        TRY(SignalLevel level, level_of(signal, recordings));
        windows.levels.push_back(std::move(level));
    }
    windows.spec = spec_of(windows.levels, options);
    windows.width = windows.spec.plan.features.size();
    TRY_VOID(features::check(windows.spec.plan));
    for (std::size_t i = 0; i < recordings.size(); ++i) {
        windows.rows += recordings[i].rows();
        TRY_VOID(collect(recordings[i], i, windows));
    }
    return windows;
}

}  // namespace mw::detectors
