#include "insight/quality/quality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace mw::quality {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;
const Quality good = Quality::good();

struct Point {
    double at_s;
    double value;
    Quality source = Quality::good();
};

Batch batch_of(const std::vector<Point>& points, const std::string& signal = "p",
               const std::string& unit = "") {
    Batch batch;
    batch.device.text = "gw-1";
    for (const auto& point : points) {
        batch.times.push_back({start + static_cast<std::int64_t>(point.at_s * 1e9)});
        batch.values.push_back(point.value);
        batch.quality.push_back(point.source);
    }
    batch.runs.push_back({signal, unit, 0, static_cast<std::uint32_t>(points.size())});
    if (!batch.times.empty()) batch.arrival = batch.times.back();
    return batch;
}

Rules rules_for(SignalRules signal, const std::string& name = "p") {
    auto rules = std::make_shared<RuleSet>();
    rules->profile = "pump";
    rules->signals[name] = std::move(signal);
    return rules;
}

std::vector<Quality> judged(const SignalRules& signal, const std::vector<Point>& points) {
    Engine engine;
    Batch batch = batch_of(points);
    engine.judge(batch, rules_for(signal));
    return batch.quality;
}

constexpr Quality range = Quality::bad(Reason::range);
constexpr Quality rate = Quality::uncertain(Reason::rate_of_change);
constexpr Quality stuck = Quality::uncertain(Reason::stuck);
constexpr Quality spike = Quality::uncertain(Reason::spike);
using Codes = std::vector<Quality>;

TEST(QualityEngine, range_limits_belong_to_the_range) {
    EXPECT_EQ(judged({.min = 0, .max = 10}, {{0, 0}, {1, 10}, {2, 10.1}, {3, -0.1}, {4, 5}}),
              (Codes{good, good, range, range, good}));
}

// Texts stand for points here: a value that is a number is written as one.
std::vector<Quality> judged_texts(const SignalRules& signal, const std::vector<std::string>& all) {
    Engine engine;
    Batch batch = batch_of(std::vector<Point>(all.size(), {0, 0}));
    for (std::size_t i = 0; i < all.size(); ++i) {
        batch.times[i] = {start + static_cast<std::int64_t>(i) * second};
        char* end = nullptr;
        const double number = std::strtod(all[i].c_str(), &end);
        const bool whole = end != all[i].c_str() && *end == 0;
        batch.values[i] = whole ? number : batch.boxes.add(all[i]);
    }
    batch.runs[0].boxed = true;
    engine.judge(batch, rules_for(signal));
    return batch.quality;
}

TEST(QualityEngine, texts_are_good_where_nothing_speaks_against_them) {
    EXPECT_EQ(judged_texts({}, {"IDLE", "RUNNING", "7", ""}), (Codes{good, good, good, good}));
    EXPECT_EQ(judged_texts({.stuck_after = seconds{1}}, {"IDLE", "IDLE", "IDLE"}),
              (Codes{good, good, good}));
}

TEST(QualityEngine, a_value_of_another_type_than_declared_is_bad) {
    const Quality type = Quality::bad(Reason::type);
    EXPECT_EQ(judged_texts({.max = 10}, {"7", "hot"}), (Codes{good, type}));
    EXPECT_EQ(judged_texts({.unit = "bar"}, {"7", "hot"}), (Codes{good, type}));
    EXPECT_EQ(judged_texts({.type = ValueType::number}, {"7.5", "hot"}), (Codes{good, type}));
    EXPECT_EQ(judged_texts({.type = ValueType::text}, {"7", "hot"}), (Codes{type, good}));
    EXPECT_EQ(judged({.type = ValueType::text}, {{0, 1}}), (Codes{type}));
    EXPECT_EQ(judged({.type = ValueType::integer}, {{0, 1}, {1, 1.5}}), (Codes{good, type}));
    EXPECT_EQ(judged({.type = ValueType::boolean}, {{0, 1}, {1, 0}, {2, 2}}),
              (Codes{good, good, type}));
    EXPECT_EQ(judged({.max = 1, .type = ValueType::integer}, {{0, 1}, {1, 2}, {2, 0.5}}),
              (Codes{good, range, type}));
}

