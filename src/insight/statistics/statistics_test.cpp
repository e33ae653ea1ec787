#include "insight/statistics/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/json.h"
#include "base/random.h"

namespace mw::statistics {
namespace {

TEST(Distributions, have_the_tabulated_quantiles) {
    EXPECT_NEAR(normal_quantile(.975), 1.959963984540054, 1e-12);
    EXPECT_NEAR(student_quantile(.975, 10), 2.2281388519649385, 1e-10);
    EXPECT_NEAR(student_quantile(.95, 1), 6.313751514675043, 1e-9);
    EXPECT_NEAR(chi_square_quantile(.95, 1), 3.841458820694124, 1e-10);
    EXPECT_NEAR(chi_square_quantile(.99, 9), 21.665994333461924, 1e-9);
    EXPECT_NEAR(gamma_quantile(.5, 2, 3), 3 * 1.6783469900166608, 1e-9);
    EXPECT_NEAR(beta_quantile(.5, 1, 3), 1 - std::cbrt(.5), 1e-12);
    // Far out: with two degrees the tail is exp(-x/2).
    EXPECT_NEAR(chi_square_tail(200, 2) / std::exp(-100.0), 1, 1e-10);
    EXPECT_NEAR(student_cdf(-1e6, 3) * 1e18 / 1.1026577908435839, 1, 1e-6);
}

TEST(Distributions, quantiles_undo_the_cdf) {
    for (const double p : {1e-9, .001, .05, .3, .5, .8, .99, 1 - 1e-9}) {
        EXPECT_NEAR(normal_cdf(normal_quantile(p)), p, 1e-12);
        for (const double degrees : {1.0, 2.5, 10.0, 300.0}) {
            EXPECT_NEAR(student_cdf(student_quantile(p, degrees), degrees), p, 1e-10)
                << p << " with " << degrees;
            EXPECT_NEAR(chi_square_cdf(chi_square_quantile(p, degrees), degrees), p, 1e-10);
            EXPECT_NEAR(beta_cdf(beta_quantile(p, degrees, 1.5), degrees, 1.5), p, 1e-10);
        }
    }
}

struct MsprtRow {
    double difference, n, lambda, p;
};
constexpr MsprtRow msprt_rows[] = {{.1, 500, 1.3053558147729398, .7660746508215042},
                                   {.1, 1000, 3.278721627526389, .3049969206304482},
                                   {.2, 500, 19.011557566042615, .052599582991881964},
                                   {0, 1000, .408248290463863, 1}};

TEST(KnownAnswers, of_sequential_tests) {
    for (const MsprtRow& row : msprt_rows) {
        const SequentialRatio ratio = msprt(row.difference, row.n, 1, .01);
        EXPECT_NEAR(ratio.lambda, row.lambda, 1e-12 * row.lambda);
        EXPECT_NEAR(ratio.p, row.p, 1e-12);
    }
    EXPECT_NEAR(confidence_sequence_half_width(100, 1, .1, .05), .36563948713638483, 1e-12);
    EXPECT_NEAR(confidence_sequence_half_width(1000, 1, .1, .05), .09606401928868574, 1e-12);
    EXPECT_NEAR(confidence_sequence_half_width(10'000, 1, .1, .05), .03273018624234933, 1e-12);
    const double obrien_fleming[] = {4.5617, 3.2256, 2.6337, 2.2809, 2.0401};
    const auto bounds = obrien_fleming_bounds(5, .05, true);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(bounds[i], obrien_fleming[i], 1e-4);
    EXPECT_NEAR(pocock_bounds(5, .05, true).back(), 2.4132, 1e-4);
    EXPECT_NEAR(obrien_fleming_bounds(1, .05, false)[0], 1.6448536269514722, 1e-6);
    EXPECT_NEAR(pocock_bounds(10, .05, true).back(), 2.555, 1e-3);
}

TEST(KnownAnswers, of_mann_whitney_and_cuped) {
    const std::vector<double> x = {1.1, 2.2, 3.3, 4.4, 5.5}, y = {2, 3, 4, 6, 7, 8};
    const RankTest test = mann_whitney(x, y);
    EXPECT_EQ(test.u, 9);
    EXPECT_NEAR(test.p_two_sided, .32900432900432897, 1e-12);
    EXPECT_NEAR(mann_whitney(y, x).p_greater, test.p_two_sided / 2, 1e-12);
    std::vector<double> pre, post, adjusted;
    for (int i = 0; i < 20; ++i) {
        pre.push_back(i);
        post.push_back(2 * i + (i % 2 == 0 ? 1 : -1));
    }
    const double theta = cuped_theta(pre, post);
    EXPECT_NEAR(theta, 1.9849624060150375, 1e-12);
    for (std::size_t i = 0; i < pre.size(); ++i) adjusted.push_back(post[i] - theta * pre[i]);
    EXPECT_NEAR(variance(post), 138.94736842105263, 1e-10);
    EXPECT_NEAR(variance(adjusted), 1.044717055797389, 1e-10);
}

// The same answers as they lie beside the source tree, computed elsewhere.
TEST(KnownAnswers, of_the_file) {
    const auto path =
        std::filesystem::path(MW_SOURCE_DIR).parent_path() / "shared/data/drift_kat/stat_kat.json";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "the known answers are not here";
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    const auto parsed = parse_json(text.str());
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    const JsonObject& answers = parsed->as_object();
    const auto number = [](const Json& row, const char* key) { return *find_number(row, key); };
    for (const Json& row : answers.at("msprt").as_array()) {
        const auto ratio = msprt(number(row, "delta"), number(row, "n_per_arm"),
                                 number(row, "sigma2"), number(row, "tau2"));
        EXPECT_NEAR(ratio.lambda, number(row, "Lambda"), 1e-10);
        EXPECT_NEAR(ratio.p, number(row, "p"), 1e-10);
    }
    for (const Json& row : answers.at("asymp_cs_halfwidth").as_array())
        EXPECT_NEAR(confidence_sequence_half_width(number(row, "n"), number(row, "sigma"),
                                                   number(row, "rho"), number(row, "alpha")),
                    number(row, "halfwidth"), 1e-12);
    const auto bounds = obrien_fleming_bounds(5, .05, true);
    const JsonArray& wanted = answers.at("obrien_fleming_K5_alpha.05_two_sided_z").as_array();
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(bounds[i], wanted[i].as_double(), 1e-4);
    EXPECT_NEAR(pocock_bounds(5, .05, true)[0], number(*parsed, "pocock_K5_z"), 1e-4);
    const auto values = [&](const char* key) {
        std::vector<double> all;
        for (const Json& value : answers.at("mannwhitney").at(key).as_array())
            all.push_back(value.to_number<double>());
        return all;
    };
    const RankTest test = mann_whitney(values("x"), values("y"));
    EXPECT_EQ(test.u, number(*parsed, "mannwhitney.U_x"));
    EXPECT_NEAR(test.p_two_sided, number(*parsed, "mannwhitney.p_exact_two_sided"), 1e-12);
}

TEST(MannWhitney, ties_and_many_values_take_the_normal_form) {
    std::vector<double> low, high;
    for (int i = 0; i < 40; ++i) {
        low.push_back(i % 10);
        high.push_back(i % 10 + 3);
    }
    EXPECT_LT(mann_whitney(high, low).p_greater, 1e-4);
    EXPECT_GT(mann_whitney(low, high).p_greater, .999);
    EXPECT_NEAR(mann_whitney(low, low).p_two_sided, 1, 1e-9);
    EXPECT_EQ(mann_whitney(std::vector<double>(5, 1), std::vector<double>(5, 1)).p_two_sided, 1);
    EXPECT_EQ(mann_whitney({}, low).p_two_sided, 1);
}

TEST(FalseDiscovery, adjusts_as_benjamini_and_hochberg_say) {
    // 15 p-values of their paper of 1995: at .05 the four smallest are rejected.
    const std::vector<double> p = {.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344,
                                   .0459, .3240, .4262, .5719, .6528, .7590, 1.000};
    const auto adjusted = false_discovery_p(p);
    EXPECT_EQ(std::count_if(adjusted.begin(), adjusted.end(), [](double q) { return q <= .05; }),
              4);
    EXPECT_NEAR(adjusted[3], .0095 * 15 / 4, 1e-12);
    EXPECT_EQ(adjusted[14], 1);
    EXPECT_TRUE(false_discovery_p({}).empty());
}

TEST(Dependence, is_measured_and_makes_blocks_longer) {
    SeededRandom random(7);
    std::vector<double> free, bound;
    double state = 0;
    for (int i = 0; i < 2000; ++i) {
        free.push_back(random.normal());
        bound.push_back(state = .9 * state + random.normal());
    }
    EXPECT_NEAR(autocorrelation(bound, 1), .9, .04) << "seed 7";
    EXPECT_LE(block_length(free), 5U);
    EXPECT_GE(block_length(bound), 15U);
    EXPECT_EQ(block_length(std::vector<double>(30, 4.0)), 1U);
    EXPECT_NEAR(effective_sample_size(1900, .9), 100, 1e-9);
    EXPECT_EQ(effective_sample_size(100, -.5), 100);
    EXPECT_EQ(effective_sample_size(0, .5), 0);
}

TEST(EValue, averages_one_when_there_is_no_effect) {
    SeededRandom random(11);
    constexpr int runs = 20'000;
    double one_sided = 0, two_sided = 0;
    for (int run = 0; run < runs; ++run) {
        double squares = 0;
        for (int i = 0; i < 10; ++i) {
            const double part = random.normal();
            squares += part * part;
        }
        const double t = random.normal() / std::sqrt(squares / 10);
        one_sided += student_e_value(t, 10, 2, 1, false) / runs;
        two_sided += student_e_value(t, 10, 2, 1, true) / runs;
    }
    EXPECT_NEAR(one_sided, 1, .05) << "seed 11";
    EXPECT_NEAR(two_sided, 1, .05) << "seed 11";
    EXPECT_GT(student_e_value(20, 10, 2, 1, false), 100);
    EXPECT_LT(student_e_value(-20, 10, 2, 1, false), 1);
}

// ---- KPIs

std::vector<double> level(double mean, int days, Random& random) {
    std::vector<double> values;
    for (int day = 0; day < days; ++day)
        values.push_back(mean + (day % 7 >= 5 ? -20 : 8) + 2 * random.normal());
    return values;
}

TEST(KpiMeans, tell_reached_from_not_reached) {
    SeededRandom random(3);
    const auto before = level(100, 56, random), same = level(100, 28, random),
               lower = level(85, 28, random);
    const KpiReading reached = compare_means(before, lower, {.percent = -10}, {});
    EXPECT_EQ(reached.verdict, KpiVerdict::reached) << reached.says;
    EXPECT_TRUE(reached.better);
    EXPECT_NEAR(reached.percent->estimate, -15, 1.5);
    EXPECT_LT(reached.percent->low, reached.percent->estimate);
    EXPECT_GT(reached.percent->high, reached.percent->estimate);
    EXPECT_GT(reached.power, .99);
    const KpiReading missed = compare_means(before, same, {.percent = -10}, {});
    EXPECT_EQ(missed.verdict, KpiVerdict::not_reached) << missed.says;
    EXPECT_FALSE(missed.better);
    const KpiReading up = compare_means(lower, before, {.absolute = 95, .decrease = false}, {});
    EXPECT_EQ(up.verdict, KpiVerdict::reached) << up.says;
    EXPECT_EQ(compare_means(before, lower, {.percent = -10}, {}).change.low, reached.change.low);
}

TEST(KpiMeans, few_or_wild_days_are_inconclusive_and_say_what_is_needed) {
    const std::vector<double> few = {1, 2, 3};
    const KpiReading too_few = compare_means(few, few, {.percent = -10}, {});
    EXPECT_EQ(too_few.verdict, KpiVerdict::inconclusive);
    EXPECT_NE(too_few.says.find("at least 7"), std::string::npos);
    SeededRandom random(5);
    std::vector<double> before, now;
    for (int day = 0; day < 20; ++day) {
        before.push_back(100 + 60 * random.normal());
        now.push_back(95 + 60 * random.normal());
    }
    const KpiReading wild = compare_means(before, now, {.percent = -5}, {});
    EXPECT_EQ(wild.verdict, KpiVerdict::inconclusive) << wild.says;
    EXPECT_LT(wild.power, .2);
    EXPECT_GT(wild.needed, 100);
    EXPECT_NE(wild.says.find("it takes about"), std::string::npos) << wild.says;
}

// A baseline around zero has no percentage.
TEST(KpiMeans, no_percentage_of_nothing) {
    SeededRandom random(6);
    std::vector<double> before, now;
    for (int day = 0; day < 20; ++day) {
        before.push_back(random.normal());
        now.push_back(random.normal() - 5);
    }
    const KpiReading reading = compare_means(before, now, {.absolute = -2}, {});
    EXPECT_FALSE(reading.percent);
    EXPECT_EQ(reading.verdict, KpiVerdict::reached) << reading.says;
}

int poisson(double mean, Random& random) {
    int count = 0;
    for (double product = random.uniform(); product > std::exp(-mean); ++count)
        product *= random.uniform();
    return count;
}

std::vector<DayCount> stops(double per_day, int days, Random& random) {
    std::vector<DayCount> all;
    for (int day = 0; day < days; ++day) all.push_back({double(poisson(per_day, random)), 20});
    return all;
}

TEST(KpiRates, the_interval_covers_and_the_verdict_is_honest_about_power) {
    SeededRandom random(17);
    int covered = 0, better = 0, reached_few = 0, reached_unchanged = 0;
    constexpr int plants = 200;
    for (int plant = 0; plant < plants; ++plant) {
        const auto before = stops(3, 60, random);
        const auto many = compare_rates(before, stops(2.1, 60, random), {.percent = -30}, {});
        covered += many.percent->low <= -30 && -30 <= many.percent->high;
        better += many.better;
        EXPECT_GT(many.power, .8);
        const auto few =
            compare_rates(stops(.3, 60, random), stops(.21, 60, random), {.percent = -30}, {});
        reached_few += few.verdict == KpiVerdict::reached;
        EXPECT_LT(few.power, .6);
        const auto unchanged = compare_rates(before, stops(3, 60, random), {.percent = -30}, {});
        reached_unchanged += unchanged.verdict == KpiVerdict::reached;
    }
    EXPECT_GE(covered, plants * 83 / 100) << "seed 17";
    EXPECT_LE(covered, plants * 97 / 100) << "seed 17";
    EXPECT_GE(better, plants * 85 / 100) << "seed 17";
    EXPECT_LE(reached_few, plants * 12 / 100) << "seed 17";
    EXPECT_LE(reached_unchanged, plants * 2 / 100) << "seed 17";
}

TEST(KpiRates, overdispersion_widens_and_nothing_in_the_baseline_is_said) {
    EXPECT_NEAR(events_needed(.7, 1, .95, .8), 150, 1);
    EXPECT_NEAR(events_needed(.7, 2, .95, .8), 300, 2);
    std::vector<DayCount> even, clumped;
    for (int day = 0; day < 60; ++day) {
        even.push_back({2, 10});
        clumped.push_back({day % 6 == 0 ? 12.0 : 0.0, 10});
    }
    const auto narrow = compare_rates(even, even, {.percent = -30}, {});
    const auto wide = compare_rates(clumped, clumped, {.percent = -30}, {});
    EXPECT_EQ(narrow.dependence, 1);
    EXPECT_GT(wide.dependence, 2);
    EXPECT_GT(wide.percent->high, narrow.percent->high);
    const std::vector<DayCount> none(60, {0, 10});
    const auto nothing = compare_rates(none, even, {.percent = -30}, {});
    EXPECT_EQ(nothing.verdict, KpiVerdict::inconclusive);
    EXPECT_NE(nothing.says.find("no event in the baseline"), std::string::npos);
    const auto gone = compare_rates(even, none, {.percent = -30}, {});
    EXPECT_EQ(gone.verdict, KpiVerdict::reached) << gone.says;
    EXPECT_EQ(compare_rates(std::vector<DayCount>(60, {2, 0}), even, {.percent = -30}, {}).verdict,
              KpiVerdict::inconclusive);
}

}  // namespace
}  // namespace mw::statistics
