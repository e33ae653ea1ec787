#include "base/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace mw {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;

// table[k][b]: the checksum of byte b followed by k zero bytes ("slicing by 8").
using Slices = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Slices make_slices() {
    Slices table{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t crc = b;
        for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
        table[0][b] = crc;
    }
    for (std::uint32_t b = 0; b < 256; ++b)
        for (int k = 1; k < 8; ++k)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
    return table;
}
constexpr Slices slices = make_slices();

std::uint32_t portable(const std::uint8_t* at, std::size_t size, std::uint32_t crc) {
    while (size >= 8) {
        std::uint32_t low = load_le<std::uint32_t>(at) ^ crc;
        std::uint32_t high = load_le<std::uint32_t>(at + 4);
        crc = slices[7][low & 255] ^ slices[6][low >> 8 & 255] ^ slices[5][low >> 16 & 255] ^
              slices[4][low >> 24] ^ slices[3][high & 255] ^ slices[2][high >> 8 & 255] ^
              slices[1][high >> 16 & 255] ^ slices[0][high >> 24];
        at += 8, size -= 8;
    }
    while (size--) crc = crc >> 8 ^ slices[0][(crc ^ *at++) & 255];
    return crc;
}

#if defined(__x86_64__)

// The instruction takes 3 cycles and starts every cycle, so three lanes run at once. A lane's
// result is moved over the bytes that follow it by a table: shift[i][b] is byte i of a checksum, b,
// followed by lane_bytes zeros.
using Shift = std::array<std::array<std::uint32_t, 256>, 4>;

Shift make_shift(std::size_t lane_bytes) {
    static constexpr std::uint8_t zeros[1024] = {};
    Shift shift;
    for (int i = 0; i < 4; ++i)
        for (std::uint32_t b = 0; b < 256; ++b)
            shift[i][b] = portable(zeros, lane_bytes, b << 8 * i);
    return shift;
}

std::uint32_t shifted(const Shift& shift, std::uint32_t crc) {
    return shift[0][crc & 255] ^ shift[1][crc >> 8 & 255] ^ shift[2][crc >> 16 & 255] ^
           shift[3][crc >> 24];
}

// Takes as many times three lanes as there are.
template <std::size_t lane_bytes>
__attribute__((target("sse4.2"))) std::uint32_t three_lanes(const std::uint8_t*& at,
                                                            std::size_t& size, std::uint32_t crc) {
    static const Shift shift = make_shift(lane_bytes);
    while (size >= 3 * lane_bytes) {
        std::uint64_t first = crc, second = 0, third = 0;
        for (std::size_t i = 0; i < lane_bytes; i += 8) {
            first = _mm_crc32_u64(first, load_le<std::uint64_t>(at + i));
            second = _mm_crc32_u64(second, load_le<std::uint64_t>(at + i + lane_bytes));
            third = _mm_crc32_u64(third, load_le<std::uint64_t>(at + i + 2 * lane_bytes));
        }
        crc =
            shifted(shift, static_cast<std::uint32_t>(first)) ^ static_cast<std::uint32_t>(second);
        crc = shifted(shift, crc) ^ static_cast<std::uint32_t>(third);
        at += 3 * lane_bytes, size -= 3 * lane_bytes;
    }
    return crc;
}

__attribute__((target("sse4.2"))) std::uint32_t hardware(const std::uint8_t* at, std::size_t size,
                                                         std::uint32_t crc) {
    crc = three_lanes<1024>(at, size, crc);
    crc = three_lanes<128>(at, size, crc);
    std::uint64_t wide = crc;
    for (; size >= 8; at += 8, size -= 8) wide = _mm_crc32_u64(wide, load_le<std::uint64_t>(at));
    crc = static_cast<std::uint32_t>(wide);
    while (size--) crc = _mm_crc32_u8(crc, *at++);
    return crc;
}

#endif

}  // namespace

bool crc32c_has_hardware() {
#if defined(__SSE4_2__)
    return true;  // the whole build asks for it
#elif defined(__x86_64__)
    static const bool has = __builtin_cpu_supports("sse4.2");
    return has;
#else
    return false;
#endif
}

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before) {
    return ~portable(bytes.data(), bytes.size(), ~before);
}

std::uint32_t crc32c_hardware(ByteView bytes, std::uint32_t before) {
#if defined(__x86_64__)
    if (crc32c_has_hardware()) return ~hardware(bytes.data(), bytes.size(), ~before);
#endif
    return crc32c_portable(bytes, before);
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t before) {
    return crc32c_hardware(bytes, before);
}

}  // namespace mw