TEST(QualityEngine, a_text_may_be_one_of_some) {
    const Quality type = Quality::bad(Reason::type);
    EXPECT_EQ(judged_texts({.texts = {"IDLE", "RUNNING"}}, {"IDLE", "RUN", "RUNNING", "", "3"}),
              (Codes{good, range, good, range, type}));
}

TEST(QualityEngine, a_text_matches_the_pattern_as_a_whole) {
    const Quality type = Quality::bad(Reason::type);
    const SignalRules lots{.pattern = Pattern::compile("[A-Z]{2}-[0-9]+").value()};
    EXPECT_EQ(judged_texts(lots, {"AB-17", "AB-17x", "xAB-17", "", "17"}),
              (Codes{good, range, range, range, type}));
    SignalRules both = lots;
    both.texts = {"AB-1", "off"};
    EXPECT_EQ(judged_texts(both, {"AB-1", "AB-2", "off"}), (Codes{good, range, range}));
}

TEST(QualityEngine, an_integer_that_no_double_says_is_a_number) {
    Batch batch = batch_of({{0, 0}, {1, 0}});
    batch.values[0] = batch.boxes.add(std::int64_t{9'007'199'254'740'993});
    batch.runs[0].boxed = true;
    Engine engine;
    engine.judge(batch, rules_for({.max = 1e15, .type = ValueType::integer}));
    EXPECT_EQ(batch.quality, (Codes{range, good}));
}

TEST(QualityEngine, the_same_time_with_another_text_is_a_duplicate) {
    Engine engine;
    const auto judge_one = [&](std::string_view text) {
        Batch batch = batch_of({{0, 0}});
        batch.values[0] = batch.boxes.add(text);
        batch.runs[0].boxed = true;
        engine.judge(batch, default_rules());
        return batch.quality[0];
    };
    EXPECT_EQ(judge_one("on"), good);
    EXPECT_EQ(judge_one("on"), good);
    EXPECT_EQ(judge_one("off"), Quality::uncertain(Reason::duplicate));
}

TEST(QualityRules, types_and_texts_are_read_and_written_again) {
    const auto rules = [](std::string_view json) {
        return rules_from_profile("p", parse_json(json).value());
    };
    const auto read =
        rules(R"({"signals":[{"name":"s","texts":["b","a"]},{"name":"n","type":"int64"},)"
              R"({"name":"p","pattern":"a+"}]})");
    ASSERT_TRUE(read.ok()) << read.error().message;
    const SignalRules& states = (*read)->signals.at("s");
    EXPECT_EQ(states.texts, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ((*read)->signals.at("n").type, ValueType::integer);
    EXPECT_EQ(to_json(signal_spec("s", states)), R"({"name":"s","texts":["a","b"]})");
    EXPECT_EQ(to_json(signal_spec("n", (*read)->signals.at("n"))),
              R"({"name":"n","type":"int64"})");
    EXPECT_EQ(to_json(signal_spec("p", (*read)->signals.at("p"))),
              R"({"name":"p","pattern":"a+"})");
    for (const char* wrong :
         {R"({"signals":[{"name":"s","type":"frame"}]})", R"({"signals":[{"name":"s","type":7}]})",
          R"({"signals":[{"name":"s","texts":"a"}]})", R"({"signals":[{"name":"s","texts":[1]}]})",
          R"({"signals":[{"name":"s","texts":["a"],"max":1}]})",
          R"({"signals":[{"name":"s","pattern":"a","max":1}]})",
          R"({"signals":[{"name":"s","pattern":"(?=a)."}]})",
          R"({"signals":[{"name":"s","pattern":7}]})",
          R"({"signals":[{"name":"s","type":"string","unit":"bar"}]})"})
        EXPECT_FALSE(rules(wrong).ok()) << wrong;
}

// Points that are without a fault are judged many at a time, unless something looks at the point
// before: a limit on the rate that nothing reaches makes that so. Both ways must say the same.
TEST(QualityEngine, many_at_a_time_are_judged_as_one_by_one) {
    SeededRandom random(17);
    const SignalRules plain{.min = -10, .max = 10, .every = seconds{1}, .late_after = minutes{1}};
    SignalRules careful = plain;
    careful.max_rate = 1e300;
    Engine together, alone;
    const Rules rules = rules_for(plain), careful_rules = rules_for(careful);
    double at = 0;
    std::size_t faults = 0;
    for (int message = 0; message < 400; ++message) {
        std::vector<Point> points;
        for (std::uint64_t count = 1 + random.below(200); count > 0; --count) {
            at += random.below(300) == 0 ? 5 : random.below(300) == 0 ? -2 : 1;
            Point point{at, random.normal()};
            if (random.below(200) == 0) point.value = 1e3;
            if (random.below(500) == 0) point.value = std::nan("");
            if (random.below(500) == 0) point.source = Quality::uncertain(Reason::source_uncertain);
            if (random.below(100) == 0) point.source = Quality::good(Reason::historical);
            points.push_back(point);
        }
        Batch batch = batch_of(points);
        batch.arrival = batch.times.front() + seconds{random.below(200)};
        Batch again = batch;
        together.judge(batch, rules);
        alone.judge(again, careful_rules);
        ASSERT_EQ(batch.quality, again.quality) << message;
        faults += static_cast<std::size_t>(std::count_if(batch.quality.begin(), batch.quality.end(),
                                                         [](auto q) { return !q.is_good(); }));
    }
    EXPECT_GT(faults, 500u);
    const ScorecardRow a = together.scorecard().at(0), b = alone.scorecard().at(0);
    EXPECT_EQ(a.counters, b.counters);
    EXPECT_EQ(a.lateness_p50_ms, b.lateness_p50_ms);
    EXPECT_EQ(a.lateness_p99_ms, b.lateness_p99_ms);
    EXPECT_EQ(a.first, b.first);
    EXPECT_EQ(a.last, b.last);
    const auto found = together.findings({"gw-1"}, {0}, {start * 2});
    const auto expected = alone.findings({"gw-1"}, {0}, {start * 2});
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].from, expected[i].from);
        EXPECT_EQ(found[i].to, expected[i].to);
        EXPECT_EQ(found[i].reason, expected[i].reason);
    }
}

