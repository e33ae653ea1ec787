// Hotelling's T2 over all features with a shrunk covariance; `mewma` is the same over exponentially
// weighted means (Lowry 1992). And the residual of operating points: what the monitored signals do
// that the operating point doesn't explain.
#include <Eigen/Cholesky>

#include "insight/detectors/algorithms.h"
#include "insight/detectors/covariance.h"

namespace mw::detectors {
namespace {

constexpr double operating_ridge = 1e-3;  // per row, in units of the scaled features

Matrix rows_of(const Windows& windows, std::span<const std::size_t> which) {
    Matrix rows(which.size(), windows.width);
    for (std::size_t i = 0; i < which.size(); ++i)
        for (std::size_t j = 0; j < windows.width; ++j)
            rows(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
                windows.at(which[i])[j];
    return rows;
}

Vector vector_of(std::span<const float> window) {
    return Eigen::Map<const Eigen::VectorXf>(window.data(),
                                             static_cast<Eigen::Index>(window.size()))
        .cast<double>();
}

class T2 final : public Judge {
 public:
    explicit T2(const Matrix& rows) : mean_(rows.colwise().mean()) {
        const Shrunk shrunk = ledoit_wolf(rows.rowwise() - mean_.transpose());
        shrinkage_ = shrunk.shrinkage;
        whitening_ = whitening(shrunk.covariance);
    }

    double distance(std::span<const float> window) const override {
        return (whitening_.transpose() * (vector_of(window) - mean_)).norm();
    }

    Bytes graph(double threshold) const override {
        const std::int64_t width = mean_.size();
        OnnxGraph onnx("t2");
        onnx.input("features", {1, width});
        onnx.output("score", {1});
        onnx.constant("mean", {1, width}, floats_of(mean_.transpose()));
        onnx.constant("whitening", {width, width}, floats_of(whitening_ / threshold));
        onnx.node("Sub", {"features", "mean"}, {"centered"});
        onnx.node("MatMul", {"centered", "whitening"}, {"whitened"});
        add_length(onnx, "whitened");
        return onnx.bytes();
    }

    JsonObject facts() const override { return {{"shrinkage", shrinkage_}}; }

 private:
    Vector mean_;
    Matrix whitening_;
    double shrinkage_ = 0;
};

// [1, o, o^2] of the operating features, the last ones of a window.
Matrix design_of(const Matrix& rows, Eigen::Index operating) {
    const Matrix o = rows.rightCols(operating);
    Matrix design(rows.rows(), 1 + 2 * operating);
    design << Matrix::Ones(rows.rows(), 1), o, o.cwiseAbs2();
    return design;
}

class OperatingResidual final : public Judge {
 public:
    OperatingResidual(const Matrix& rows, Eigen::Index operating) : operating_(operating) {
        const Matrix design = design_of(rows, operating);
        Matrix normal = design.transpose() * design;
        normal.diagonal().tail(2 * operating).array() +=
            operating_ridge * static_cast<double>(rows.rows());
        const Matrix monitored = rows.leftCols(rows.cols() - operating);
        weights_ = normal.ldlt().solve(design.transpose() * monitored);
        const Matrix left = monitored - design * weights_;
        whitening_ = whitening(ledoit_wolf(left).covariance);
        explained_ =
            1 -
            left.squaredNorm() /
                std::max(1e-12, (monitored.rowwise() - monitored.colwise().mean()).squaredNorm());
    }

    double distance(std::span<const float> window) const override {
        const Matrix row = vector_of(window).transpose();
        const Matrix left =
            row.leftCols(row.cols() - operating_) - design_of(row, operating_) * weights_;
        return (left * whitening_).norm();
    }

    Bytes graph(double threshold) const override {
        const std::int64_t monitored = weights_.cols(), width = monitored + operating_;
        // All of it linear in [features, features^2]: whitened = x A + x^2 B - c.
        Matrix of_x = Matrix::Zero(width, monitored), of_square = of_x;
        of_x.topRows(monitored).setIdentity();
        of_x.bottomRows(operating_) = -weights_.middleRows(1, operating_);
        of_square.bottomRows(operating_) = -weights_.bottomRows(operating_);
        const Matrix w = whitening_ / threshold;
        OnnxGraph onnx("operating");
        onnx.input("features", {1, width});
        onnx.output("score", {1});
        onnx.constant("of_features", {width, monitored}, floats_of(of_x * w));
        onnx.constant("of_squares", {width, monitored}, floats_of(of_square * w));
        onnx.constant("offset", {1, monitored}, floats_of(weights_.topRows(1) * w));
        onnx.node("Mul", {"features", "features"}, {"squares"});
        onnx.node("MatMul", {"features", "of_features"}, {"linear"});
        onnx.node("MatMul", {"squares", "of_squares"}, {"curved"});
        onnx.node("Add", {"linear", "curved"}, {"both"});
        onnx.node("Sub", {"both", "offset"}, {"whitened"});
        add_length(onnx, "whitened");
        return onnx.bytes();
    }

    JsonObject facts() const override {
        return {{"operating_signals", operating_}, {"explained_variance", explained_}};
    }

 private:
    Eigen::Index operating_;
    Matrix weights_;  // of [1, o, o^2] for each monitored feature
    Matrix whitening_;
    double explained_ = 0;
};

}  // namespace

std::unique_ptr<Judge> learn_t2(const Windows& windows, std::span<const std::size_t> which,
                                const TrainOptions&) {
    return std::make_unique<T2>(rows_of(windows, which));
}

std::unique_ptr<Judge> learn_operating(const Windows& windows, std::span<const std::size_t> which,
                                       const TrainOptions& options) {
    return std::make_unique<OperatingResidual>(rows_of(windows, which),
                                               static_cast<Eigen::Index>(options.operating.size()));
}

}  // namespace mw::detectors
