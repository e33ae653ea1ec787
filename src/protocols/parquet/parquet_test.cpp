#include "protocols/parquet/parquet.h"

#include <gtest/gtest.h>

#include "protocols/parquet/encodings.h"
#include "protocols/parquet/snappy.h"

namespace mw::parquet {
namespace {

TEST(Snappy, literals_and_copies_are_unpacked) {
    // "abcdabcdabcd": a literal of 4, a copy of 8 from 4 back, which reaches into itself.
    const Bytes copied = {12, 3 << 2, 'a', 'b', 'c', 'd', (4 << 2) | 1, 4};
    const auto text = unpack_snappy(copied, 12);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(text_of(*text), "abcdabcdabcd");
    Bytes long_literal = {61, 60 << 2, 60};
    for (int i = 0; i < 61; ++i) long_literal.push_back('x');
    EXPECT_EQ(unpack_snappy(long_literal, 61)->size(), 61u);
    const Bytes two_bytes_back = {6, 1 << 2, 'a', 'b', (3 << 2) | 2, 2, 0};
    EXPECT_EQ(text_of(*unpack_snappy(two_bytes_back, 6)), "ababab");
}

TEST(Snappy, what_does_not_fit_is_refused) {
    const Bytes good = {12, 3 << 2, 'a', 'b', 'c', 'd', (4 << 2) | 1, 4};
    EXPECT_FALSE(unpack_snappy(good, 11));                              // another size
    EXPECT_FALSE(unpack_snappy(ByteView(good).first(7), 12));           // cut off
    EXPECT_FALSE(unpack_snappy(Bytes{4, 3 << 2, 'a', 'b'}, 4));         // a short literal
    EXPECT_FALSE(unpack_snappy(Bytes{5, 0, 'a', (0 << 2) | 1, 2}, 5));  // before the start
    EXPECT_FALSE(unpack_snappy(Bytes{5, 0, 'a', (0 << 2) | 1, 0}, 5));  // nothing back
    EXPECT_FALSE(unpack_snappy(Bytes{1, 0, 'a', 0, 'b'}, 1));           // bytes are left
}

TEST(Encodings, runs_and_packed_bits_are_mixed) {
    // Five times 3 in a run, then eight numbers of three bits packed (the specification's example).
    const Bytes bytes = {5 << 1, 3, 1 << 1 | 1, 0x88, 0xC6, 0xFA};
    const auto numbers = read_hybrid(bytes, 3, 13);
    ASSERT_TRUE(numbers);
    EXPECT_EQ(*numbers, (std::vector<std::uint32_t>{3, 3, 3, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(read_hybrid(bytes, 3, 7)->size(), 7u);  // what is packed beyond is padding
    EXPECT_FALSE(read_hybrid(bytes, 3, 14));
    EXPECT_FALSE(read_hybrid(bytes, 33, 1));
    EXPECT_FALSE(read_hybrid(Bytes{5 << 1, 3}, 1, 5));  // 3 has two bits
}

TEST(Encodings, deltas_add_up) {
    // 7, 5, 3, 1, 2, 3, 4, 5: the specification's example; 128 a block, 4 miniblocks.
    Bytes bytes = {128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xC0, 0x3F};
    bytes.resize(bytes.size() + 6);
    const auto values = read_deltas(bytes, 8);
    ASSERT_TRUE(values) << values.error().message;
    EXPECT_EQ(values->integers, (std::vector<std::int64_t>{7, 5, 3, 1, 2, 3, 4, 5}));
    EXPECT_FALSE(read_deltas(bytes, 9));
    EXPECT_FALSE(read_deltas(ByteView(bytes).first(11), 8));
}

TEST(Encodings, streams_are_joined) {
    const Bytes bytes = {0, 0, 0, 0, 0x80, 0, 0x3f, 0x40};  // 1 and 2 as floats
    const auto values = read_split_streams(bytes, Physical::float_, 2);
    ASSERT_TRUE(values);
    EXPECT_EQ(values->numbers, (std::vector<double>{1, 2}));
    EXPECT_FALSE(read_split_streams(bytes, Physical::double_, 2));
}

TEST(Encodings, plain_values_are_counted_before_they_are_read) {
    const Bytes bytes = {255, 255, 255, 255, 1, 0, 0, 0};
    EXPECT_EQ(read_plain(bytes, Physical::int32, 2, false)->integers,
              (std::vector<std::int64_t>{-1, 1}));
    EXPECT_EQ(read_plain(bytes, Physical::int32, 1, true)->integers[0], 4'294'967'295);
    EXPECT_FALSE(read_plain(bytes, Physical::int32, 3, false));
    EXPECT_FALSE(read_plain(bytes, Physical::byte_array, 1, false));  // a text of 4 GB
    EXPECT_EQ(read_plain(Bytes{2, 0, 0, 0, 'h', 'i'}, Physical::byte_array, 1, false)->texts[0],
              "hi");
}

TEST(TableFile, what_is_no_parquet_is_told_as_what_it_is) {
    const auto why = [](std::string_view text) {
        const auto file = TableFile::open(bytes_of(text));
        return file ? std::string() : file.error().message;
    };
    EXPECT_EQ(why("time,flow\n1,2\n"), "not a Parquet file");
    EXPECT_EQ(why("PAR1 and then nothing"), "the file is cut off");
    EXPECT_EQ(why("PAR1xxxx\x01\x01\x01\x01PARE"), "the file is encrypted; write it without");
    EXPECT_EQ(why("PAR1xxxx\x7f\x01\x01\x01PAR1"), "the file's end is damaged");
}

}  // namespace
}  // namespace mw::parquet
