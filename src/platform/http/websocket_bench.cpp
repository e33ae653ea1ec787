#include <benchmark/benchmark.h>

#include "platform/http/websocket_frames.h"

namespace {

using namespace mw;
using namespace mw::http;

// What a client's messages of this size cost to take apart, and their bytes per second.
void FrameReader_feed(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    Bytes bytes;
    const std::size_t frames = std::max<std::size_t>(1, 65'536 / (size + frame_header_max));
    for (std::size_t i = 0; i < frames; ++i) {
        std::uint8_t header[frame_header_max];
        const std::size_t n = put_frame_header(header, Opcode::binary, size, 0x12345678u);
        bytes.insert(bytes.end(), header, header + n);
        bytes.resize(bytes.size() + size, 0x5A);
    }
    Bytes out(bytes.size());
    FrameReader reader(FrameReader::Side::server);
    for (auto _ : state) benchmark::DoNotOptimize(reader.feed(bytes, out.data()));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * frames));
}
BENCHMARK(FrameReader_feed)->Arg(16)->Arg(125)->Arg(1000)->Arg(64 << 10)->Arg(1 << 20);

}  // namespace
