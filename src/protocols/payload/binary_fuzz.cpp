// Any bytes, with their checksum put right: no crash, no leak; what is taken is well formed and is
// encoded to something that decodes to the same.
#include <cstdlib>

#include "base/crc32c.h"
#include "protocols/payload/payload.h"

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw;
    static payload::BinaryDecoder decoder;
    static Batch batch, again;
    Bytes bytes(data, data + size);
    if (size >= 48) {
        std::memcpy(bytes.data(), "MWPB", 4);
        store_le(bytes.data() + 8, static_cast<std::uint32_t>(size / 8 * 8));
        const std::size_t end = size / 8 * 8 - 8;
        store_le(bytes.data() + end, crc32c(ByteView(bytes).first(end)));
    }
    const auto length = decoder.decode(bytes, size % 2 ? "device" : "", batch);
    if (!length) {
        check(batch.size() == 0 && batch.runs.empty());
        return 0;
    }
    std::uint32_t at = 0;
    for (const auto& run : batch.runs) {
        check(run.begin == at && run.end > run.begin && !run.signal.empty());
        at = run.end;
    }
    check(at == batch.size() && at == batch.values.size() && at == batch.quality.size());
    Bytes encoded;
    payload::encode_binary(batch, encoded);
    check(bool(decoder.decode(encoded, "", again)));
    check(again.times == batch.times && again.quality == batch.quality &&
          std::memcmp(again.values.data(), batch.values.data(), 8 * batch.size()) == 0);
    return 0;
}
