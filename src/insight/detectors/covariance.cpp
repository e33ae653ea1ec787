#include "insight/detectors/covariance.h"

#include <Eigen/Eigenvalues>
#include <algorithm>

namespace mw::detectors {

Shrunk ledoit_wolf(const Matrix& rows) {
    const auto n = static_cast<double>(rows.rows());
    const auto p = static_cast<double>(rows.cols());
    const Matrix measured = rows.transpose() * rows / n;
    const double level = measured.trace() / p;
    const Matrix sphere = level * Matrix::Identity(rows.cols(), rows.cols());
    const double distance = (measured - sphere).squaredNorm() / p;
    const Matrix squares = rows.cwiseAbs2();
    const double noise = ((squares.transpose() * squares / n - measured.cwiseAbs2()).sum() / n) / p;
    Shrunk shrunk;
    shrunk.shrinkage = distance > 0 ? std::clamp(noise / distance, 0.0, 1.0) : 1;
    shrunk.covariance = shrunk.shrinkage * sphere + (1 - shrunk.shrinkage) * measured;
    return shrunk;
}

Matrix whitening(const Matrix& covariance) {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance);
    const Vector variances = solver.eigenvalues();
    const double least = std::max(1e-9 * variances.maxCoeff(), 1e-12);
    Matrix axes = solver.eigenvectors();
    for (Eigen::Index i = 0; i < axes.cols(); ++i) {
        Eigen::Index largest = 0;
        axes.col(i).cwiseAbs().maxCoeff(&largest);
        if (axes(largest, i) < 0) axes.col(i) *= -1;
    }
    return axes * variances.cwiseMax(least).cwiseSqrt().cwiseInverse().asDiagonal();
}

std::vector<float> floats_of(const Matrix& matrix) {
    std::vector<float> out;
    for (Eigen::Index i = 0; i < matrix.rows(); ++i)
        for (Eigen::Index j = 0; j < matrix.cols(); ++j)
            out.push_back(static_cast<float>(matrix(i, j)));
    return out;
}

void add_length(OnnxGraph& graph, const std::string& vector) {
    const std::int64_t axis[] = {1};
    graph.constant("length_axis", {1}, axis);
    graph.node("Mul", {vector, vector}, {"square"});
    graph.node("ReduceSum", {"square", "length_axis"}, {"sum_of_squares"}, {{"keepdims", 0}});
    graph.node("Sqrt", {"sum_of_squares"}, {"score"});
}

}  // namespace mw::detectors
