#include <benchmark/benchmark.h>

#include "base/random.h"
#include "insight/quality/quality.h"

namespace mw::quality {
namespace {

constexpr std::size_t samples = 100;

// Eight signals, a frame of 100 samples each, one step of a millisecond between them.
Batch frames() {
    SeededRandom random(3);
    Batch batch;
    batch.device.text = "gw-1";
    for (int s = 0; s < 8; ++s) {
        const auto begin = static_cast<std::uint32_t>(batch.size());
        for (std::size_t i = 0; i < samples; ++i) {
            batch.times.push_back(
                {1'700'000'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000'000});
            batch.values.push_back(10 + random.normal());
            batch.quality.push_back(Quality::good());
        }
        batch.runs.push_back(
            {"signal-" + std::to_string(s), "", begin, static_cast<std::uint32_t>(batch.size())});
    }
    return batch;
}

Rules rules_with(bool all) {
    auto rules = std::make_shared<RuleSet>();
    for (int s = 0; s < 8; ++s) {
        SignalRules signal{
            .min = -100, .max = 100, .every = milliseconds{1}, .late_after = hours{1}};
        if (all) {
            signal.max_rate = 1e6;
            signal.stuck_after = seconds{1};
            signal.spike = 8;
        }
        rules->signals["signal-" + std::to_string(s)] = signal;
    }
    return rules;
}

void judge(benchmark::State& state, bool all) {
    Batch batch = frames();
    const Rules rules = rules_with(all);
    Engine engine;
    for (auto _ : state) {
        for (auto& time : batch.times) time = time + milliseconds{samples};
        batch.arrival = batch.times.back() + milliseconds{5};
        std::fill(batch.quality.begin(), batch.quality.end(), Quality::good());
        engine.judge(batch, rules);
        benchmark::DoNotOptimize(batch.quality.data());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch.size()));
}

// Range, type, order, lateness, completeness.
void Engine_judge_default(benchmark::State& state) { judge(state, false); }
BENCHMARK(Engine_judge_default);

// And rate of change, stuck value, spike.
void Engine_judge_all(benchmark::State& state) { judge(state, true); }
BENCHMARK(Engine_judge_all);

}  // namespace
}  // namespace mw::quality

BENCHMARK_MAIN();
