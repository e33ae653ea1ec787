#pragma once
// What parent and child say to each other. A question is the row's floats. An answer begins with a
// byte: 0, then floats; or 1, then what was wrong, as text. The first one has, instead of floats,
// JSON about the model.

#include <cstring>

#include "device/isolation/isolation.h"
#include "platform/process/process.h"

namespace mw::isolation {

constexpr std::size_t numbers_max = process::packet_max / sizeof(float) - 1;
constexpr std::string_view input_word = "input=", output_word = "output=";
constexpr std::uint8_t answer_good = 0, answer_bad = 1;

inline void put_text(Bytes& packet, std::uint8_t kind, std::string_view text) {
    packet.assign(1, kind);
    packet.insert(
        packet.end(), text.begin(),
        text.begin() + static_cast<std::ptrdiff_t>(std::min(text.size(), process::packet_max - 1)));
}

}  // namespace mw::isolation