TEST(QualityEngine, numbers_that_are_none_are_bad) {
    const double infinity = std::numeric_limits<double>::infinity();
    const Quality none = Quality::bad(Reason::not_a_number);
    EXPECT_EQ(judged({.max = 10}, {{0, std::nan("")}, {1, infinity}, {2, 1}}),
              (Codes{none, none, good}));
}

TEST(QualityEngine, source_quality_is_kept_and_only_worsened) {
    const Quality doubt = Quality::uncertain(Reason::source_uncertain);
    const Quality bad = Quality::bad(Reason::source_bad);
    EXPECT_EQ(judged({.max = 10}, {{0, 1, doubt}, {1, 2, bad}, {2, 11, doubt}, {3, 11, bad}}),
              (Codes{doubt, bad, range, bad}));
}

TEST(QualityEngine, stale_and_historical_are_told_apart_from_bad_and_good) {
    const Quality stale = Quality::bad(Reason::stale);
    const Quality old = Quality::good(Reason::historical);
    EXPECT_EQ(judged({.max = 10}, {{0, 1, old}, {1, 11, old}, {2, 1, stale}, {3, 11, stale}}),
              (Codes{old, range, stale, stale}));

    Engine engine;
    Batch batch = batch_of({{0, 1, old}, {1, 2, stale}});
    engine.restore(batch, rules_for({.max = 10}));
    const auto counters = engine.scorecard().at(0).counters;
    EXPECT_EQ(counters.good, 1u);
    EXPECT_EQ(counters.bad, 1u);
    EXPECT_EQ(counters.source_bad, 1u);
}

TEST(QualityEngine, rate_blames_the_jump_and_not_the_way_back) {
    EXPECT_EQ(judged({.max_rate = 1}, {{0, 0}, {1, 1}, {2, 9}, {3, 1}, {4, 2}}),
              (Codes{good, good, rate, good, good}));
}

TEST(QualityEngine, rate_blames_a_new_level_once) {
    EXPECT_EQ(judged({.max_rate = 1}, {{0, 0}, {1, 50}, {2, 50}, {3, 51}}),
              (Codes{good, rate, good, good}));
}

