#include "base/crc32c.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace mw {
namespace {

struct Case {
    const char* name;
    Bytes bytes;
    std::uint32_t checksum;
};

Bytes counting(bool up) {
    Bytes bytes(32);
    for (int i = 0; i < 32; ++i) bytes[i] = static_cast<std::uint8_t>(up ? i : 31 - i);
    return bytes;
}

// RFC 3720 appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, published_vectors) {
    auto digits = bytes_of("123456789");
    const Case cases[] = {{"32 zeros", Bytes(32, 0), 0x8a9136aa},
                          {"32 ones", Bytes(32, 0xff), 0x62a8ab43},
                          {"counting up", counting(true), 0x46dd794e},
                          {"counting down", counting(false), 0x113fdb5c},
                          {"check", Bytes(digits.begin(), digits.end()), 0xe3069283},
                          {"nothing", {}, 0}};
    for (const auto& row : cases) {
        EXPECT_EQ(crc32c(row.bytes), row.checksum) << row.name;
        EXPECT_EQ(crc32c_portable(row.bytes), row.checksum) << row.name;
        EXPECT_EQ(crc32c_hardware(row.bytes), row.checksum) << row.name;
    }
}

TEST(Crc32c, both_implementations_agree_at_every_length_and_alignment) {
    SeededRandom random{7};
    Bytes bytes(10'000);
    random.fill(bytes);
    for (int i = 0; i < 2000; ++i) {
        std::size_t from = random.below(64);
        std::size_t size = i < 200 ? i : random.below(bytes.size() - from);
        ByteView part{bytes.data() + from, size};
        ASSERT_EQ(crc32c_hardware(part, 5), crc32c_portable(part, 5)) << from << " " << size;
    }
}

TEST(Crc32c, parts_chain_to_the_whole) {
    SeededRandom random{8};
    Bytes bytes(9000);
    random.fill(bytes);
    ByteView all = bytes;
    for (std::size_t cut : {0, 1, 7, 383, 384, 3072, 8999, 9000})
        EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all)) << cut;
}

TEST(Crc32c, one_flipped_bit_shows) {
    Bytes bytes(4096, 0x5a);
    std::uint32_t before = crc32c(bytes);
    bytes[4000] ^= 1;
    EXPECT_NE(crc32c(bytes), before);
}

}  // namespace
}  // namespace mw
