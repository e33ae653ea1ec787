// Random models, natively and by ONNX Runtime, with every instruction set of this processor.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "insight/native/check.h"
#include "insight/native/native.h"
#include "insight/native/random_models.h"

namespace mw::native {
namespace {

inference::Engine& onnx_runtime() {
    static const auto opened = inference::open_onnx_runtime().value();
    return *opened;
}

std::uint64_t parity_seed() {
    const char* given = std::getenv("MW_SEED");
    return given ? std::strtoull(given, nullptr, 10) : 20260101;
}

// Raw scores of trees are the same bits; what a post-transform makes of them is a network's.
float slack_of(const RandomModel& model) {
    return model.family == "regressor" || model.family == "isolation forest" ? 0 : 1;
}

std::string compared(const RandomModel& model, inference::Engine& native, Rng rng) {
    const inference::Binding binding{"x", model.output, model.features};
    auto ours = native.load(model.onnx, binding);
    if (!ours) return "refused: " + ours.error().message;
    auto theirs = onnx_runtime().load(model.onnx, binding);
    if (!theirs) return "ONNX Runtime refused it: " + theirs.error().message;
    if ((*ours)->output_size() != (*theirs)->output_size()) return "other sizes";
    std::vector<float> got((*ours)->output_size()), want(got.size());
    for (int i = 0; i < 12; ++i) {
        const auto row = random_row(model, rng);
        if (!(*ours)->run(row, got) || !(*theirs)->run(row, want)) return "did not run";
        for (std::size_t j = 0; j < got.size(); ++j)
            if (!agrees(got[j], want[j], slack_of(model)))
                return "row " + std::to_string(i) + " output " + std::to_string(j) + ": " +
                       std::to_string(got[j]) + ", want " + std::to_string(want[j]);
    }
    return "";
}

TEST(Parity, random_models_say_what_onnx_runtime_says) {
    const char* wanted = std::getenv("MW_LONG");
    const int models = wanted && *wanted ? 10'000 : 240;
    std::vector<std::shared_ptr<inference::Engine>> engines;
    for (const Isa isa : usable_isas()) engines.push_back(open_native({.isa = isa}).value());
    std::map<std::string, int> seen;
    int failures = 0;
    for (int i = 0; i < models && failures < 10; ++i) {
        Rng rng(parity_seed() + static_cast<std::uint64_t>(i));
        const RandomModel model = random_model(rng);
        ++seen[model.family];
        for (const auto& engine : engines) {
            const std::string wrong = compared(model, *engine, rng);
            failures += !wrong.empty();
            EXPECT_EQ(wrong, "") << engine->name() << ", " << model.family
                                 << ", MW_SEED=" << parity_seed() + static_cast<std::uint64_t>(i);
        }
    }
    for (const auto& [family, count] : seen) {
        std::cout << family << ": " << count << " models\n";
        EXPECT_GT(count, 0);
    }
    EXPECT_EQ(seen.size(), 7u);
}

}  // namespace
}  // namespace mw::native
