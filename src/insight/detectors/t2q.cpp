#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "insight/detectors/algorithms.h"
#include "insight/detectors/onnx_graph.h"
#include "insight/detectors/quantile.h"

namespace mw::detectors {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

struct Subspace {
    Vector mean;
    Matrix axes;           // width x kept, unit columns
    Vector inverse_roots;  // 1 / sqrt(variance) per kept axis
    double t_unit = 1;     // training quantiles, so that both parts weigh the same
    double q_unit = 1;
};

Subspace subspace_of(const Matrix& rows, double kept_variance) {
    Subspace s;
    s.mean = rows.colwise().mean();
    const Matrix centered = rows.rowwise() - s.mean.transpose();
    const Matrix covariance = centered.transpose() * centered / static_cast<double>(rows.rows());
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance);
    const Vector variances = solver.eigenvalues().reverse().cwiseMax(0);
    const Matrix axes = solver.eigenvectors().rowwise().reverse();
    const double total = variances.sum();
    Eigen::Index kept = 0;
    double explained = 0;
    while (kept < variances.size() && explained < kept_variance * total &&
           variances[kept] > 1e-9 * total)
        explained += variances[kept++];
    s.axes = axes.leftCols(kept);
    for (Eigen::Index i = 0; i < kept; ++i) {  // a definite sign: the same bytes everywhere
        Eigen::Index largest = 0;
        s.axes.col(i).cwiseAbs().maxCoeff(&largest);
        if (s.axes(largest, i) < 0) s.axes.col(i) *= -1;
    }
    s.inverse_roots = variances.head(kept).cwiseSqrt().cwiseInverse();
    return s;
}

struct Parts {
    double t = 0, q = 0;
};

Parts parts_of(const Subspace& s, const Vector& row) {
    const Vector x = row - s.mean;
    const Vector t = s.axes.transpose() * x;
    return {t.cwiseProduct(s.inverse_roots).norm(), (x - s.axes * t).norm()};
}

std::vector<float> floats(const Matrix& matrix) {  // row by row
    std::vector<float> out;
    for (Eigen::Index i = 0; i < matrix.rows(); ++i)
        for (Eigen::Index j = 0; j < matrix.cols(); ++j)
            out.push_back(static_cast<float>(matrix(i, j)));
    return out;
}

Bytes graph(const Subspace& s, double threshold) {
    const std::int64_t width = s.mean.size(), kept = s.axes.cols(), axis[] = {1};
    const Matrix whitened = s.axes * (s.inverse_roots / (s.t_unit * threshold)).asDiagonal();
    const Matrix outside =
        (Matrix::Identity(width, width) - s.axes * s.axes.transpose()) / (s.q_unit * threshold);
    OnnxGraph onnx("t2q");
    onnx.input("features", {1, width});
    onnx.output("score", {1});
    onnx.constant("axis", {1}, axis);
    onnx.constant("mean", {1, width}, floats(s.mean.transpose()));
    onnx.constant("outside", {width, width}, floats(outside));
    onnx.node("Sub", {"features", "mean"}, {"centered"});
    onnx.node("MatMul", {"centered", "outside"}, {"residual"});
    onnx.node("Mul", {"residual", "residual"}, {"residual_square"});
    onnx.node("ReduceSum", {"residual_square", "axis"}, {"q"}, {{"keepdims", 0}});
    if (kept == 0) {
        onnx.node("Sqrt", {"q"}, {"score"});
        return onnx.bytes();
    }
    onnx.constant("whitened_axes", {width, kept}, floats(whitened));
    onnx.node("MatMul", {"centered", "whitened_axes"}, {"inside"});
    onnx.node("Mul", {"inside", "inside"}, {"inside_square"});
    onnx.node("ReduceSum", {"inside_square", "axis"}, {"t2"}, {{"keepdims", 0}});
    onnx.node("Max", {"t2", "q"}, {"larger"});
    onnx.node("Sqrt", {"larger"}, {"score"});
    return onnx.bytes();
}

}  // namespace

Fitted fit_t2q(const Windows& windows, const TrainOptions& options) {
    Matrix rows(windows.size(), windows.width);
    for (std::size_t i = 0; i < windows.size(); ++i)
        for (std::size_t j = 0; j < windows.width; ++j)
            rows(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = windows.at(i)[j];
    Subspace s = subspace_of(rows, options.kept_variance);
    std::vector<double> t, q;
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        const Parts parts = parts_of(s, rows.row(i).transpose());
        t.push_back(parts.t);
        q.push_back(parts.q);
    }
    // A part that training never used must not divide by nothing: then one deviation is its unit.
    const auto unit = [&](const std::vector<double>& part) {
        const double at = quantile_of(part, options.quantile);
        return at > 1e-6 ? at : 1.0;
    };
    s.t_unit = unit(t);
    s.q_unit = unit(q);
    Fitted fitted;
    for (std::size_t i = 0; i < t.size(); ++i)
        fitted.distances.push_back(std::max(t[i] / s.t_unit, q[i] / s.q_unit));
    fitted.facts = {{"components", s.axes.cols()}, {"kept_variance", options.kept_variance}};
    fitted.graph = [s](double threshold) { return graph(s, threshold); };
    return fitted;
}

}  // namespace mw::detectors
