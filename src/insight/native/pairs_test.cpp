// Convolutions by products for pairs of positions, against sums in double.
#include <gtest/gtest.h>

#include <cmath>

#include "insight/native/check.h"
#include "insight/native/native.h"
#include "insight/native/random_models.h"

namespace mw::native {
namespace {

using Dims = GraphWriter::Dims;

std::vector<float> some_numbers(Rng& rng, std::int64_t count, double scale) {
    std::normal_distribution<float> normal(0, static_cast<float>(scale));
    std::vector<float> list(static_cast<std::size_t>(count));
    for (float& number : list) number = normal(rng);
    return list;
}

struct Shape {
    std::int64_t channels, outputs, taps, size, before, after;
};

// A window of one tap that passes its input on, so that channels lie together; then the one meant.
Bytes convolution(const Shape& shape, const std::vector<float>& weights,
                  const std::vector<float>& bias) {
    std::vector<float> same(static_cast<std::size_t>(shape.channels * shape.channels));
    for (std::int64_t c = 0; c < shape.channels; ++c)
        same[static_cast<std::size_t>(c * (shape.channels + 1))] = 1;
    GraphWriter graph;
    graph.input("x", {1, shape.channels, shape.size});
    graph.constant("same", {shape.channels, shape.channels, 1}, same);
    graph.constant("w", {shape.outputs, shape.channels, shape.taps}, weights);
    graph.constant("b", {shape.outputs}, bias);
    graph.node("Conv", {"x", "same"}, {"columns"});
    graph.node("Conv", {"columns", "w", "b"}, {"y"},
               {GraphWriter::attribute("pads", Dims{shape.before, shape.after})});
    graph.output("y", {1, shape.outputs, shape.size + shape.before + shape.after - shape.taps + 1});
    return graph.model();
}

double plainly(const Shape& shape, const std::vector<float>& weights, const std::vector<float>& x,
               std::int64_t output, std::int64_t position) {
    double sum = 0;
    for (std::int64_t c = 0; c < shape.channels; ++c)
        for (std::int64_t tap = 0; tap < shape.taps; ++tap) {
            const std::int64_t at = position + tap - shape.before;
            if (at < 0 || at >= shape.size) continue;
            const auto w =
                static_cast<std::size_t>((output * shape.channels + c) * shape.taps + tap);
            sum += double{weights[w]} * x[static_cast<std::size_t>(c * shape.size + at)];
        }
    return sum;
}

TEST(Pairs, convolutions_of_every_width_give_their_sums) {
    Rng rng(11);
    for (const Isa isa : usable_isas()) {
        auto engine = open_native({.isa = isa}).value();
        for (std::int64_t taps = 1; taps <= 9; ++taps) {
            const Shape shape{taps % 2 ? 17 : 3, 15 + 17 * (taps % 3), taps, 9 + taps, taps % 4,
                              taps / 2};
            const auto weights = some_numbers(rng, shape.outputs * shape.channels * taps,
                                              1 / std::sqrt(double(shape.channels * taps)));
            const auto bias = some_numbers(rng, shape.outputs, 1);
            auto model = engine->load(convolution(shape, weights, bias), {});
            ASSERT_TRUE(model.ok()) << model.error().message;
            const auto x = some_numbers(rng, shape.channels * shape.size, 1);
            std::vector<float> y((*model)->output_size());
            ASSERT_TRUE((*model)->run(x, y).ok());
            const auto positions = static_cast<std::int64_t>(y.size()) / shape.outputs;
            for (std::int64_t o = 0; o < shape.outputs; ++o)
                for (std::int64_t p = 0; p < positions; ++p) {
                    const double want =
                        plainly(shape, weights, x, o, p) + bias[static_cast<std::size_t>(o)];
                    const float got = y[static_cast<std::size_t>(o * positions + p)];
                    EXPECT_TRUE(agrees(got, static_cast<float>(want), 1))
                        << to_string(isa) << ", " << taps << " taps, output " << o << " at " << p
                        << ": " << got << ", want " << want;
                }
        }
    }
}

// What an output does not look at does not change it, however large.
TEST(Pairs, an_output_depends_on_its_own_window_only) {
    Rng rng(12);
    const Shape shape{4, 16, 5, 24, 0, 0};
    const auto weights = some_numbers(rng, shape.outputs * shape.channels * shape.taps, 0.3);
    const auto bias = some_numbers(rng, shape.outputs, 1);
    for (const Isa isa : usable_isas()) {
        auto model =
            open_native({.isa = isa}).value()->load(convolution(shape, weights, bias), {}).value();
        auto x = some_numbers(rng, shape.channels * shape.size, 1);
        std::vector<float> before(model->output_size()), after(before.size());
        ASSERT_TRUE(model->run(x, before).ok());
        constexpr std::int64_t odd_one = 11, positions = 20;
        x[odd_one] = 1e30F;  // of the first channel
        ASSERT_TRUE(model->run(x, after).ok());
        for (std::size_t i = 0; i < before.size(); ++i) {
            const auto at = static_cast<std::int64_t>(i) % positions;
            const bool seen = at <= odd_one && odd_one < at + shape.taps;
            EXPECT_EQ(before[i] != after[i], seen) << to_string(isa) << " at " << at;
        }
    }
}

}  // namespace
}  // namespace mw::native
