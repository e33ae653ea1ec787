#pragma once
// A model in plain C++ for tests of the pipeline: its score is the sum of the features.

#include <cmath>
#include <numeric>

#include "insight/inference/inference.h"

namespace mw::pipeline {

class SumModel final : public inference::Model {
 public:
    explicit SumModel(std::size_t features, float factor = 1)
        : factor_(factor), shape_{"x", {1, static_cast<std::int64_t>(features)}} {}

    const inference::TensorShape& input() const override { return shape_; }
    const inference::TensorShape& output() const override { return out_shape_; }
    std::size_t input_size() const override { return static_cast<std::size_t>(shape_.dims[1]); }
    std::size_t output_size() const override { return 1; }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        out[0] = factor_ * std::accumulate(in.begin(), in.end(), 0.0F);
        if (out[0] > 1e6F) return Error{Errc::invalid_input, "too large"};
        return {};
    }

 private:
    float factor_;
    inference::TensorShape shape_;
    inference::TensorShape out_shape_{"y", {1}};
};

// Takes "SUM:factor" for a model file.
class SumEngine final : public inference::Engine {
 public:
    std::string name() const override { return "sum"; }
    Result<std::unique_ptr<inference::Model>> load(ByteView onnx,
                                                   const inference::Binding& binding) override {
        const auto text = text_of(onnx);
        if (!text.starts_with("SUM:")) return Error{Errc::invalid_input, "not a sum model"};
        const float factor = std::strtof(std::string(text.substr(4)).c_str(), nullptr);
        return std::unique_ptr<inference::Model>(
            std::make_unique<SumModel>(binding.features, factor));
    }
};

}  // namespace mw::pipeline
