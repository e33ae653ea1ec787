// Any bytes: no crash, no leak; the batches are well formed, and a second parse by the same parser,
// which then remembers the names, gives the same.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "protocols/line_protocol/line_protocol.h"

namespace {

using namespace mw;

void check(bool holds) {
    if (!holds) std::abort();
}

// A box is a NaN.
bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
    return std::ranges::equal(a, b, [](double x, double y) {
        return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
    });
}

void check(const line_protocol::Parsed& parsed) {
    std::size_t points = 0;
    for (std::size_t d = 0; d < parsed.devices; ++d) {
        const Batch& batch = parsed.batches[d];
        std::uint32_t at = 0;
        for (const auto& run : batch.runs) {
            check(run.begin == at && run.end > run.begin && !run.signal.empty());
            at = run.end;
        }
        check(at == batch.size() && at == batch.values.size() && at == batch.quality.size());
        points += at;
    }
    check(points == parsed.points);
    check(parsed.errors.size() <= parsed.refused);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static line_protocol::Parser parser;
    static line_protocol::Parsed first, second;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const line_protocol::Context context{1'000, {7}, size % 3 ? "device" : ""};
    parser.parse(text, context, first);
    check(first);
    parser.parse(text, context, second);
    check(second);
    check(first.points == second.points && first.devices == second.devices &&
          first.refused == second.refused);
    for (std::size_t d = 0; d < first.devices; ++d)
        check(first.batches[d].times == second.batches[d].times &&
              same_bits(first.batches[d].values, second.batches[d].values) &&
              first.batches[d].boxes.characters() == second.batches[d].boxes.characters());
    return 0;
}