TEST(QualityEngine, stuck_from_the_declared_duration_until_it_moves) {
    EXPECT_EQ(judged({.stuck_after = seconds{2}}, {{0, 5}, {1, 5}, {2, 5}, {3, 5}, {4, 6}, {5, 6}}),
              (Codes{good, good, stuck, stuck, good, good}));
}

std::vector<Point> noise(std::size_t count, std::uint64_t seed, double deviation = 1) {
    SeededRandom random(seed);
    std::vector<Point> points;
    for (std::size_t i = 0; i < count; ++i)
        points.push_back({static_cast<double>(i), 20 + deviation * random.normal()});
    return points;
}

TEST(QualityEngine, spikes_are_found_in_noise) {
    auto points = noise(20'000, 11);
    for (std::size_t i = 100; i < points.size(); i += 100) points[i].value += i % 200 ? 15 : -15;
    const auto codes = judged({.spike = 7}, points);
    int found = 0, false_alarms = 0;
    for (std::size_t i = 0; i < codes.size(); ++i)
        if (codes[i] == spike) (i > 0 && i % 100 == 0 ? found : false_alarms) += 1;
    EXPECT_GE(found, 195);  // of 199
    EXPECT_LE(false_alarms, 3);
}

TEST(QualityEngine, a_new_level_is_accepted_after_its_first_point) {
    auto points = noise(200, 12, 0.1);
    for (std::size_t i = 100; i < points.size(); ++i) points[i].value += 30;
    const auto codes = judged({.spike = 8}, points);
    for (std::size_t i = 0; i < codes.size(); ++i)
        EXPECT_EQ(codes[i], i == 100 ? spike : good) << i;
}

TEST(QualityEngine, steps_of_a_quantised_signal_are_no_spikes) {
    std::vector<Point> points;
    for (int i = 0; i < 500; ++i)
        points.push_back({static_cast<double>(i), i % 50 < 3 ? 21.0 : i > 250 ? 22.0 : 20.0});
    for (const auto code : judged({.spike = 6}, points)) EXPECT_EQ(code, good);
}

TEST(QualityEngine, gaps_are_found_counted_and_filled_by_late_points) {
    Engine engine;
    const Rules rules = rules_for({.every = seconds{1}});
    Batch batch = batch_of({{0, 1}, {1, 1}, {2.1, 1}, {6, 1}, {7, 1}});
    engine.judge(batch, rules);
    auto row = engine.scorecard().at(0);
    EXPECT_EQ(row.counters.gaps, 1u);
    EXPECT_EQ(row.counters.missing, 3u);
    EXPECT_DOUBLE_EQ(row.completeness, 5.0 / 8);
    const auto findings = engine.findings({"gw-1"}, {0}, {start * 2});
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].reason, Reason::none);
    EXPECT_EQ(findings[0].from.ns, batch.times[2].ns);
    EXPECT_EQ(findings[0].to.ns, batch.times[3].ns);
    EXPECT_EQ(findings[0].points, 3u);

    Batch late = batch_of({{4, 1}});
    engine.judge(late, rules);
    row = engine.scorecard().at(0);
    EXPECT_EQ(row.counters.missing, 2u);
    EXPECT_EQ(row.counters.out_of_order, 1u);
}

TEST(QualityEngine, a_clock_that_started_in_1970_leaves_no_missing_points) {
    Engine engine;
    Batch batch = batch_of({{-1.7e9, 1}, {0, 1}, {1, 1}});
    engine.judge(batch, rules_for({.every = seconds{1}}));
    EXPECT_EQ(engine.scorecard().at(0).counters.gaps, 1u);
    EXPECT_EQ(engine.scorecard().at(0).counters.missing, 0u);
}

