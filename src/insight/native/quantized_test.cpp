// Models of 8-bit integers, as quantizers write them, are ONNX Runtime's: with its numbers.
#include <gtest/gtest.h>

#include "insight/native/native.h"
#include "insight/native/test_graph.h"

namespace mw::native {
namespace {

using Floats = std::vector<float>;
using Signed = std::vector<std::int8_t>;
using Unsigned = std::vector<std::uint8_t>;

GraphWriter quantized_input() {
    GraphWriter graph;
    graph.input("x", {1, 3});
    graph.constant("x_scale", {}, Floats{0.5F});
    graph.constant("x_zero", {}, Unsigned{128});
    graph.node("QuantizeLinear", {"x", "x_scale", "x_zero"}, {"xq"});
    graph.constant("w", {3, 2}, Signed{1, -2, 3, 4, -5, 6});
    graph.constant("w_scale", {}, Floats{0.25F});
    graph.constant("w_zero", {}, Signed{0});
    return graph;
}

// Numbers become integers and back, and the layer between works with floats.
Bytes with_pairs_of_nodes() {
    GraphWriter graph = quantized_input();
    graph.node("DequantizeLinear", {"xq", "x_scale", "x_zero"}, {"xd"});
    graph.node("DequantizeLinear", {"w", "w_scale", "w_zero"}, {"wd"});
    graph.node("MatMul", {"xd", "wd"}, {"y"});
    graph.output("y", {1, 2});
    return graph.model();
}

// The layer itself works with integers.
Bytes with_integer_operators() {
    GraphWriter graph = quantized_input();
    graph.constant("y_scale", {}, Floats{0.125F});
    graph.constant("y_zero", {}, Unsigned{128});
    graph.node("QLinearMatMul",
               {"xq", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"}, {"yq"});
    graph.node("DequantizeLinear", {"yq", "y_scale", "y_zero"}, {"y"});
    graph.output("y", {1, 2});
    return graph.model();
}

TEST(Quantized, a_model_of_integers_is_run_by_onnx_runtime_which_says_why) {
    const auto engine = open_engine().value();
    const auto runtime = inference::open_onnx_runtime().value();
    for (const Bytes& onnx : {with_pairs_of_nodes(), with_integer_operators()}) {
        auto model = engine->load(onnx, {.features = 3});
        ASSERT_TRUE(model.ok()) << model.error().message;
        EXPECT_TRUE((*model)->engine().starts_with("onnxruntime")) << (*model)->engine();
        EXPECT_NE((*model)->remark().find("not native: operator QuantizeLinear"), std::string::npos)
            << (*model)->remark();
        auto alone = runtime->load(onnx, {.features = 3}).value();
        for (const Floats& x :
             {Floats{1, 2, 3}, Floats{-1.2F, 0.3F, 0.7F}, Floats{1e6F, 0, -1e6F}}) {
            Floats got(2), want(2);
            ASSERT_TRUE((*model)->run(x, got).ok());
            ASSERT_TRUE(alone->run(x, want).ok());
            EXPECT_EQ(got, want);
        }
        Floats y(2);
        ASSERT_TRUE((*model)->run(Floats{1, 2.1F, 3}, y).ok());  // 2.1 is 2 in steps of 0.5
        EXPECT_EQ(y, (Floats{-2, 6}));
    }
}

}  // namespace
}  // namespace mw::native
