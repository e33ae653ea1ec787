// A rehearsal makes a frame come sooner, and changes nothing of it.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "base/random.h"
#include "insight/features/features.h"

namespace mw::features {
namespace {

Plan plan_over(WindowKind kind, Extent length, Extent every) {
    Plan plan;
    plan.inputs = {"a", "b"};
    plan.window.kind = kind;
    plan.window.length = length;
    plan.window.every = every;
    plan.window.max_gap = seconds{5};
    for (std::uint32_t input = 0; input < 2; ++input)
        for (const Statistic s : {Statistic::mean, Statistic::deviation, Statistic::max,
                                  Statistic::median, Statistic::slope})
            plan.features.push_back(
                {std::string(to_string(s)) + std::to_string(input), input, s, {}, 3, 2});
    return plan;
}

std::vector<Plan> plans() {
    const Extent rows{10, {}}, some{4, {}}, time{0, seconds{10}}, step{0, seconds{3}};
    return {plan_over(WindowKind::tumbling, rows, rows), plan_over(WindowKind::sliding, rows, some),
            plan_over(WindowKind::sliding, rows, rows), plan_over(WindowKind::tumbling, time, time),
            plan_over(WindowKind::sliding, time, step)};
}

struct RowSource {
    SeededRandom random{7};
    Timestamp time{1'000'000'000'000'000'000};
    std::array<double, 2> values{};
    Row next(bool gaps) {
        time = time + (gaps && random.below(40) == 0 ? seconds{20} : seconds{1});
        for (double& value : values)
            value = gaps && random.below(30) == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                  : 5 + random.normal();
        return {time, values, {}};
    }
};

TEST(Rehearsal, leaves_every_bit_of_every_frame_as_it_is) {
    for (const Plan& plan : plans()) {
        auto plain = Extractor::open(plan), rehearsed = Extractor::open(plan);
        ASSERT_TRUE(plain.ok() && rehearsed.ok());
        rehearsed->rehearse();  // of nothing
        RowSource source;
        int frames = 0;
        for (int i = 0; i < 2'000; ++i) {
            const Row row = source.next(true);
            const auto want = plain->push(row), got = rehearsed->push(row);
            ASSERT_EQ(want.has_value(), got.has_value());
            if (want) {
                ++frames;
                ASSERT_EQ(0, std::memcmp(want->values.data(), got->values.data(),
                                         want->values.size_bytes()));
                ASSERT_EQ(0, std::memcmp(want->scaled.data(), got->scaled.data(),
                                         want->scaled.size_bytes()));
                ASSERT_EQ(want->lacking, got->lacking);
            }
            EXPECT_EQ(rehearsed->rehearse().size(), plan.features.size());
        }
        EXPECT_GT(frames, 50);
    }
}

TEST(Rehearsal, a_window_s_end_is_known_before) {
    for (const Plan& plan : plans()) {
        auto extractor = Extractor::open(plan);
        ASSERT_TRUE(extractor.ok());
        RowSource source;
        int frames = 0;
        for (int i = 0; i < 300; ++i) {
            const Timestamp next = source.time + seconds{1};
            const bool told = extractor->ends_window(next);
            const bool came = extractor->push(source.next(false)).has_value();
            // The first windows of time may be cut off, and then there is no frame.
            if (i > 20) ASSERT_EQ(told, came) << "row " << i;
            if (came) ASSERT_TRUE(told) << "row " << i;
            frames += came;
        }
        EXPECT_GT(frames, 20);
        EXPECT_FALSE(extractor->ends_window(source.time + seconds{20})) << "after a gap";
    }
}

}  // namespace
}  // namespace mw::features
