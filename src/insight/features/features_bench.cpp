// Samples per second through a window: Arg(0) inputs, Arg(1) rows in the window, Arg(2) rows apart.
#include <benchmark/benchmark.h>

#include "insight/features/features.h"

namespace mw::features {
namespace {

Plan plan_of(std::int64_t inputs, std::int64_t rows, std::int64_t every) {
    Plan plan;
    plan.window.length = {static_cast<std::uint32_t>(rows), {}};
    plan.window.every = {static_cast<std::uint32_t>(every), {}};
    for (std::int64_t i = 0; i < inputs; ++i) {
        const auto input = static_cast<std::uint32_t>(i);
        plan.inputs.push_back("s" + std::to_string(i));
        plan.features.push_back({"m" + std::to_string(i), input, Statistic::mean, {}, 0, 1});
        plan.features.push_back({"d" + std::to_string(i), input, Statistic::deviation, {}, 0, 1});
    }
    return plan;
}

void Extractor_push(benchmark::State& state) {
    auto extractor = Extractor::open(plan_of(state.range(0), state.range(1), state.range(2)));
    std::vector<double> row(static_cast<std::size_t>(state.range(0)), 1.5);
    std::int64_t time = 0;
    for (auto _ : state) {
        row[0] += 0.25;
        benchmark::DoNotOptimize(extractor->push({{time += 10'000'000}, row, {}}));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Extractor_push)
    ->Args({3, 5, 1})
    ->Args({8, 60, 1})
    ->Args({1000, 100, 100})
    ->Args({1000, 100, 1});

}  // namespace
}  // namespace mw::features

BENCHMARK_MAIN();
