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

Plan plan_with(std::initializer_list<Statistic> statistics, std::uint32_t rows) {
    Plan plan;
    plan.window.kind = WindowKind::tumbling;
    plan.window.length = {rows, {}};
    for (std::uint32_t i = 0; i < 8; ++i) {
        plan.inputs.push_back("s" + std::to_string(i));
        for (const Statistic statistic : statistics) {
            Feature feature{std::to_string(plan.features.size()), i, statistic, {}, 0, 1};
            feature.detail.share = 0.9;
            feature.detail.lag = 1;
            feature.detail.other = (i + 1) % 8;
            feature.detail.low = 5;
            feature.detail.high = 20;
            feature.detail.modulation_low = 1;
            feature.detail.modulation_high = 10;
            plan.features.push_back(feature);
        }
    }
    return plan;
}

// All of them for each of eight signals, in windows of 100 rows; a sample is a value of a signal.
void samples_through(benchmark::State& state, std::initializer_list<Statistic> statistics,
                     std::uint32_t rows = 100) {
    auto extractor = Extractor::open(plan_with(statistics, rows));
    if (!extractor) return state.SkipWithError(extractor.error().message.c_str());
    std::vector<double> table(8 * 1009);
    std::uint64_t seed = 1;
    for (double& value : table)
        value = static_cast<double>((seed = seed * 6364136223846793005U + 1) >> 40);
    std::int64_t time = 0;
    std::size_t at = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(extractor->push({{time += 10'000'000}, {&table[8 * at], 8}, {}}));
        at = at + 1 == 1009 ? 0 : at + 1;
    }
    state.SetItemsProcessed(state.iterations() * 8);
}

void Ten_commonest(benchmark::State& state) {
    samples_through(state, {Statistic::mean, Statistic::deviation, Statistic::min, Statistic::max,
                            Statistic::range, Statistic::rms, Statistic::crest, Statistic::kurtosis,
                            Statistic::skewness, Statistic::slope});
}
BENCHMARK(Ten_commonest);

void Order_statistics(benchmark::State& state) {
    samples_through(state, {Statistic::median, Statistic::quantile});
}
BENCHMARK(Order_statistics);

void Lags_and_pairs(benchmark::State& state) {
    samples_through(state, {Statistic::autocorrelation, Statistic::correlation,
                            Statistic::difference, Statistic::rate, Statistic::zero_crossings});
}
BENCHMARK(Lags_and_pairs);

void Spectra(benchmark::State& state) {
    samples_through(state, {Statistic::band, Statistic::spectral_kurtosis, Statistic::envelope},
                    1024);
}
BENCHMARK(Spectra);

}  // namespace
}  // namespace mw::features

BENCHMARK_MAIN();
