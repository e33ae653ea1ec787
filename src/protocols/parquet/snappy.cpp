#include "protocols/parquet/snappy.h"

#include "protocols/parquet/byte_reader.h"

namespace mw::parquet {
namespace {

Error bad_snappy() { return Error{Errc::invalid_input, "a page's Snappy bytes are damaged"}; }

std::uint32_t little_endian(ByteReader& in, unsigned bytes) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= std::uint32_t{in.byte()} << (8 * i);
    return value;
}

}  // namespace

Result<Bytes> unpack_snappy(ByteView packed, std::size_t size) {
    ByteReader in{packed};
    if (in.varint() != size || in.failed) return bad_snappy();
    Bytes out;
    out.reserve(size);
    while (out.size() < size && !in.failed) {
        const std::uint8_t tag = in.byte();
        const unsigned kind = tag & 3;
        if (kind == 0) {  // bytes as they are
            std::size_t length = tag >> 2;
            if (length >= 60) length = little_endian(in, static_cast<unsigned>(length) - 59);
            const std::size_t begin = in.at;
            if (++length > size - out.size() || !in.skip(length)) return bad_snappy();
            out.insert(out.end(), packed.begin() + static_cast<std::ptrdiff_t>(begin),
                       packed.begin() + static_cast<std::ptrdiff_t>(in.at));
            continue;
        }
        // What stood before, again; it may reach into itself.
        const std::size_t length = kind == 1 ? 4 + (tag >> 2 & 7) : 1 + (tag >> 2);
        const std::size_t back = kind == 1   ? (std::size_t{tag} >> 5 << 8) | in.byte()
                                 : kind == 2 ? little_endian(in, 2)
                                             : little_endian(in, 4);
        if (in.failed || back == 0 || back > out.size() || length > size - out.size())
            return bad_snappy();
        for (std::size_t i = 0; i < length; ++i) out.push_back(out[out.size() - back]);
    }
    if (in.failed || out.size() != size || in.at != packed.size()) return bad_snappy();
    return out;
}

}  // namespace mw::parquet
