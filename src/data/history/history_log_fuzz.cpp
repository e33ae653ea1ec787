// Any bytes as a frame of the history log: decoding and reading the runs must stay inside.
#include "base/assert.h"
#include "data/history/records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::history;
    auto decoded = records::decode({data, size});
    if (!decoded) return 0;
    if (const auto* points = std::get_if<records::Points>(&*decoded)) {
        records::RunReader reader;
        std::uint32_t at = 0;
        for (const auto& run : points->runs) {
            ASSERT(reader.read(*points, at, run.points).size() == run.points);
            at += run.points;
        }
        ASSERT(at == points->points);
    }
    return 0;
}
