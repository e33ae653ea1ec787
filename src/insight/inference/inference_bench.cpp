// Cost of one call into ONNX Runtime, and what it keeps resident: `RSS_MB` beside each line.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>

#include "insight/inference/inference.h"
#include "insight/inference/tiny_model.h"

namespace mw::inference {
namespace {

double resident_mb() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "VmRSS:") return status >> word, std::stod(word) / 1024;
    return 0;
}

const double before = resident_mb();

void Engine_open(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(open_onnx_runtime());
    state.counters["RSS_MB"] = resident_mb();
    state.counters["RSS_MB_before"] = before;
}
BENCHMARK(Engine_open)->Unit(benchmark::kMillisecond)->Iterations(1);

void Model_run(benchmark::State& state) {
    auto engine = open_onnx_runtime();
    auto model =
        (*engine)->load(tiny_model, {.features = static_cast<std::size_t>(state.range(0))});
    std::vector<float> in(static_cast<std::size_t>(state.range(0)), 1), out(in.size());
    for (auto _ : state) {
        in[0] += 1;
        if (!(*model)->run(in, out)) state.SkipWithError("run failed");
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["RSS_MB"] = resident_mb();
}
BENCHMARK(Model_run)->Arg(1)->Arg(64)->Arg(1000);

}  // namespace
}  // namespace mw::inference

BENCHMARK_MAIN();
