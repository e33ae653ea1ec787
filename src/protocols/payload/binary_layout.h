#pragma once
// The bytes of a binary batch (docs/formats/points-binary.md), as its reader and its writer see
// them.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "domain/quality.h"

namespace mw::payload::binary {

inline constexpr std::string_view magic = "MWPB";
inline constexpr std::size_t header_bytes = 40;
inline constexpr std::size_t head_bytes = 32;
inline constexpr std::size_t trailer_bytes = 8;
inline constexpr std::uint16_t replayed_flag = 1;
inline constexpr std::uint16_t row_flag = 2;
inline constexpr std::int64_t latest_time_ns = 9'200'000'000'000'000'000;  // the year 2261
inline constexpr int exponent_max = 15;
inline constexpr std::array<double, exponent_max + 1> power_of_ten{
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

enum class Times : std::uint8_t { list, regular, as_before };
enum class Values : std::uint8_t { doubles, i16, i32, i64 };
enum class Qualities : std::uint8_t { good, one, list };

constexpr std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

constexpr std::size_t width_of(Values values) {
    constexpr std::size_t widths[] = {8, 2, 4, 8};
    return widths[static_cast<std::size_t>(values)];
}

struct RunHead {
    std::uint32_t points = 0;
    Times times = Times::list;
    Values values = Values::doubles;
    std::uint8_t exponent = 0;
    Qualities qualities = Qualities::good;
    Quality quality = Quality::good();
    std::int64_t start = 0;
    std::int64_t step = 0;

    std::size_t data_bytes() const {
        return (times == Times::list ? std::size_t{points} * 8 : 0) +
               padded(points * width_of(values)) +
               (qualities == Qualities::list ? padded(points) : 0);
    }
};

inline RunHead load_head(const std::uint8_t* at) {
    return {.points = load_le<std::uint32_t>(at),
            .times = Times{at[4]},
            .values = Values{at[5]},
            .exponent = at[6],
            .qualities = Qualities{at[7]},
            .quality = {at[8]},
            .start = load_le<std::int64_t>(at + 16),
            .step = load_le<std::int64_t>(at + 24)};
}

}  // namespace mw::payload::binary
