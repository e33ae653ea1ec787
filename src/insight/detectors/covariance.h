#pragma once
// A covariance that can always be inverted, and the length it gives a vector.

#include <Eigen/Core>

#include "insight/detectors/onnx_graph.h"

namespace mw::detectors {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

struct Shrunk {
    Matrix covariance;
    double shrinkage = 0;  // 0: as measured, 1: a sphere
};
// Drawn towards a sphere as far as the rows are too few to know better (Ledoit and Wolf 2004). Rows
// are centered.
Shrunk ledoit_wolf(const Matrix& rows);

// W with |x W|^2 = x' C^-1 x, a definite sign: the same bytes everywhere.
Matrix whitening(const Matrix& covariance);

std::vector<float> floats_of(const Matrix& matrix);  // row by row

// Nodes that make "score" [1], the length of `vector` [1, n].
void add_length(OnnxGraph& graph, const std::string& vector);

}  // namespace mw::detectors