TEST(QualityEngine, timeliness_against_the_arrival) {
    Engine engine;
    Batch batch = batch_of({{0, 1}, {5, 2}, {200, 3}, {6, 4}});
    batch.arrival = {start + 100 * second};
    engine.judge(batch, rules_for({.late_after = seconds{99}}));
    EXPECT_EQ(batch.quality, (Codes{Quality::uncertain(Reason::late), good,
                                    Quality::uncertain(Reason::clock), good}));
    const auto row = engine.scorecard().at(0);
    EXPECT_EQ(row.counters.late, 1u);
    EXPECT_EQ(row.counters.clock, 1u);
    EXPECT_EQ(row.counters.out_of_order, 0u);  // the point from the future holds nobody up
    EXPECT_NEAR(row.lateness_p50_ms, 95'000, 20'000);
}

TEST(QualityEngine, a_recording_has_no_timeliness) {
    Engine engine;
    Batch batch = batch_of({{0, 1}, {500, 2}});
    batch.arrival = {start + 100 * second};
    batch.replayed = true;
    engine.judge(batch, rules_for({.late_after = seconds{1}}));
    EXPECT_EQ(batch.quality, (Codes{good, good}));
    EXPECT_EQ(engine.scorecard().at(0).lateness_p99_ms, 0);
}

TEST(QualityEngine, the_same_time_again) {
    Engine engine;
    Batch batch = batch_of({{0, 1}, {0, 1}, {0, 2}, {1, 3}, {0, 9}});
    engine.judge(batch, default_rules());
    EXPECT_EQ(batch.quality,
              (Codes{good, good, Quality::uncertain(Reason::duplicate), good, good}));
    const auto counters = engine.scorecard().at(0).counters;
    EXPECT_EQ(counters.duplicates, 2u);
    EXPECT_EQ(counters.out_of_order, 1u);
}

TEST(QualityEngine, another_unit_than_declared_is_bad) {
    Engine engine;
    const Rules rules = rules_for({.unit = "bar", .max = 10});
    for (const auto& [unit, code] : {std::pair<std::string, Quality>{"bar", good},
                                     {"", good},
                                     {"kPa", Quality::bad(Reason::unit)}}) {
        Batch batch = batch_of({{0, 100}}, "q", unit);
        Batch declared = batch_of({{0, 5}}, "p", unit);
        engine.judge(declared, rules);
        EXPECT_EQ(declared.quality[0], code) << unit;
    }
}

TEST(QualityEngine, signals_beside_the_declared_ones) {
    Engine engine;
    Batch other = batch_of({{0, 1}}, "other");
    engine.judge(other, rules_for({}));
    EXPECT_EQ(other.quality[0], Quality::uncertain(Reason::undeclared));
    Batch no_profile = batch_of({{1, 1}}, "other");
    engine.judge(no_profile, default_rules());
    EXPECT_EQ(no_profile.quality[0], good);
}

TEST(QualityEngine, the_gravest_fault_gives_the_code_and_all_are_counted) {
    Engine engine;
    Batch batch = batch_of({{0, 50, Quality::uncertain(Reason::source_uncertain)}}, "other", "V");
    batch.arrival = batch.arrival + seconds{60};
    auto rules = std::make_shared<RuleSet>();
    rules->profile = "pump";
    rules->signals["p"] = {};
    rules->others = {.unit = "A", .max = 10, .late_after = seconds{1}};
    engine.judge(batch, rules);
    EXPECT_EQ(batch.quality[0], Quality::bad(Reason::unit));
    const auto counters = engine.scorecard().at(0).counters;
    EXPECT_EQ(counters.bad, 1u);
    EXPECT_EQ(counters.unit, 1u);
    EXPECT_EQ(counters.out_of_range, 1u);
    EXPECT_EQ(counters.source_uncertain, 1u);
    EXPECT_EQ(counters.late, 1u);
    EXPECT_EQ(counters.undeclared, 1u);
}

