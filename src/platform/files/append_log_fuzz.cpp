// Any bytes as a segment file: scanning must neither crash nor give frames out of order.
#include "base/assert.h"
#include "platform/files/append_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    mw::ByteView bytes{data, size};
    std::uint64_t last = 0;
    auto check = [&](const mw::files::LogFrame& frame) {
        ASSERT(frame.number > last);
        ASSERT(frame.payload.empty() ||
               (frame.payload.data() >= data &&
                frame.payload.data() + frame.payload.size() <= data + size));
        last = frame.number;
    };
    mw::files::ScanContext context{"test"};
    auto scan = mw::files::scan_segment(bytes, context, check);
    ASSERT(scan.good_bytes <= size);
    context.synced_through = 5;
    context.end_number = 8;
    last = 0;
    mw::files::scan_segment(bytes, context, check);
    ASSERT(last < 8);
    return 0;
}
