#include "fleet/onboarding/rate_table.h"

#include <gtest/gtest.h>

namespace mw::onboarding {
namespace {

constexpr SteadyTime start{3'600'000'000'000};

TEST(RateTable, a_burst_passes_and_then_the_rate) {
    RateTable table({2, 3});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(table.take("a", start), nanoseconds{0}) << i;
    const auto wait = table.take("a", start);
    EXPECT_GT(wait, milliseconds{499});
    EXPECT_LE(wait, milliseconds{501});
    EXPECT_EQ(table.wait("a", start), wait);
    EXPECT_EQ(table.take("b", start), nanoseconds{0});  // another name
    EXPECT_EQ(table.take("a", start + wait), nanoseconds{0});
    EXPECT_GT(table.take("a", start + wait), nanoseconds{0});
    EXPECT_EQ(table.wait("never seen", start), nanoseconds{0});
}

TEST(RateTable, names_are_bounded_and_those_at_rest_make_room) {
    RateTable table({1, 2}, 10);
    for (int i = 0; i < 10; ++i) table.take("n" + std::to_string(i), start);
    // Full: the eleventh and the twelfth share a bucket of two.
    EXPECT_EQ(table.take("x", start), nanoseconds{0});
    EXPECT_EQ(table.take("y", start), nanoseconds{0});
    EXPECT_GT(table.take("z", start), nanoseconds{0});
    EXPECT_GT(table.wait("w", start), nanoseconds{0});
    EXPECT_LE(table.size(), 11u);
    EXPECT_EQ(table.take("z", start + seconds{5}), nanoseconds{0});
    EXPECT_LE(table.size(), 2u);
}

TEST(RateTable, a_site_counts_as_one_address) {
    struct Row {
        const char *one, *other;
        bool same;
    };
    for (const Row& row :
         {Row{"192.0.2.1", "192.0.2.2", false},
          Row{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
          Row{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
          Row{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false}, Row{"", "192.0.2.1", false}})
        EXPECT_EQ(rate_name(row.one) == rate_name(row.other), row.same) << row.one;
}

}  // namespace
}  // namespace mw::onboarding
