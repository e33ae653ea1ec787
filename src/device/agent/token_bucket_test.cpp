#include "device/agent/token_bucket.h"

#include <gtest/gtest.h>

namespace mw::agent {
namespace {

constexpr SteadyTime start{1'000'000'000'000};

TEST(TokenBucket, without_a_rate_nothing_waits) {
    TokenBucket bucket;
    bucket.spend(1'000'000'000, start);
    EXPECT_EQ(bucket.wait(start), nanoseconds{0});
}

TEST(TokenBucket, a_burst_passes_and_then_the_rate_holds) {
    TokenBucket bucket;
    bucket.set(1000, 5000, start);
    SteadyTime now = start;
    std::uint64_t sent = 0;
    while (now < start + seconds{60}) {
        const nanoseconds wait = bucket.wait(now);
        if (wait > nanoseconds{0}) {
            now = now + wait;
            continue;
        }
        bucket.spend(300, now);
        sent += 300;
    }
    EXPECT_NEAR(static_cast<double>(sent), 60 * 1000 + 5000, 600);
}

TEST(TokenBucket, a_message_larger_than_the_burst_goes_and_the_next_one_pays) {
    TokenBucket bucket;
    bucket.set(1000, 100, start);
    EXPECT_EQ(bucket.wait(start), nanoseconds{0});
    bucket.spend(4100, start);
    EXPECT_NEAR(static_cast<double>(bucket.wait(start).count()), 4e9, 1e3);
    EXPECT_GT(bucket.wait(start + milliseconds{3900}), nanoseconds{0});
    EXPECT_EQ(bucket.wait(start + milliseconds{4001}), nanoseconds{0});
}

TEST(TokenBucket, an_idle_hour_saves_up_no_more_than_the_burst) {
    TokenBucket bucket;
    bucket.set(1000, 500, start);
    const SteadyTime later = start + hours{1};
    EXPECT_EQ(bucket.wait(later), nanoseconds{0});
    bucket.spend(1500, later);
    EXPECT_NEAR(static_cast<double>(bucket.wait(later).count()), 1e9, 1e3);
}

}  // namespace
}  // namespace mw::agent
