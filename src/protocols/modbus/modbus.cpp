#include "protocols/modbus/modbus.h"

#include <array>

namespace mw::modbus {
namespace {

// Transaction, protocol (0), length of what follows, unit: then function and its bytes.
constexpr std::size_t header_bytes = 7, length_ends = 6;
constexpr std::size_t length_max = 254;  // of a unit, a function and 252 bytes
constexpr std::uint8_t exception_bit = 0x80;

void put_be(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value & 255));
}

std::uint16_t load_be(ByteView bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

Error not_modbus(const char* what) {
    return {Errc::corrupt, std::string("the machine's answer ") + what};
}

Error refusal(std::uint8_t code, const Read& read) {
    const std::string where =
        "address " + std::to_string(read.address) + ", count " + std::to_string(read.count) + ": ";
    switch (code) {
        case 1:
            return {Errc::invalid_input, where + "the machine has no such table (exception 1)"};
        case 2:
            return {Errc::invalid_input, where + "the machine has no such address (exception 2)"};
        case 3:
            return {Errc::invalid_input, where + "the machine refuses the count (exception 3)"};
        case 5:
        case 6:
            return {Errc::overloaded,
                    where + "the machine is busy (exception " + std::to_string(code) + ")"};
        case 10:
        case 11:
            return {Errc::io_failed, where + "the gateway does not reach that unit (exception " +
                                         std::to_string(code) + ")"};
        default:
            return {Errc::io_failed,
                    where + "the machine failed (exception " + std::to_string(code) + ")"};
    }
}

std::vector<std::uint16_t> unpack_bits(ByteView packed, std::size_t count) {
    std::vector<std::uint16_t> bits;
    for (std::size_t i = 0; i < count; ++i) bits.push_back((packed[i / 8] >> (i % 8)) & 1);
    return bits;
}

}  // namespace

Bytes encode_read(std::uint16_t transaction, std::uint8_t unit, const Read& read) {
    Bytes out;
    put_be(out, transaction);
    put_be(out, 0);
    put_be(out, 6);
    out.push_back(unit);
    out.push_back(static_cast<std::uint8_t>(read.table));
    put_be(out, read.address);
    put_be(out, read.count);
    return out;
}

Result<std::optional<std::size_t>> answer_length(ByteView bytes) {
    if (bytes.size() < length_ends) return std::optional<std::size_t>();
    if (load_be(bytes, 2) != 0) return not_modbus("is not Modbus TCP");
    const std::size_t length = load_be(bytes, 4);
    if (length < 3 || length > length_max) return not_modbus("has an impossible length");
    return std::optional<std::size_t>(length_ends + length);
}

Result<std::vector<std::uint16_t>> decode_answer(ByteView answer, std::uint16_t transaction,
                                                 std::uint8_t unit, const Read& read) {
    if (answer.size() < header_bytes + 2) return not_modbus("is too short");
    if (load_be(answer, 0) != transaction || answer[6] != unit)
        return not_modbus("belongs to another request");
    const auto function = static_cast<std::uint8_t>(read.table);
    if (answer[7] == (function | exception_bit)) return refusal(answer[8], read);
    if (answer[7] != function) return not_modbus("has another function");
    const std::size_t bytes = is_bits(read.table) ? (read.count + 7u) / 8 : read.count * 2u;
    if (answer[8] != bytes || answer.size() != header_bytes + 2 + bytes)
        return not_modbus("has another count than was asked for");
    const ByteView body = answer.subspan(header_bytes + 2);
    if (is_bits(read.table)) return unpack_bits(body, read.count);
    std::vector<std::uint16_t> registers;
    for (std::size_t i = 0; i < read.count; ++i) registers.push_back(load_be(body, i * 2));
    return registers;
}

std::optional<Number> number_named(std::string_view name) {
    constexpr std::array<std::string_view, 7> names = {"bit",    "int16",   "uint16", "int32",
                                                       "uint32", "float32", "float64"};
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) return static_cast<Number>(i);
    return std::nullopt;
}

std::size_t registers_of(Number number) {
    if (number == Number::float64) return 4;
    return number >= Number::int32 ? 2 : 1;
}

std::optional<Order> order_named(std::string_view name) {
    if (name == "abcd") return Order{};
    if (name == "cdab") return Order{.words_swapped = true};
    if (name == "badc") return Order{.bytes_swapped = true};
    if (name == "dcba") return Order{.words_swapped = true, .bytes_swapped = true};
    return std::nullopt;
}

double number_of(std::span<const std::uint16_t> registers, Number number, Order order) {
    const std::size_t count = registers_of(number);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t word = registers[order.words_swapped ? count - 1 - i : i];
        if (order.bytes_swapped) word = static_cast<std::uint16_t>(word << 8 | word >> 8);
        bits = bits << 16 | word;
    }
    switch (number) {
        case Number::bit:
            return bits != 0 ? 1 : 0;
        case Number::int16:
            return static_cast<std::int16_t>(bits);
        case Number::int32:
            return static_cast<std::int32_t>(bits);
        case Number::float32:
            return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        case Number::float64:
            return std::bit_cast<double>(bits);
        default:
            return static_cast<double>(bits);
    }
}

}  // namespace mw::modbus
