// Text to batches: 2,000 lines of 10 fields, of 1,000 devices or of one.
#include <benchmark/benchmark.h>

#include "base/random.h"
#include "protocols/line_protocol/line_protocol.h"

namespace mw::line_protocol {
namespace {

void Parser_parse(benchmark::State& state) {
    const auto devices = static_cast<int>(state.range(0));
    SeededRandom random(3);
    std::string text;
    for (int line = 0; line < 2'000; ++line) {
        text += "plant,device=device-" + std::to_string(line % devices) + " ";
        for (int field = 0; field < 10; ++field) {
            const auto cents = random.below(100'000);
            text += (field ? ",m" : "m") + std::to_string(field) + "=" +
                    std::to_string(cents / 100) + "." + std::to_string(cents % 100 / 10) +
                    std::to_string(cents % 10);
        }
        text += " " + std::to_string(1'700'000'000'000'000'000 + line * 1'000'000LL) + "\n";
    }
    Parser parser;
    Parsed parsed;
    for (auto _ : state) {
        parser.parse(text, {}, parsed);
        if (parsed.points != 20'000) state.SkipWithError("points are missing");
        benchmark::DoNotOptimize(parsed.batches.data());
    }
    state.SetItemsProcessed(state.iterations() * 20'000);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(Parser_parse)->Arg(1)->Arg(1'000);

}  // namespace
}  // namespace mw::line_protocol

BENCHMARK_MAIN();
