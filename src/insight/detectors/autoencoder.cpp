// A small autoencoder: width, hidden, code, hidden, width with tanh between, fitted by Adam (Kingma
// and Ba 2015) to give back what it gets. Its distance is the RMS of what it doesn't give back.
#include <cmath>

#include "base/random.h"
#include "insight/detectors/algorithms.h"
#include "insight/detectors/covariance.h"

namespace mw::detectors {
namespace {

constexpr std::uint64_t network_seed = 4711;
constexpr Eigen::Index batch_rows = 32;
constexpr int adam_steps = 4000;
constexpr double adam_rate = 3e-3, first_decay = 0.9, second_decay = 0.999;
constexpr double weight_decay = 1e-4;

struct Layer {
    Matrix weights, first, second, gradient;  // the last row is the bias
    bool bent = true;                         // tanh

    Layer(Eigen::Index in, Eigen::Index out, bool tanh, Random& random)
        : weights(Matrix::Zero(in + 1, out)), bent(tanh) {
        const double scale = std::sqrt(1 / static_cast<double>(in));
        for (Eigen::Index i = 0; i < in; ++i)
            for (Eigen::Index j = 0; j < out; ++j) weights(i, j) = scale * random.normal();
        first = second = Matrix::Zero(in + 1, out);
    }

    Matrix forward(const Matrix& x) const {
        Matrix y = x * weights.topRows(weights.rows() - 1);
        y.rowwise() += weights.row(weights.rows() - 1);
        return bent ? Matrix(y.array().tanh()) : y;
    }

    // From the gradient of what it gave to the gradient of what it got.
    Matrix backward(const Matrix& x, const Matrix& y, Matrix d) {
        if (bent) d.array() *= 1 - y.array().square();
        const Eigen::Index in = weights.rows() - 1;
        gradient.resize(weights.rows(), weights.cols());
        gradient.topRows(in) = x.transpose() * d + weight_decay * weights.topRows(in);
        gradient.row(in) = d.colwise().sum();
        return d * weights.topRows(in).transpose();
    }

    void step(int t, double rate) {
        first = first_decay * first + (1 - first_decay) * gradient;
        second = second_decay * second + (1 - second_decay) * gradient.cwiseAbs2();
        const double lift =
            rate * std::sqrt(1 - std::pow(second_decay, t)) / (1 - std::pow(first_decay, t));
        weights.array() -= lift * first.array() / (second.array().sqrt() + 1e-8);
    }
};

class Autoencoder final : public Judge {
 public:
    explicit Autoencoder(const Matrix& rows);

    double distance(std::span<const float> window) const override {
        Matrix x(1, static_cast<Eigen::Index>(window.size()));
        for (std::size_t i = 0; i < window.size(); ++i)
            x(0, static_cast<Eigen::Index>(i)) = window[i];
        Matrix y = x;
        for (const Layer& layer : layers_) y = layer.forward(y);
        return (x - y).norm() / std::sqrt(static_cast<double>(window.size()));
    }

    Bytes graph(double threshold) const override;
    JsonObject facts() const override {
        return {{"hidden", layers_[0].weights.cols()}, {"code", layers_[1].weights.cols()}};
    }

 private:
    std::vector<Layer> layers_;
};

Autoencoder::Autoencoder(const Matrix& rows) {
    SeededRandom random(network_seed);
    const Eigen::Index width = rows.cols();
    const Eigen::Index hidden = std::max<Eigen::Index>(4, width), code = (width + 2) / 3;
    layers_.emplace_back(width, hidden, true, random);
    layers_.emplace_back(hidden, code, true, random);
    layers_.emplace_back(code, hidden, true, random);
    layers_.emplace_back(hidden, width, false, random);
    const Eigen::Index batch = std::min(batch_rows, rows.rows());
    Matrix x(batch, width);
    for (int t = 1; t <= adam_steps; ++t) {
        for (Eigen::Index i = 0; i < batch; ++i)
            x.row(i) = rows.row(
                static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(rows.rows()))));
        std::vector<Matrix> given{x};
        for (const Layer& layer : layers_) given.push_back(layer.forward(given.back()));
        Matrix d = 2 * (given.back() - x) / static_cast<double>(batch);
        for (std::size_t i = layers_.size(); i-- > 0;)
            d = layers_[i].backward(given[i], given[i + 1], std::move(d));
        // The last quarter goes gently to rest.
        const double share = static_cast<double>(t) / adam_steps;
        for (Layer& layer : layers_)
            layer.step(t, adam_rate * (share < 0.75 ? 1 : 4 * (1 - share) + 0.01));
    }
}

Bytes Autoencoder::graph(double threshold) const {
    const std::int64_t width = layers_.back().weights.cols();
    OnnxGraph onnx("autoencoder");
    onnx.input("features", {1, width});
    onnx.output("score", {1});
    std::string at = "features";
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const Matrix& w = layers_[i].weights;
        const std::string n = std::to_string(i);
        onnx.constant("weights" + n, {w.rows() - 1, w.cols()}, floats_of(w.topRows(w.rows() - 1)));
        onnx.constant("bias" + n, {1, w.cols()}, floats_of(w.bottomRows(1)));
        onnx.node("MatMul", {at, "weights" + n}, {"product" + n});
        onnx.node("Add", {"product" + n, "bias" + n}, {"sum" + n});
        if (layers_[i].bent) onnx.node("Tanh", {"sum" + n}, {"bent" + n});
        at = (layers_[i].bent ? "bent" : "sum") + n;
    }
    const float unit[] = {
        static_cast<float>(1 / (threshold * std::sqrt(static_cast<double>(width))))};
    onnx.constant("unit", {1}, unit);
    onnx.node("Sub", {"features", at}, {"difference"});
    onnx.node("Mul", {"difference", "unit"}, {"scaled"});
    add_length(onnx, "scaled");
    return onnx.bytes();
}

}  // namespace

std::unique_ptr<Judge> learn_autoencoder(const Windows& windows, std::span<const std::size_t> which,
                                         const TrainOptions&) {
    Matrix rows(which.size(), windows.width);
    for (std::size_t i = 0; i < which.size(); ++i)
        for (std::size_t j = 0; j < windows.width; ++j)
            rows(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
                windows.at(which[i])[j];
    return std::make_unique<Autoencoder>(rows);
}

}  // namespace mw::detectors
