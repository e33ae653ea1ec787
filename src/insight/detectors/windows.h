#pragma once
// Windows: the training set as the model will see it, made by the edge's own feature code.

#include <string>
#include <vector>

#include "insight/detectors/recording.h"
#include "insight/detectors/train.h"

namespace mw::detectors {

inline Error bad_training(std::string message) {
    return Error{Errc::invalid_input, "train: " + std::move(message)};
}

struct SignalLevel {
    std::string signal;
    double mean = 0;
    double deviation = 0;
    double scale = 1;  // the deviation, or what stands in for it where the signal never moved
    bool constant = false;
};

struct Windows {
    pipeline::Spec spec;  // inputs, window, features with their scaling; no model part yet
    std::vector<SignalLevel> levels;
    std::size_t rows = 0;     // training rows
    std::size_t lacking = 0;  // windows that were left out for bad inputs
    std::size_t width = 0;
    std::vector<float> scaled;           // window by window
    std::vector<double> values;          // the same in the signals' units
    std::vector<std::size_t> recording;  // per window, whose it is
    std::vector<std::size_t> index;      // per window, its place in that recording
    std::vector<std::size_t> row;        // per window, the row that ended it

    std::size_t size() const { return recording.size(); }
    std::span<const float> at(std::size_t window) const {
        return std::span(scaled).subspan(window * width, width);
    }
};

Result<Windows> make_windows(const std::vector<Recording>& recordings, const TrainOptions& options);

// The parts of it, for trainers with features of their own.
Result<SignalLevel> level_of(const std::string& signal, const std::vector<Recording>& recordings);
Result<void> collect_windows(const std::vector<Recording>& recordings, Windows& windows);

}  // namespace mw::detectors
