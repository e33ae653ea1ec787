#include "insight/native/native.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include "insight/native/graph.h"
#include "insight/native/random_models.h"

namespace {
std::size_t allocations = 0;
}

// Counted for the whole program, looked at around a run.
void* operator new(std::size_t size) {
    ++allocations;
    if (void* at = std::malloc(size ? size : 1)) return at;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size ? size : 1);
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }

namespace mw::native {
namespace {

using W = GraphWriter;
using Dims = W::Dims;
constexpr float nan_f = std::numeric_limits<float>::quiet_NaN();
constexpr float inf_f = std::numeric_limits<float>::infinity();

std::shared_ptr<inference::Engine> native_engine(Isa isa = Isa::best) {
    return open_native({.isa = isa}).value();
}

std::shared_ptr<inference::Engine> checked_engine() {
    static const auto opened = open_engine().value();
    return opened;
}

// y = the sum of one tree: x0 < threshold ? 1 : 2, and what a missing value does.
Bytes stump(const char* mode, float threshold, bool tracks) {
    W graph;
    graph.input("x", {-1, 2});
    graph.node(
        "TreeEnsembleRegressor", {"x"}, {"y"},
        {W::attribute("nodes_featureids", Dims{0, 0, 0}),
         W::attribute("nodes_nodeids", Dims{0, 1, 2}), W::attribute("nodes_treeids", Dims{0, 0, 0}),
         W::attribute("nodes_truenodeids", Dims{1, 0, 0}),
         W::attribute("nodes_falsenodeids", Dims{2, 0, 0}),
         W::attribute("nodes_values", std::vector<float>{threshold, 0, 0}),
         W::attribute("nodes_modes", std::vector<std::string>{mode, "LEAF", "LEAF"}),
         W::attribute("nodes_missing_value_tracks_true", Dims{tracks, 0, 0}),
         W::attribute("target_ids", Dims{0, 0}), W::attribute("target_nodeids", Dims{1, 2}),
         W::attribute("target_treeids", Dims{0, 0}),
         W::attribute("target_weights", std::vector<float>{1, 2}),
         W::attribute("n_targets", std::int64_t{1})},
        "ai.onnx.ml");
    graph.output("y", {-1, 1});
    return graph.model();
}

float ask(inference::Model& model, std::vector<float> row) {
    std::vector<float> out(model.output_size());
    const auto ran = model.run(row, out);
    EXPECT_TRUE(ran.ok()) << (ran.ok() ? "" : ran.error().message);
    return out[0];
}

TEST(NativeTrees, comparisons_are_exact_at_their_edges_with_every_instruction_set) {
    const float edges[] = {0.0F, -0.0F, 1.5F, inf_f, -inf_f, std::numeric_limits<float>::max()};
    for (const Isa isa : usable_isas())
        for (const std::string mode : {"BRANCH_LT", "BRANCH_LEQ", "BRANCH_GT", "BRANCH_GTE"})
            for (const float edge : edges)
                for (const bool tracks : {false, true}) {
                    auto model = native_engine(isa)->load(stump(mode.c_str(), edge, tracks), {});
                    ASSERT_TRUE(model.ok()) << model.error().message;
                    for (const float x :
                         {edge, std::nextafter(edge, inf_f), std::nextafter(edge, -inf_f), 0.0F,
                          -0.0F, 7.0F, inf_f, -inf_f, nan_f}) {
                        const bool yes = std::isnan(x)          ? tracks
                                         : mode == "BRANCH_LT"  ? x < edge
                                         : mode == "BRANCH_LEQ" ? x <= edge
                                         : mode == "BRANCH_GT"  ? x > edge
                                                                : x >= edge;
                        EXPECT_EQ(ask(**model, {x, 0}), yes ? 1 : 2)
                            << to_string(isa) << ' ' << mode << ' ' << edge << " at " << x;
                    }
                }
}

TEST(NativeTrees, a_missing_other_feature_changes_nothing) {
    auto model = native_engine()->load(stump("BRANCH_LT", 1, false), {});
    ASSERT_TRUE(model.ok());
    EXPECT_EQ(ask(**model, {0, nan_f}), 1);
    EXPECT_EQ(ask(**model, {2, nan_f}), 2);
}

struct TreeFault {
    const char* what;
    Dims yes, no;
    const char* reason;
};

TEST(NativeTrees, trees_whose_walk_might_not_end_are_refused) {
    const TreeFault faults[] = {
        {"root in its own tree", {1, 0, 0}, {0, 0, 0}, "two branches lead to one node"},
        {"both branches to one", {1, 0, 0}, {1, 0, 0}, "two branches lead to one node"},
        {"nowhere", {1, 0, 0}, {9, 0, 0}, "a branch leads to no node"},
    };
    for (const TreeFault& fault : faults) {
        W graph;
        graph.input("x", {-1, 1});
        graph.node(
            "TreeEnsembleRegressor", {"x"}, {"y"},
            {W::attribute("nodes_featureids", Dims{0, 0, 0}),
             W::attribute("nodes_nodeids", Dims{0, 1, 2}),
             W::attribute("nodes_treeids", Dims{0, 0, 0}),
             W::attribute("nodes_truenodeids", fault.yes),
             W::attribute("nodes_falsenodeids", fault.no),
             W::attribute("nodes_values", std::vector<float>{0, 0, 0}),
             W::attribute("nodes_modes", std::vector<std::string>{"BRANCH_LT", "LEAF", "LEAF"}),
             W::attribute("target_ids", Dims{0, 0}), W::attribute("target_nodeids", Dims{1, 2}),
             W::attribute("target_treeids", Dims{0, 0}),
             W::attribute("target_weights", std::vector<float>{1, 2}),
             W::attribute("n_targets", std::int64_t{1})},
            "ai.onnx.ml");
        graph.output("y", {-1, 1});
        const auto model = native_engine()->load(graph.model(), {});
        ASSERT_FALSE(model.ok()) << fault.what;
        EXPECT_NE(model.error().message.find(fault.reason), std::string::npos)
            << model.error().message;
    }
}

// Graphs that the native engine leaves to another, and what it says of them.
struct Refusal {
    const char* reason;
    void (*build)(W& graph);
    std::size_t features = 4;
};

const Refusal refusals[] = {
    {"operator LSTMM is not one of the native engine's",
     [](W& g) { g.node("LSTMM", {"x"}, {"y"}); }},
    {"used before it is made", [](W& g) { g.node("Relu", {"z"}, {"y"}); }},
    {"Gemm: transA is set",
     [](W& g) {
         g.constant("w", {4, 4}, std::vector<float>(16, 1));
         g.node("Gemm", {"x", "w"}, {"y"}, {W::attribute("transA", std::int64_t{1})});
     }},
    {"MatMul: the shapes of A and B don't fit",
     [](W& g) {
         g.constant("w", {3, 2}, std::vector<float>(6, 1));
         g.node("MatMul", {"x", "w"}, {"y"});
     }},
    {"MatMul: input 1 is no constant of floats",
     [](W& g) {
         g.node("MatMul", {"x", "x"}, {"y"});
     }},
    {"Softmax: its axis is not the last one",
     [](W& g) { g.node("Softmax", {"x"}, {"y"}, {W::attribute("axis", std::int64_t{0})}); }},
    {"Reshape: the number of elements changes",
     [](W& g) {
         g.constant("s", {1}, Dims{5});
         g.node("Reshape", {"x", "s"}, {"y"});
     }},
    {"made twice",
     [](W& g) {
         g.node("Relu", {"x"}, {"y"});
         g.node("Neg", {"x"}, {"y"});
     }},
    {"the output is a constant",
     [](W& g) { g.node("Constant", {}, {"y"}, {W::attribute("value_float", 1.0F)}); }},
    {"has a wrong size",
     [](W& g) {
         g.constant("w", {4, 4}, std::vector<float>(7, 1));
         g.node("MatMul", {"x", "w"}, {"y"});
     }},
    {"BRANCH_EQ is not taken",
     [](W& g) {
         g.node("TreeEnsembleRegressor", {"x"}, {"y"},
                {W::attribute("nodes_featureids", Dims{0}), W::attribute("nodes_nodeids", Dims{0}),
                 W::attribute("nodes_treeids", Dims{0}), W::attribute("nodes_truenodeids", Dims{0}),
                 W::attribute("nodes_falsenodeids", Dims{0}),
                 W::attribute("nodes_values", std::vector<float>{0}),
                 W::attribute("nodes_modes", std::vector<std::string>{"BRANCH_EQ"}),
                 W::attribute("n_targets", std::int64_t{1})},
                "ai.onnx.ml");
     }},
};

TEST(Native, what_it_does_not_take_it_refuses_with_a_reason) {
    for (const Refusal& refusal : refusals) {
        W graph;
        graph.input("x", {-1, 4});
        refusal.build(graph);
        graph.output("y", {-1, 4});
        const auto model = native_engine()->load(graph.model(), {.features = 4});
        ASSERT_FALSE(model.ok()) << refusal.reason;
        std::string wanted = refusal.reason;
        if (wanted == "has a wrong size") wanted = "or a wrong size";
        EXPECT_NE(model.error().message.find(wanted), std::string::npos) << model.error().message;
    }
}

TEST(Native, a_run_allocates_nothing) {
    for (const auto make : {random_dense, random_regressor, random_classifier,
                            random_isolation_forest, random_recurrent, random_convolution}) {
        Rng rng(7);
        const RandomModel random = make(rng);
        auto model = native_engine()->load(random.onnx, {"x", random.output, random.features});
        ASSERT_TRUE(model.ok()) << random.family << ": " << model.error().message;
        std::vector<float> out((*model)->output_size());
        std::vector<std::vector<float>> rows;
        for (int i = 0; i < 20; ++i) rows.push_back(random_row(random, rng));
        const std::size_t before = allocations;
        bool ok = true;
        for (const auto& row : rows) ok &= (*model)->run(row, out).ok();
        EXPECT_EQ(allocations, before) << random.family;
        EXPECT_TRUE(ok);
    }
}

TEST(Native, networks_give_no_number_for_no_number) {
    for (const Isa isa : usable_isas()) {
        W graph;
        graph.input("x", {1, 3});
        graph.constant("w", {3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
        graph.node("MatMul", {"x", "w"}, {"m"});
        graph.node("Relu", {"m"}, {"y"});
        graph.output("y", {1, 2});
        auto model = native_engine(isa)->load(graph.model(), {});
        ASSERT_TRUE(model.ok());
        EXPECT_TRUE(std::isnan(ask(**model, {1, nan_f, 1})));
        EXPECT_EQ(ask(**model, {1, 1, 1}), 9);
    }
}

// First states are given for the hidden units only, which are no multiple of a vector's floats.
TEST(Native, one_step_of_a_gru_is_what_its_definition_says) {
    for (const Isa isa : usable_isas()) {
        W graph;
        graph.input("x", {1, 1, 1});
        graph.constant("w", {1, 3, 1}, std::vector<float>{0.5F, -1, 2});
        graph.constant("r", {1, 3, 1}, std::vector<float>{1, 0.25F, -0.5F});
        graph.constant("b", {1, 6}, std::vector<float>{0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F});
        graph.constant("h", {1, 1, 1}, std::vector<float>{0.75F});
        graph.node("GRU", {"x", "w", "r", "b", "", "h"}, {"", "y"},
                   {W::attribute("hidden_size", std::int64_t{1}),
                    W::attribute("linear_before_reset", std::int64_t{1})});
        graph.output("y", {1, 1, 1});
        auto model = native_engine(isa)->load(graph.model(), {});
        ASSERT_TRUE(model.ok()) << model.error().message;
        const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
        const double z = sigmoid(0.5 * 0.5 + 0.1 + 0.75 + 0.4);
        const double r = sigmoid(-0.5 + 0.2 + 0.25 * 0.75 + 0.5);
        const double n = std::tanh(2 * 0.5 + 0.3 + r * (-0.5 * 0.75 + 0.6));
        EXPECT_NEAR(ask(**model, {0.5F}), (1 - z) * n + z * 0.75, 1e-6) << to_string(isa);
    }
}

TEST(Native, wrong_sizes_are_an_error_with_both_sizes) {
    auto model = native_engine()->load(stump("BRANCH_LT", 1, false), {});
    std::vector<float> in(3), out(1);
    const auto ran = (*model)->run(in, out);
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(ran.error().message, "run: want 2 numbers in and 1 out, got 3 and 1");
}

TEST(Native, every_cut_and_every_flipped_byte_is_an_error_or_a_model_that_runs) {
    Rng rng(3);
    for (const auto make : {random_dense, random_recurrent, random_classifier}) {
        RandomModel random = make(rng);
        const auto try_it = [&](ByteView bytes) {
            auto model = native_engine()->load(bytes, {"x", random.output, random.features});
            if (!model) return;
            std::vector<float> out((*model)->output_size());
            ignore((*model)->run(random_row(random, rng), out), "must only not crash");
        };
        for (std::size_t size = 0; size < random.onnx.size(); size += 1 + size / 200)
            try_it(ByteView(random.onnx).first(size));
        for (int i = 0; i < 1000; ++i) {
            std::uint8_t& byte = random.onnx[rng() % random.onnx.size()];
            const std::uint8_t kept = byte;
            byte ^= static_cast<std::uint8_t>(1u << (rng() % 8));
            try_it(random.onnx);
            byte = kept;
        }
    }
}

TEST(Native, sizes_are_bounded_before_anything_is_allocated) {
    GraphLimits limits;
    limits.numbers_max = 10;
    W graph;
    graph.input("x", {-1, 4});
    graph.constant("w", {4, 4}, std::vector<float>(16, 1));
    graph.node("MatMul", {"x", "w"}, {"y"});
    graph.output("y", {-1, 4});
    const auto read = read_graph(graph.model(), limits);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().message, "the ONNX file has too many numbers");
    // A shape that says more than the memory of a plan.
    W large;
    large.input("x", {1, 4});
    large.constant("s", {2}, Dims{2'000'000'000, 4});
    large.node("Expand", {"x", "s"}, {"y"});
    large.output("y", {-1, 4});
    const auto model = native_engine()->load(large.model(), {});
    ASSERT_FALSE(model.ok());
    EXPECT_NE(model.error().message.find("too many elements"), std::string::npos);
}

TEST(CheckedEngine, what_matches_runs_natively_and_says_so) {
    auto model = checked_engine()->load(stump("BRANCH_LT", 1, true), {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ((*model)->engine(), "native " + std::string(to_string(usable_isas().back())));
    EXPECT_EQ((*model)->remark(), "");
    EXPECT_TRUE(checked_engine()->name().find("onnxruntime 1.") != std::string::npos);
}

TEST(CheckedEngine, what_does_not_match_runs_in_onnx_runtime_with_the_reason) {
    W graph;
    graph.input("x", {1, 2});
    graph.node("Erf", {"x"}, {"y"});
    graph.output("y", {1, 2});
    auto model = checked_engine()->load(graph.model(), {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_TRUE((*model)->engine().starts_with("onnxruntime 1."));
    EXPECT_EQ((*model)->remark(), "not native: operator Erf is not one of the native engine's");
    EXPECT_EQ(ask(**model, {0, 0}), 0);
}

TEST(CheckedEngine, without_the_library_native_models_run_unchecked_and_others_are_errors) {
    EngineOptions options;
    options.runtime.library = "/nonexistent/libonnxruntime.so.1";
    auto engine = open_engine(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    auto model = (*engine)->load(stump("BRANCH_LT", 1, false), {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_TRUE((*model)->remark().starts_with("not compared with ONNX Runtime: "));
    EXPECT_EQ(ask(**model, {0, 0}), 1);
    W graph;
    graph.input("x", {1, 2});
    graph.node("Erf", {"x"}, {"y"});
    graph.output("y", {1, 2});
    const auto other = (*engine)->load(graph.model(), {});
    ASSERT_FALSE(other.ok());
    EXPECT_NE(other.error().message.find("operator Erf"), std::string::npos);
    EXPECT_NE(other.error().message.find("/nonexistent/"), std::string::npos);
}

TEST(CheckedEngine, convolutions_run_where_they_are_faster) {
    Rng rng(5);
    const RandomModel random = random_convolution(rng);
    const inference::Binding binding{"x", random.output, random.features};
    for (const Isa isa : usable_isas()) {
        EngineOptions options;
        options.native.isa = isa;
        auto model = (*open_engine(options))->load(random.onnx, binding);
        ASSERT_TRUE(model.ok());
        EXPECT_EQ((*model)->engine().starts_with("native"), isa == Isa::avx512);
        EXPECT_EQ((*model)->remark().find("convolutions") != std::string::npos, isa != Isa::avx512);
    }
}

TEST(CheckedEngine, instructions_that_this_processor_lacks_are_an_error) {
#if defined(__x86_64__)
    const auto engine = open_native({.isa = Isa::neon});
    ASSERT_FALSE(engine.ok());
    EXPECT_EQ(engine.error().message, "this processor or program has no neon kernels");
#else
    EXPECT_FALSE(open_native({.isa = Isa::avx2}).ok());
#endif
}

}  // namespace
}  // namespace mw::native
