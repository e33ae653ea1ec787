#pragma once
// Bytes in turn, with the numbers that Thrift and Parquet's encodings share. Beyond the end, or
// where a number is too long, `failed` is set and zeros come.

#include <cstdint>

#include "base/bytes.h"

namespace mw::parquet {

struct ByteReader {
    ByteView bytes;
    std::size_t at = 0;
    bool failed = false;

    std::uint8_t byte() {
        if (!failed && at < bytes.size()) return bytes[at++];
        failed = true;
        return 0;
    }
    // Little-endian groups of seven bits.
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = byte();
            value |= std::uint64_t{next & 0x7fu} << shift;
            if (next < 0x80) return value;
        }
        failed = true;
        return 0;
    }
    // The counterpart of zigzag().
    std::int64_t unfolded() {
        const std::uint64_t folded = varint();
        return static_cast<std::int64_t>(folded >> 1 ^ (~(folded & 1) + 1));
    }
    bool skip(std::size_t count) {
        if (count > bytes.size() - at) failed = true;
        if (!failed) at += count;
        return !failed;
    }
};

}  // namespace mw::parquet
