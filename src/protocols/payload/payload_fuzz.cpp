// Any bytes: no crash, no leak; what decodes is well formed, and reads back after encoding.
#include <bit>
#include <cstdlib>
#include <map>

#include "protocols/payload/payload.h"

namespace {

using namespace mw;

void check(bool holds) {
    if (!holds) std::abort();
}

std::map<std::string, std::size_t> sizes_of(const Batch& batch) {
    std::map<std::string, std::size_t> sizes;
    std::uint32_t at = 0;
    for (const auto& run : batch.runs) {
        check(run.begin == at && run.end > run.begin);
        check(payload::check_name(run.signal, 128).ok());
        at = run.end;
        sizes[run.signal + '\n' + run.unit] += run.end - run.begin;
    }
    check(at == batch.size() && at == batch.values.size() && at == batch.quality.size());
    return sizes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static payload::Decoder decoder;
    static Batch batch, back;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const bool decision = decoder.decode_decision(text).ok();
    if (!decoder.decode(text, batch).ok()) {
        check(batch.size() == 0 && batch.runs.empty());
        return 0;
    }
    check(!decision);
    const auto sizes = sizes_of(batch);
    std::string again;
    payload::encode(batch, again);
    if (again.size() > decoder.limits().payload_bytes) return 0;
    check(decoder.decode(again, back).ok());
    check(sizes_of(back) == sizes);
    return 0;
}
