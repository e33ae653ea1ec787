#pragma once
// Random models of every family that the native engine takes, for the tests of parity.

#include <random>

#include "insight/native/test_graph.h"

namespace mw::native {

struct RandomModel {
    std::string family;
    Bytes onnx;
    std::size_t features = 0;
    std::string output;
    std::vector<std::pair<std::size_t, float>> edges;  // a feature and what it is compared with
};

using Rng = std::mt19937_64;

RandomModel random_dense(Rng& rng);
RandomModel random_regressor(Rng& rng);
RandomModel random_classifier(Rng& rng);
RandomModel random_isolation_forest(Rng& rng);
RandomModel random_recurrent(Rng& rng);
RandomModel random_convolution(Rng& rng);
RandomModel random_model(Rng& rng);  // of any family

// A row for it: numbers, and sometimes edges, their neighbours, infinities and NaN.
std::vector<float> random_row(const RandomModel& model, Rng& rng);

}  // namespace mw::native
