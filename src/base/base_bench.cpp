#include <benchmark/benchmark.h>

#include <cmath>

#include "base/crc32c.h"
#include "base/histogram.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"

namespace mw {
namespace {

void Crc32c_hardware(benchmark::State& state) {
    Bytes bytes(static_cast<std::size_t>(state.range(0)), 7);
    for (auto _ : state) benchmark::DoNotOptimize(crc32c_hardware(bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Crc32c_hardware)->Arg(64)->Arg(4096)->Arg(1 << 20);

void Crc32c_portable(benchmark::State& state) {
    Bytes bytes(static_cast<std::size_t>(state.range(0)), 7);
    for (auto _ : state) benchmark::DoNotOptimize(crc32c_portable(bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Crc32c_portable)->Arg(64)->Arg(4096)->Arg(1 << 20);

std::vector<double> sample() {
    SeededRandom random{1};
    std::vector<double> values(4096);
    for (auto& value : values) value = std::exp(2 * random.normal());
    return values;
}

void Histogram_add(benchmark::State& state) {
    auto values = sample();
    Histogram histogram;
    std::size_t i = 0;
    for (auto _ : state) histogram.add(values[i++ & 4095]);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Histogram_add);

void Histogram_merge(benchmark::State& state) {
    Histogram from, into;
    for (double value : sample()) from.add(value);
    for (auto _ : state) into.merge(from);
    state.SetItemsProcessed(state.iterations());
    state.counters["bytes"] = static_cast<double>(from.to_bytes().size());
}
BENCHMARK(Histogram_merge);

void Counter_add(benchmark::State& state) {
    metrics::Registry registry;
    auto& counter = registry.counter("millwright_bench_adds_total", "x");
    for (auto _ : state) counter.add();
}
BENCHMARK(Counter_add);

void Log_line_in_memory(benchmark::State& state) {
    log::Capture capture{{log::Level::info, log::Format::json}};
    for (auto _ : state)
        log::info("mqtt.session.opened", {{"client", "gw-1"}, {"keepalive_s", 60}});
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Log_line_in_memory);

}  // namespace
}  // namespace mw

BENCHMARK_MAIN();
