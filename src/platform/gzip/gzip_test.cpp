#include "platform/gzip/gzip.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace mw::gzip {
namespace {

TEST(Gzip, what_is_packed_unpacks_to_itself) {
    SeededRandom random(4);
    for (const std::size_t size : {0U, 1U, 1000U, 65'536U, 65'537U, 300'000U}) {
        std::string text(size, 0);
        for (auto& c : text) c = static_cast<char>('a' + random.below(3));
        const auto back = unpack(pack(text), 300'000);
        ASSERT_TRUE(back) << size << ": " << back.error().message;
        EXPECT_EQ(*back, text);
    }
}

TEST(Gzip, members_follow_each_other) {
    const auto both = unpack(pack("one ") + pack("two"), 100);
    ASSERT_TRUE(both) << both.error().message;
    EXPECT_EQ(*both, "one two");
}

TEST(Gzip, what_is_too_much_or_broken_is_refused) {
    const std::string packed = pack(std::string(100'000, 'x'));
    EXPECT_TRUE(unpack(packed, 100'000));
    EXPECT_NE(unpack(packed, 99'999).error().message.find("more than 99999 bytes"),
              std::string::npos);
    EXPECT_FALSE(unpack(pack("x") + packed, 100'000));
    for (std::size_t cut = 0; cut < packed.size(); ++cut)
        EXPECT_FALSE(unpack(packed.substr(0, cut), 200'000)) << cut;
    EXPECT_FALSE(unpack("not gzip at all", 100));
    std::string flipped = packed;
    flipped[packed.size() - 6] ^= 1;  // in the checksum
    EXPECT_FALSE(unpack(flipped, 200'000));
}

}  // namespace
}  // namespace mw::gzip
