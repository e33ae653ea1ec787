#include "insight/drift/watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "insight/drift/autoregression.h"

namespace mw::drift {
namespace {

template <class Next>
int delay(Watch& watch, Next next) {
    for (int i = 1; i <= 20'000; ++i)
        if (watch.update(next())) return i;
    return 20'001;
}

int median(std::vector<int> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

TEST(Dependence, tells_how_many_independent_values_a_stream_is_worth) {
    SeededRandom random(7);
    std::printf("seed 7\n");
    for (const double r : {0.0, .5, .9}) {
        Ar stream(r, random);
        Dependence dependence;
        for (int i = 0; i < 20'000; ++i) dependence.add(100 + 3 * stream.next());
        const double truth = (1 + r) / (1 - r);
        EXPECT_NEAR(dependence.long_run_variance() / dependence.variance(), truth, .3 * truth);
        EXPECT_NEAR(dependence.correlation(), r, .03);
    }
    // A slow wave under much noise: neighbours hardly agree, yet means do.
    Ar slow(.995, random);
    Dependence mixed;
    for (int i = 0; i < 100'000; ++i) mixed.add(slow.next() + 2 * random.normal());
    EXPECT_LT(mixed.correlation(), .3);
    EXPECT_GT(mixed.long_run_variance() / mixed.variance(), 30);
}

TEST(Watch, sees_shifts_in_time_and_stays_quiet_without) {
    constexpr std::uint64_t seed = 99;
    std::printf("seed %d\n", static_cast<int>(seed));
    SeededRandom random(seed);
    std::vector<int> rate, one, half;
    int alarms = 0;
    for (int run = 0; run < 11; ++run) {
        Watch a, b, c;
        Ar x(.9, random), y(.9, random);
        for (int i = 0; i < 2000; ++i) {
            alarms += a.update(random.uniform() < .2).has_value();
            alarms += b.update(x.next()).has_value();
            alarms += c.update(y.next()).has_value();
        }
        rate.push_back(delay(a, [&] { return random.uniform() < .35 ? 1.0 : 0.0; }));
        one.push_back(delay(b, [&] { return x.next() + 1; }));
        half.push_back(delay(c, [&] { return y.next() + .5; }));
    }
    EXPECT_LE(median(rate), 250);
    EXPECT_LE(median(one), 700);
    EXPECT_LE(median(half), 2800);
    EXPECT_LE(alarms, 3);
}

TEST(Watch, says_what_changed_and_goes_on_from_there) {
    SeededRandom random(3);
    Watch watch;
    for (int i = 0; i < 1000; ++i) ASSERT_FALSE(watch.update(10 + random.normal()));
    std::optional<Change> change;
    for (int i = 0; i < 200 && !change; ++i) change = watch.update(12 + random.normal());
    ASSERT_TRUE(change);
    EXPECT_NEAR(change->before, 10, .3);
    EXPECT_NEAR(change->after, 12, .8);
    EXPECT_EQ(watch.values(), change->values_after);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(watch.update(12 + random.normal()));
}

TEST(Watch, constant_streams_and_holes_are_no_change) {
    Watch watch;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(watch.update(5));
        EXPECT_FALSE(watch.update(std::nan("")));
    }
    EXPECT_EQ(watch.values(), 1000u);
    EXPECT_FALSE(watch.update(6));  // one value says nothing
}

}  // namespace
}  // namespace mw::drift