TEST(QualityEngine, bad_points_teach_nothing) {
    std::vector<Point> points = noise(100, 5);
    points[50].value = 1e9;  // out of range: neither rate nor spike nor level see it
    const auto codes = judged({.max = 100, .max_rate = 20, .spike = 8}, points);
    for (std::size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(codes[i], i == 50 ? range : good);
}

TEST(QualityEngine, new_rules_keep_what_is_known) {
    Engine engine;
    Batch before = batch_of({{0, 5}, {1, 5}});
    engine.judge(before, rules_for({.stuck_after = hours{1}}));
    Batch after = batch_of({{2, 5}});
    engine.judge(after, rules_for({.stuck_after = seconds{2}}));
    EXPECT_EQ(after.quality[0], stuck);
    EXPECT_EQ(engine.scorecard().at(0).counters.points, 3u);
}

TEST(QualityEngine, series_beyond_the_limit_are_judged_without_memory) {
    Engine engine({.series_max = 1});
    const Rules rules = rules_for({.max = 1});
    Batch first = batch_of({{0, 5}}, "p");
    engine.judge(first, rules);
    for (int i = 0; i < 3; ++i) {
        Batch second_signal = batch_of({{0, 5}}, "q" + std::to_string(i));
        engine.judge(second_signal, rules);
        EXPECT_EQ(second_signal.quality[0], Quality::uncertain(Reason::undeclared));
    }
    EXPECT_EQ(engine.series(), 1u);
    EXPECT_EQ(engine.unremembered_points(), 3u);
    engine.forget({"gw-1"});
    EXPECT_EQ(engine.series(), 0u);
    EXPECT_TRUE(engine.findings({"gw-1"}, {0}, {start * 2}).empty());
}

TEST(QualityEngine, findings_are_episodes_and_bounded) {
    Engine engine({.findings_max = 3});
    std::vector<Point> points;
    for (int i = 0; i < 400; ++i)
        points.push_back({static_cast<double>(i), i % 40 < 3 ? 99.0 : 1.0});
    Batch batch = batch_of(points);
    engine.judge(batch, rules_for({.max = 10}));
    const auto findings = engine.findings({"gw-1"}, {0}, {start * 2});
    ASSERT_EQ(findings.size(), 4u);  // three kept and the newest
    EXPECT_EQ(findings[3].points, 3u);
    EXPECT_EQ(findings[3].reason, Reason::range);
    EXPECT_EQ(findings[3].from.ns, batch.times[360].ns);
    EXPECT_EQ(findings[3].to.ns, batch.times[362].ns);
    EXPECT_EQ(engine.findings({"gw-1"}, batch.times[361], batch.times[361]).size(), 1u);
    EXPECT_TRUE(engine.findings({"gw-2"}, {0}, {start * 2}).empty());
}

// A stream with everything in it, for the properties below.
Batch wild_stream(std::uint64_t seed, std::size_t count) {
    SeededRandom random(seed);
    Batch batch = batch_of({});
    std::int64_t at = start;
    for (std::size_t i = 0; i < count; ++i) {
        const auto kind = random.below(40);
        at += kind == 0 ? 20 * second : kind == 1 ? -3 * second : kind == 2 ? 0 : second;
        double value = std::round(random.normal() * 10);
        if (kind == 3) value += 500;
        if (kind == 4) value = std::nan("");
        if (kind >= 5 && kind < 15 && !batch.values.empty()) value = batch.values.back();
        batch.times.push_back({at});
        batch.values.push_back(value);
        batch.quality.push_back(kind == 15 ? Quality::bad(Reason::source_bad) : good);
    }
    batch.runs[0].end = static_cast<std::uint32_t>(count);
    batch.arrival = {start + 500 * second};
    return batch;
}

const SignalRules every_rule{.min = -400,
                             .max = 400,
                             .max_rate = 25,
                             .stuck_after = seconds{3},
                             .spike = 5,
                             .every = seconds{1},
                             .late_after = seconds{400}};

Batch slice(const Batch& all, std::size_t begin, std::size_t end) {
    Batch part = batch_of({});
    part.arrival = all.arrival;
    part.times.assign(all.times.begin() + begin, all.times.begin() + end);
    part.values.assign(all.values.begin() + begin, all.values.begin() + end);
    part.quality.assign(all.quality.begin() + begin, all.quality.begin() + end);
    part.runs[0].end = static_cast<std::uint32_t>(end - begin);
    return part;
}

TEST(QualityProperties, how_points_are_batched_changes_nothing) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Batch stream = wild_stream(seed, 600);
        const Rules rules = rules_for(every_rule);
        Batch whole = stream;
        Engine once;
        once.judge(whole, rules);
        SeededRandom random(seed + 100);
        Engine split;
        Codes codes;
        for (std::size_t begin = 0; begin < stream.size();) {
            const auto end = std::min<std::size_t>(stream.size(), begin + 1 + random.below(30));
            Batch part = slice(stream, begin, end);
            split.judge(part, rules);
            codes.insert(codes.end(), part.quality.begin(), part.quality.end());
            begin = end;
        }
        EXPECT_EQ(codes, whole.quality);
        EXPECT_EQ(split.scorecard()[0].counters, once.scorecard()[0].counters);
    }
}

