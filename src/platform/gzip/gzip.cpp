#include "platform/gzip/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"

namespace mw::gzip {
namespace {

constexpr int gzip_only = MAX_WBITS + 16;
constexpr std::size_t first_room = std::size_t{64} << 10;

struct EndInflate {
    void operator()(z_stream* stream) const { inflateEnd(stream); }
};

Error broken(const std::string& what) {
    return Error{Errc::invalid_input, "gzip: " + what + "; send the body again or uncompressed"};
}

Bytef* bytes_at(const char* text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text)); }

}  // namespace

Result<std::string> unpack(std::string_view packed, std::size_t most) {
    z_stream stream{};
    ASSERT(inflateInit2(&stream, gzip_only) == Z_OK);
    const std::unique_ptr<z_stream, EndInflate> ends(&stream);
    stream.next_in = bytes_at(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    std::string text;
    for (std::size_t have = 0;;) {
        if (have == text.size()) {
            if (have > most) return broken("more than " + std::to_string(most) + " bytes inside");
            text.resize(std::min(std::max(2 * have, first_room), most + 1));
        }
        stream.next_out = bytes_at(text.data() + have);
        stream.avail_out = static_cast<uInt>(text.size() - have);
        const int status = inflate(&stream, Z_NO_FLUSH);
        have = text.size() - stream.avail_out;
        if (status == Z_STREAM_END && stream.avail_in == 0) {
            if (have > most) return broken("more than " + std::to_string(most) + " bytes inside");
            text.resize(have);
            return text;
        }
        if (status == Z_STREAM_END)
            ASSERT(inflateReset(&stream) == Z_OK);  // the next member
        else if (status != Z_OK && status != Z_BUF_ERROR)
            return broken("the body is no gzip file");
        else if (stream.avail_in == 0 && stream.avail_out > 0)
            return broken("the body is cut off");
    }
}

std::string pack(std::string_view text) {
    z_stream stream{};
    ASSERT(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_only, 8,
                        Z_DEFAULT_STRATEGY) == Z_OK);
    std::string packed(deflateBound(&stream, text.size()), 0);
    stream.next_in = bytes_at(text.data());
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = bytes_at(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

}  // namespace mw::gzip
