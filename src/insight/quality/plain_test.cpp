// Rows without a fault are judged many at a time. That says what the long way says, also where
// differences of times are larger than a number of 64 bits.
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/random.h"
#include "insight/quality/quality.h"

namespace mw::quality {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

// A limit on the rate that nothing reaches sends every row the long way.
Rules rules_of(nanoseconds every, double max_rate) {
    auto rules = std::make_shared<RuleSet>();
    rules->signals["p"] = {.min = -1, .max = 1, .max_rate = max_rate, .every = every};
    return rules;
}

Batch batch_of(std::vector<Timestamp> times, double value) {
    Batch batch;
    batch.device.text = "gw-1";
    batch.replayed = true;
    batch.values.assign(times.size(), value);
    batch.quality.assign(times.size(), Quality::good());
    batch.runs.push_back({"p", "", 0, static_cast<std::uint32_t>(times.size())});
    batch.times = std::move(times);
    return batch;
}

TEST(QualityPlain, times_from_end_to_end_are_judged_as_one_by_one) {
    constexpr std::array<std::int64_t, 9> ends{
        lowest,      lowest + 1, -(std::int64_t{1} << 62), -1, 0, 1, std::int64_t{1} << 62,
        highest - 1, highest};
    SeededRandom random(3);
    for (const nanoseconds every : {nanoseconds{0}, nanoseconds{1}, nanoseconds{highest}}) {
        const Rules plain = rules_of(every, std::numeric_limits<double>::infinity());
        const Rules careful = rules_of(every, 1e300);
        Engine together, alone;
        for (int message = 0; message < 2'000; ++message) {
            std::vector<Timestamp> times{{ends[random.below(ends.size())]}};
            for (std::uint64_t more = random.below(70); more > 0; --more) {
                const std::uint64_t step =
                    random.below(8) == 0 ? random.next() >> random.below(64) : 1 + random.below(2);
                times.push_back({static_cast<std::int64_t>(
                    static_cast<std::uint64_t>(times.back().ns) + step)});
            }
            Batch batch = batch_of(times, 0.5), again = batch;
            together.judge(batch, plain);
            alone.judge(again, careful);
            ASSERT_EQ(batch.quality, again.quality) << message;
            ASSERT_EQ(together.scorecard()[0].counters, alone.scorecard()[0].counters) << message;
            ASSERT_EQ(together.scorecard()[0].last, alone.scorecard()[0].last) << message;
        }
    }
}

TEST(QualityPlain, doubts_are_counted) {
    std::vector<Quality> codes(100, Quality::good());
    EXPECT_EQ(count_doubts(codes).bad + count_doubts(codes).uncertain, 0u);
    codes[7] = codes[99] = Quality::uncertain(Reason::late);
    codes[8] = Quality::bad(Reason::range);
    EXPECT_EQ(count_doubts(codes).uncertain, 2u);
    EXPECT_EQ(count_doubts(codes).bad, 1u);
    EXPECT_EQ(count_doubts({}).bad, 0u);
}

}  // namespace
}  // namespace mw::quality