TEST(QualityProperties, the_future_changes_no_code) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Batch stream = wild_stream(seed, 400);
        const Rules rules = rules_for(every_rule);
        Batch whole = stream;
        Engine engine;
        engine.judge(whole, rules);
        for (const std::size_t length : {1, 17, 200, 399}) {
            Batch prefix = slice(stream, 0, length);
            Engine again;
            again.judge(prefix, rules);
            EXPECT_TRUE(
                std::equal(prefix.quality.begin(), prefix.quality.end(), whole.quality.begin()));
        }
    }
}

TEST(QualityProperties, after_a_restart_judgement_goes_on) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Batch stream = wild_stream(seed, 400);
        stream.replayed = true;
        const Rules rules = rules_for(every_rule);
        Batch whole = stream;
        Engine engine;
        engine.judge(whole, rules);
        Engine restarted;
        restarted.restore(slice(whole, 0, 250), rules);
        Batch rest = slice(stream, 250, 400);
        rest.replayed = true;
        restarted.judge(rest, rules);
        EXPECT_TRUE(
            std::equal(rest.quality.begin(), rest.quality.end(), whole.quality.begin() + 250));
    }
}

TEST(QualityRules, a_profile_becomes_rules) {
    auto spec = parse_json(R"({"signals":[{"name":"p","unit":"bar","min":0,"max":10.5,
        "max_rate":2,"stuck_after":"10s","spike":6,"every":"100ms","late_after":30}]})");
    ASSERT_TRUE(spec.ok());
    auto rules = rules_from_profile("pump", *spec);
    ASSERT_TRUE(rules.ok()) << rules.error().message;
    EXPECT_EQ((*rules)->profile, "pump");
    const auto& p = (*rules)->signals.at("p");
    EXPECT_EQ(p.unit, "bar");
    EXPECT_EQ(p.min, 0);
    EXPECT_EQ(p.max, 10.5);
    EXPECT_EQ(p.max_rate, 2);
    EXPECT_EQ(p.stuck_after, seconds{10});
    EXPECT_EQ(p.spike, 6);
    EXPECT_EQ(p.every, milliseconds{100});
    EXPECT_EQ(p.late_after, seconds{30});
    EXPECT_TRUE(rules_from_profile("bare", JsonObject{}).ok());
}

TEST(QualityRules, errors_name_the_path) {
    const struct {
        const char* spec;
        const char* says;
    } rows[] = {
        {R"({"signals":5})", "spec.signals: must be an array"},
        {R"({"signals":[{}]})", "spec.signals[0].name"},
        {R"({"signals":[{"name":"a"},{"name":"a"}]})",
         "spec.signals[1].name: 'a' is declared twice"},
        {R"({"signals":[{"name":"a","min":"low"}]})", "spec.signals[0].min: must be a number"},
        {R"({"signals":[{"name":"a","min":2,"max":1}]})", "spec.signals[0].min: is above max"},
        {R"({"signals":[{"name":"a","max_rate":0}]})", "spec.signals[0].max_rate"},
        {R"({"signals":[{"name":"a","every":"soon"}]})", "spec.signals[0].every"},
        {R"({"signals":[{"name":"a","every":true}]})", "must be a duration"},
        {R"({"signals":[{"name":"a","spike":-1}]})", "spec.signals[0].spike"},
    };
    for (const auto& row : rows) {
        auto rules = rules_from_profile("x", *parse_json(row.spec));
        ASSERT_FALSE(rules.ok()) << row.spec;
        EXPECT_THAT(rules.error().message, testing::HasSubstr(row.says));
    }
}

}  // namespace
}  // namespace mw::quality
