// Any bytes, cut anywhere: the frame reader must refuse or understand, and the cuts must change
// nothing. The first byte says whose end reads, the second where to cut.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "platform/http/websocket_frames.h"

namespace {

using namespace mw;
using namespace mw::http;

struct Seen {
    std::string data, ping;
    int refused = 0, closed = 0;
    bool operator==(const Seen&) const = default;
};

Seen read_all(ByteView bytes, FrameReader::Side side, std::size_t piece) {
    FrameReader reader(side, {.frame_bytes = 4096, .message_bytes = 8192});
    Seen seen;
    piece = std::min(piece, bytes.size());
    Bytes out(piece);  // exactly: the sanitizer sees a byte too many
    while (!bytes.empty()) {
        const ByteView part = bytes.first(std::min(piece, bytes.size()));
        seen.data += text_of(ByteView(out).first(reader.feed(part, out.data())));
        if (auto ping = reader.take_ping()) seen.ping = text_of(*ping);
        bytes = bytes.subspan(part.size());
    }
    if (reader.violation()) seen.refused = reader.violation()->code;
    if (reader.closed()) seen.closed = reader.close_code();
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto side = data[0] & 1 ? FrameReader::Side::client : FrameReader::Side::server;
    const ByteView bytes(data + 2, size - 2);
    const Seen whole = read_all(bytes, side, bytes.size());
    if (!(read_all(bytes, side, 1 + data[1]) == whole)) std::abort();
    if (!(read_all(bytes, side, 1) == whole)) std::abort();
    if (whole.data.size() > bytes.size()) std::abort();
    return 0;
}
