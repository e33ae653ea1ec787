#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace mw {
namespace {

std::vector<double> sample(std::uint64_t seed, std::size_t count) {
    SeededRandom random{seed};
    std::vector<double> values(count);
    for (auto& value : values) value = std::exp(3 * random.normal()) * (random.below(4) ? 1 : -1);
    return values;
}

Histogram of(const std::vector<double>& values) {
    Histogram histogram;
    for (double value : values) histogram.add(value);
    return histogram;
}

TEST(Histogram, quantiles_lie_within_one_percent) {
    auto values = sample(1, 20'000);
    auto histogram = of(values);
    std::ranges::sort(values);
    for (double q : {0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
        double exact = values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
        EXPECT_NEAR(histogram.quantile(q), exact, std::abs(exact) * 0.0100001) << q;
    }
}

TEST(Histogram, merging_parts_equals_the_whole_in_any_order) {
    auto values = sample(2, 5000);
    std::vector<Histogram> parts(7);
    for (std::size_t i = 0; i < values.size(); ++i) parts[i % 7].add(values[i]);
    Histogram forward, backward;
    for (int i = 0; i < 7; ++i) forward.merge(parts[i]), backward.merge(parts[6 - i]);
    EXPECT_EQ(forward, of(values));
    EXPECT_EQ(backward, of(values));
    EXPECT_NEAR(forward.sum(), of(values).sum(), 1e-6 * std::abs(forward.sum()));
}

TEST(Histogram, an_empty_one_answers_zero_and_changes_nothing) {
    Histogram empty, one;
    one.add(5);
    one.merge(empty);
    EXPECT_EQ(one.count(), 1u);
    EXPECT_EQ(empty.quantile(0.5), 0);
    EXPECT_EQ(empty.mean(), 0);
    empty.merge(one);
    EXPECT_EQ(empty, one);
    EXPECT_EQ(empty.min(), 5);
}

TEST(Histogram, one_value_is_given_back_as_it_was) {
    Histogram histogram;
    histogram.add(21.5, 1000);
    for (double q : {0.0, 0.5, 1.0}) EXPECT_EQ(histogram.quantile(q), 21.5);
    EXPECT_EQ(histogram.mean(), 21.5);
}

TEST(Histogram, extremes_are_bounded_and_nan_is_refused) {
    Histogram histogram;
    EXPECT_FALSE(histogram.add(std::numeric_limits<double>::quiet_NaN()));
    EXPECT_TRUE(histogram.empty());
    EXPECT_TRUE(histogram.add(std::numeric_limits<double>::infinity()));
    EXPECT_TRUE(histogram.add(-std::numeric_limits<double>::max()));
    EXPECT_TRUE(histogram.add(std::numeric_limits<double>::denorm_min()));
    EXPECT_EQ(histogram.max(), Histogram::largest);
    EXPECT_EQ(histogram.min(), -Histogram::largest);
    EXPECT_EQ(histogram.quantile(0.5), 0);
}

TEST(Histogram, rank_counts_what_is_at_or_below) {
    auto histogram = of({-100, -1, 0, 1, 100});
    EXPECT_EQ(histogram.rank(-1000), 0u);
    EXPECT_EQ(histogram.rank(-100), 1u);
    EXPECT_EQ(histogram.rank(-1), 2u);
    EXPECT_EQ(histogram.rank(0), 3u);
    EXPECT_EQ(histogram.rank(50), 4u);
    EXPECT_EQ(histogram.rank(100), 5u);
}

TEST(Histogram, bytes_and_json_give_back_an_equal_one) {
    for (const auto& histogram : {Histogram{}, of({0}), of({-3, 0, 7, 7}), of(sample(3, 3000))}) {
        auto bytes = Histogram::from_bytes(histogram.to_bytes());
        ASSERT_TRUE(bytes.ok()) << bytes.error().message;
        EXPECT_EQ(*bytes, histogram);
        EXPECT_EQ(bytes->sum(), histogram.sum());
        EXPECT_EQ(bytes->min(), histogram.min());
        auto text = parse_json(mw::to_json(histogram.to_json()));
        ASSERT_TRUE(text.ok());
        auto json = Histogram::from_json(*text);
        ASSERT_TRUE(json.ok()) << json.error().message;
        EXPECT_EQ(*json, histogram);
        EXPECT_DOUBLE_EQ(json->sum(), histogram.sum());
        EXPECT_DOUBLE_EQ(json->max(), histogram.max());
    }
}

// Drawn in docs/formats/histogram.md.
TEST(Histogram, golden_bytes_and_golden_json) {
    auto histogram = of({1, 1, 2, -2, 0});
    EXPECT_EQ(to_hex(histogram.to_bytes()),
              "4d574831"
              "0000000000000040"
              "00000000000000c0"
              "0000000000000040"
              "01"
              "02"
              "00"
              "02"
              "46"
              "01"
              "01"
              "46"
              "01");
    EXPECT_EQ(mw::to_json(histogram.to_json()),
              R"({"alpha":0.01,"count":5,"sum":2.0,"min":-2.0,"max":2.0,"zero":1,)"
              R"("pos":[0,2,35,1],"neg":[35,1]})");
}

TEST(Histogram, a_cut_or_altered_serialisation_never_crashes_and_mostly_errs) {
    auto bytes = of(sample(4, 200)).to_bytes();
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
        EXPECT_FALSE(Histogram::from_bytes(ByteView{bytes}.first(cut)).ok()) << cut;
    SeededRandom random{5};
    for (int i = 0; i < 2000; ++i) {
        auto altered = bytes;
        altered[random.below(altered.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
        if (auto read = Histogram::from_bytes(altered); read.ok()) {
            EXPECT_TRUE(std::isfinite(read->quantile(0.5)));
        }
    }
}

TEST(Histogram, json_that_cannot_be_one_is_refused) {
    const char* rows[] = {
        R"([])",
        R"({})",
        R"({"alpha":0.02,"sum":0,"min":0,"max":0,"zero":0,"pos":[],"neg":[]})",
        R"({"alpha":0.01,"sum":0,"min":0,"max":0,"zero":-1,"pos":[],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":1,"max":1,"zero":0,"pos":[0],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":1,"max":1,"zero":0,"pos":[9999999,1],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":1,"max":1,"zero":0,"pos":[3000,1],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":1,"max":1,"zero":0,"pos":[5,1,-1,1],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":1,"max":1,"zero":0,"pos":[5,0],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":2,"max":1,"zero":0,"pos":[5,1],"neg":[]})",
        R"({"alpha":0.01,"sum":1,"min":1,"max":1,"zero":18446744073709551615,)"
        R"("pos":[5,1],"neg":[]})",
    };
    for (const char* row : rows) EXPECT_FALSE(Histogram::from_json(*parse_json(row)).ok()) << row;
}

}  // namespace
}  // namespace mw
