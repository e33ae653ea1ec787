#include <benchmark/benchmark.h>

#include <cmath>

#include "base/random.h"
#include "protocols/payload/payload.h"

namespace mw::payload {
namespace {

Batch frame_of(std::size_t signals, std::size_t samples) {
    SeededRandom random(7);
    Batch batch;
    batch.position.sequence = 1;
    for (std::size_t s = 0; s < signals; ++s) {
        const auto begin = static_cast<std::uint32_t>(batch.size());
        for (std::size_t i = 0; i < samples; ++i) {
            batch.times.push_back(
                {1'700'000'000'000'000'000 + static_cast<std::int64_t>(i) * 1000});
            batch.values.push_back(std::round(random.normal() * 1e6) / 1e6);
            batch.quality.push_back(Quality::good());
        }
        batch.runs.push_back(
            {"signal-" + std::to_string(s), "", begin, static_cast<std::uint32_t>(batch.size())});
    }
    return batch;
}

void decode_text(benchmark::State& state, const std::string& text, std::size_t points) {
    Decoder decoder;
    Batch batch;
    for (auto _ : state) {
        if (!decoder.decode(text, batch).ok()) state.SkipWithError("refused");
        benchmark::DoNotOptimize(batch.values.data());
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * points));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void Decoder_decode_frame(benchmark::State& state) {
    const auto signals = static_cast<std::size_t>(state.range(0));
    const auto samples = static_cast<std::size_t>(state.range(1));
    std::string text;
    encode(frame_of(signals, samples), text);
    decode_text(state, text, signals * samples);
}
BENCHMARK(Decoder_decode_frame)->Args({1, 100})->Args({8, 100})->Args({1, 10'000});

void Decoder_decode_values(benchmark::State& state) {
    const auto signals = static_cast<std::size_t>(state.range(0));
    std::string text;
    encode(frame_of(signals, 1), text);
    decode_text(state, text, signals);
}
BENCHMARK(Decoder_decode_values)->Arg(8)->Arg(50);

void Decoder_decode_single(benchmark::State& state) {
    decode_text(state, R"({"signal":"pressure","t":1700000000000000000,"v":1.2345})", 1);
}
BENCHMARK(Decoder_decode_single);

void Encoder_encode_frame(benchmark::State& state) {
    const Batch batch = frame_of(8, 100);
    std::string text;
    for (auto _ : state) {
        text.clear();
        encode(batch, text);
        benchmark::DoNotOptimize(text.data());
    }
    state.SetItemsProcessed(state.iterations() * 800);
}
BENCHMARK(Encoder_encode_frame);

}  // namespace
}  // namespace mw::payload

BENCHMARK_MAIN();
