#pragma once
// Modbus TCP, the side that reads: requests, answers, registers as numbers. Pure functions of
// bytes.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace mw::modbus {

// By the function code that reads it.
enum class Table : std::uint8_t { coils = 1, discrete_inputs = 2, holding = 3, input = 4 };
constexpr bool is_bits(Table table) { return table <= Table::discrete_inputs; }
inline constexpr std::uint16_t registers_max = 125, bits_max = 2000;  // of one request

struct Read {
    Table table = Table::holding;
    std::uint16_t address = 0;  // from 0, as on the wire
    std::uint16_t count = 1;
};
Bytes encode_read(std::uint16_t transaction, std::uint8_t unit, const Read& read);

// How long the answer that begins here is; nullopt: too few bytes to say. corrupt: not Modbus.
Result<std::optional<std::size_t>> answer_length(ByteView bytes);
// Registers, or a bit each. invalid_input, overloaded, io_failed: the machine's own refusal, in
// words; corrupt: not the answer to this request.
Result<std::vector<std::uint16_t>> decode_answer(ByteView answer, std::uint16_t transaction,
                                                 std::uint8_t unit, const Read& read);

enum class Number : std::uint8_t { bit, int16, uint16, int32, uint32, float32, float64 };
std::optional<Number> number_named(std::string_view name);
std::size_t registers_of(Number number);  // 1, 2 or 4

// Where the bytes of a number of several registers lie, most significant first.
struct Order {
    bool words_swapped = false;  // the lowest register has the lowest part
    bool bytes_swapped = false;  // within each register
};
// abcd, cdab (words swapped), badc (bytes swapped), dcba (both).
std::optional<Order> order_named(std::string_view name);

// The registers at the front, which are at least registers_of(number).
double number_of(std::span<const std::uint16_t> registers, Number number, Order order);

}  // namespace mw::modbus
