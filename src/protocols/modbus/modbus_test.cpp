#include "protocols/modbus/modbus.h"

#include <gtest/gtest.h>

namespace mw::modbus {
namespace {

TEST(Modbus, a_request_is_twelve_bytes_as_the_specification_shows) {
    EXPECT_EQ(to_hex(encode_read(0x1501, 0xff, {Table::holding, 4, 1})),
              "150100000006ff0300040001");
}

TEST(Modbus, answers_give_registers_and_bits) {
    const auto registers = decode_answer(*from_hex("150100000007ff0304000501f4"), 0x1501, 0xff,
                                         {Table::holding, 4, 2});
    ASSERT_TRUE(registers) << registers.error().message;
    EXPECT_EQ(*registers, (std::vector<std::uint16_t>{5, 500}));
    // 10 coils from the specification's example: CD 01.
    const auto bits = decode_answer(*from_hex("0001000000050101"
                                              "02cd01"),
                                    1, 1, {Table::coils, 19, 10});
    ASSERT_TRUE(bits) << bits.error().message;
    EXPECT_EQ(*bits, (std::vector<std::uint16_t>{1, 0, 1, 1, 0, 0, 1, 1, 1, 0}));
}

TEST(Modbus, what_is_no_answer_is_refused_with_its_reason) {
    const struct {
        const char* hex;
        Errc code;
        const char* wanted;
    } rows[] = {
        {"00010000000301"
         "8302",
         Errc::invalid_input, "no such address"},
        {"00010000000301"
         "8306",
         Errc::overloaded, "busy"},
        {"00010000000301"
         "8304",
         Errc::io_failed, "failed"},
        {"00020000000501"
         "03020005",
         Errc::corrupt, "another request"},
        {"00010000000502"
         "03020005",
         Errc::corrupt, "another request"},
        {"00010000000501"
         "04020005",
         Errc::corrupt, "another function"},
        {"00010000000701"
         "030400050006",
         Errc::corrupt, "another count"},
        {"000100000002", Errc::corrupt, "too short"},
    };
    for (const auto& row : rows) {
        const auto got = decode_answer(*from_hex(row.hex), 1, 1, {Table::holding, 0, 1});
        ASSERT_FALSE(got) << row.hex;
        EXPECT_EQ(got.error().code, row.code) << row.hex;
        EXPECT_NE(got.error().message.find(row.wanted), std::string::npos) << got.error().message;
    }
}

TEST(Modbus, a_length_is_known_from_the_sixth_byte_on) {
    EXPECT_EQ(*answer_length(*from_hex("0001000000")), std::nullopt);
    EXPECT_EQ(*answer_length(*from_hex("000100000005")), 11u);
    EXPECT_FALSE(answer_length(*from_hex("000100010005")));
    EXPECT_FALSE(answer_length(*from_hex("00010000ffff")));
}

TEST(Modbus, registers_become_numbers_in_each_order) {
    const struct {
        std::vector<std::uint16_t> registers;
        const char* type;
        const char* order;
        double wanted;
    } rows[] = {
        {{0xfffe}, "int16", "abcd", -2},
        {{0xfffe}, "uint16", "abcd", 65534},
        {{0xfeff}, "int16", "badc", -2},
        {{0x0001, 0x0000}, "int32", "abcd", 65536},
        {{0x0000, 0x0001}, "int32", "cdab", 65536},
        {{0xffff, 0xffff}, "int32", "abcd", -1},
        {{0xffff, 0xffff}, "uint32", "abcd", 4294967295},
        {{0x4148, 0x0000}, "float32", "abcd", 12.5},
        {{0x0000, 0x4148}, "float32", "cdab", 12.5},
        {{0x4841, 0x0000}, "float32", "badc", 12.5},
        {{0x0000, 0x4841}, "float32", "dcba", 12.5},
        {{0x4029, 0, 0, 0}, "float64", "abcd", 12.5},
        {{1}, "bit", "abcd", 1},
    };
    for (const auto& row : rows)
        EXPECT_EQ(number_of(row.registers, *number_named(row.type), *order_named(row.order)),
                  row.wanted)
            << row.type << " " << row.order;
    EXPECT_FALSE(number_named("int24"));
    EXPECT_FALSE(order_named("acbd"));
}

}  // namespace
}  // namespace mw::modbus
