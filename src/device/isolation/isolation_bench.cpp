// What a row's way to a model's own process and back costs, beside a call in this one.
#include <benchmark/benchmark.h>

#include "device/isolation/faults.h"
#include "device/isolation/isolation.h"
#include "insight/native/native.h"

namespace mw::isolation {
namespace {

void run_rows(benchmark::State& state, inference::Model& model) {
    float x = 1, y = 0;
    for (auto _ : state) {
        if (!model.run({&x, 1}, {&y, 1})) return state.SkipWithError("did not run");
        x = y > 1e6F ? 1 : y;
    }
}

void In_this_process(benchmark::State& state) {
    const auto model = native::open_native().value()->load(doubling_onnx, {}).value();
    run_rows(state, *model);
}
BENCHMARK(In_this_process);

void In_its_own_process(benchmark::State& state) {
    const RealClock clock;
    Isolated how;
    how.arguments = {MW_ISOLATION_CHILD};
    how.limits.process = true;
    const auto model = open_isolated(how, clock)->load(doubling_onnx, {}).value();
    run_rows(state, *model);
}
BENCHMARK(In_its_own_process)->UseRealTime();

}  // namespace
}  // namespace mw::isolation

BENCHMARK_MAIN();
