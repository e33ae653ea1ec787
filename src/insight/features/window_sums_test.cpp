#include "insight/features/window_sums.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "insight/features/features.h"

namespace mw::features {
namespace {

constexpr Statistic summed[] = {Statistic::mean,  Statistic::min,       Statistic::max,
                                Statistic::range, Statistic::deviation, Statistic::rms,
                                Statistic::crest, Statistic::skewness,  Statistic::kurtosis};

// Each of them, and the median, which is not made of sums, for each of two inputs.
Plan plan_of_sums(std::uint32_t rows, WindowKind kind) {
    Plan plan;
    plan.window.kind = kind;
    plan.window.length = {rows, {}};
    plan.window.every = {rows, {}};
    plan.inputs = {"a", "b"};
    for (std::uint32_t input = 0; input < 2; ++input) {
        for (const Statistic s : summed)
            plan.features.push_back(
                {std::string(to_string(s)) + std::to_string(input), input, s, {}, 0, 1});
        plan.features.push_back(
            {"median" + std::to_string(input), input, Statistic::median, {}, 0, 1});
    }
    return plan;
}

struct Exact {
    long double mean = 0, second = 0, third = 0, fourth = 0, square = 0, low = 0, high = 0;
};

Exact exact_of(const std::vector<double>& values) {
    Exact e;
    e.low = e.high = values[0];
    const auto n = static_cast<long double>(values.size());
    for (const double v : values) e.mean += v / n;
    for (const double v : values) {
        const long double d = v - e.mean;
        e.second += d * d / n, e.third += d * d * d / n, e.fourth += d * d * d * d / n;
        e.square += static_cast<long double>(v) * v / n;
        e.low = std::min<long double>(e.low, v), e.high = std::max<long double>(e.high, v);
    }
    return e;
}

double wanted_of(Statistic statistic, const Exact& e, std::size_t count) {
    const auto n = static_cast<long double>(count);
    switch (statistic) {
        case Statistic::mean:
            return double(e.mean);
        case Statistic::min:
            return double(e.low);
        case Statistic::max:
            return double(e.high);
        case Statistic::range:
            return double(e.high - e.low);
        case Statistic::deviation:
            return double(std::sqrt(e.second * n / (n - 1)));
        case Statistic::rms:
            return double(std::sqrt(e.square));
        case Statistic::crest:
            return double(std::max(std::abs(e.low), std::abs(e.high)) / std::sqrt(e.square));
        case Statistic::skewness:
            return double(e.third / std::pow(e.second, 1.5L));
        default:
            return double(e.fourth / (e.second * e.second));
    }
}

// Worst cases for sums about the first value: far from zero, and an outlier that comes first.
TEST(WindowSums, are_as_exact_as_the_rows_read_again) {
    for (const WindowKind kind : {WindowKind::tumbling, WindowKind::sliding})
        for (const double offset : {0.0, 1e6})
            for (const double outlier : {0.0, 1e4}) {
                constexpr std::uint32_t rows = 101;
                auto extractor = Extractor::open(plan_of_sums(rows, kind));
                ASSERT_TRUE(extractor);
                SeededRandom random(11);
                std::int64_t time = 0;
                for (int window = 0; window < 3; ++window) {
                    std::vector<double> first, second;
                    std::optional<Frame> frame;
                    for (std::uint32_t i = 0; i < rows; ++i) {
                        EXPECT_FALSE(frame);
                        first.push_back(offset + random.normal() + (i == 0 ? outlier : 0));
                        second.push_back(random.uniform());
                        const double row[] = {first.back(), second.back()};
                        frame = extractor->push({{++time}, row, {}});
                    }
                    ASSERT_TRUE(frame);
                    std::size_t at = 0;
                    for (const auto* values : {&first, &second}) {
                        const Exact exact = exact_of(*values);
                        for (const Statistic s : summed) {
                            const double wanted = wanted_of(s, exact, rows);
                            const double scale = std::max(1.0, std::abs(wanted));
                            EXPECT_NEAR(frame->values[at++], wanted, 1e-9 * scale) << to_string(s);
                        }
                        ++at;  // the median
                    }
                }
            }
}

// What is missing is made of the rows, as good as before.
TEST(WindowSums, an_input_with_a_hole_is_read_from_its_rows) {
    auto extractor = Extractor::open(plan_of_sums(4, WindowKind::tumbling));
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double rows[4][2] = {{1, 1}, {2, nan}, {3, 3}, {6, 5}};
    std::optional<Frame> frame;
    std::int64_t time = 0;
    for (const auto& row : rows) frame = extractor->push({{++time}, row, {}});
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->values[0], 3);
    EXPECT_EQ(frame->values[2], 6);
    EXPECT_EQ(frame->values[10], 3);  // of 1, 3 and 5
    EXPECT_EQ(frame->values[13], 4);
    EXPECT_EQ(frame->values[14], 2);
}

TEST(WindowSums, of_a_window_that_does_not_change_are_exact) {
    auto extractor = Extractor::open(plan_of_sums(10, WindowKind::tumbling));
    std::optional<Frame> frame;
    for (std::int64_t time = 1; time <= 10; ++time) {
        const double row[] = {.1, .1};
        frame = extractor->push({{time}, row, {}});
    }
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->values[0], .1);
    EXPECT_EQ(frame->values[4], 0);  // deviation
    EXPECT_EQ(frame->values[7], 0);  // skewness
}

TEST(WindowSums, are_not_made_for_windows_that_overlap) {
    Plan plan = plan_of_sums(10, WindowKind::sliding);
    plan.window.every = {5, {}};
    EXPECT_FALSE(WindowSums(plan).place_of(plan.features[0]));
    plan.window.every = {10, {}};
    EXPECT_TRUE(WindowSums(plan).place_of(plan.features[0]));
    EXPECT_FALSE(WindowSums(plan).place_of(plan.features[9]));
    plan.features[0].over = {3, {}};
    EXPECT_FALSE(WindowSums(plan).place_of(plan.features[0]));
}

// Whatever came before, a gap in the middle of a window, or rows of another phase.
TEST(WindowSums, begin_anew_after_a_gap_and_a_restart) {
    Plan plan = plan_of_sums(4, WindowKind::tumbling);
    plan.window.max_gap = nanoseconds{10};
    const auto sums_from = [&](std::uint64_t phase, std::vector<std::int64_t> times) {
        auto extractor = Extractor::open(plan);
        extractor->continue_from(phase);
        std::vector<double> means;
        for (const std::int64_t time : times) {
            const double row[] = {double(time), 1};
            if (const auto frame = extractor->push({{time}, row, {}}))
                means.push_back(frame->values[0]);
        }
        return means;
    };
    EXPECT_EQ(sums_from(0, {1, 2, 3, 20, 21, 22, 23}), std::vector<double>{21.5});
    EXPECT_EQ(sums_from(2, {1, 2, 3, 4, 5, 6}), std::vector<double>{4.5});
}

}  // namespace
}  // namespace mw::features
