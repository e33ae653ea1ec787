#include "data/query/conditions.h"

#include <gtest/gtest.h>

#include "data/query/slot.h"

namespace mw::query {
namespace {

using Texts = std::optional<std::vector<std::string>>;

class ConditionsOf : public testing::Test {
 protected:
    static Parsed parse(const std::string& sql) {
        static Slot slot{SlotOptions{}};
        auto parsed = slot.parse(sql, {"pumps"}, 128 << 20, {});
        EXPECT_TRUE(parsed.ok()) << sql << "\n" << parsed.error().message;
        return parsed ? *parsed : Parsed{};
    }
    static Wanted only(const std::string& sql) {
        const Parsed parsed = parse(sql);
        EXPECT_EQ(parsed.wanted.size(), 1u);
        return parsed.wanted.empty() ? Wanted{} : parsed.wanted[0];
    }
    static bool unbounded(const Wanted& wanted) {
        return !wanted.devices && !wanted.signals && wanted.from == history::time_lowest &&
               wanted.to == history::time_highest;
    }
};

// 2026-01-01T00:00:00Z
constexpr std::int64_t new_year = 1'767'225'600'000'000'000;
constexpr std::int64_t room = 1'000'000;

TEST_F(ConditionsOf, device_and_signal_by_equality_and_lists) {
    const Wanted wanted =
        only("SELECT * FROM points WHERE device = 'a' AND signal IN ('x', 'y') AND value > 3");
    EXPECT_EQ(wanted.devices, Texts({"a"}));
    EXPECT_EQ(wanted.signals, (Texts({"x", "y"})));
    EXPECT_EQ(only("SELECT * FROM points WHERE 'a' = device").devices, Texts({"a"}));
    EXPECT_EQ(only("SELECT * FROM points AS P WHERE p.Device = 'a'").devices, Texts({"a"}));
}

TEST_F(ConditionsOf, repeated_restrictions_intersect) {
    const Wanted wanted =
        only("SELECT * FROM points WHERE device IN ('a', 'b') AND device IN ('b', 'c')");
    EXPECT_EQ(wanted.devices, Texts({"b"}));
    const Wanted none = only("SELECT * FROM points WHERE device = 'a' AND device = 'b'");
    EXPECT_TRUE(none.nothing());
}

TEST_F(ConditionsOf, times_in_every_spelling) {
    const char* spellings[] = {
        "time >= '2026-01-01' AND time < '2026-01-02'",
        "time >= TIMESTAMP '2026-01-01' AND time < TIMESTAMP '2026-01-02'",
        "time >= '2026-01-01T00:00:00Z'::TIMESTAMPTZ AND time < DATE '2026-01-02'",
        "time BETWEEN '2026-01-01' AND '2026-01-02'",
        "'2026-01-01'::TIMESTAMP_NS <= time AND '2026-01-02'::TIMESTAMP_NS > time",
        "time >= make_timestamp_ns(1767225600000000000) AND "
        "time < make_timestamp_ns(1767225600000000000) + INTERVAL 1 DAY",
        "time >= '2025-12-31'::TIMESTAMP + INTERVAL 24 HOUR AND "
        "time <= date_trunc('day', '2026-01-02 17:00'::TIMESTAMP)",
    };
    for (const char* spelling : spellings) {
        const Wanted wanted = only("SELECT * FROM points WHERE " + std::string(spelling));
        EXPECT_EQ(wanted.from.ns, new_year - room) << spelling;
        EXPECT_EQ(wanted.to.ns, new_year + 86'400'000'000'000 + room) << spelling;
    }
}

TEST_F(ConditionsOf, now_is_the_time_of_the_statement) {
    const Wanted wanted = only(
        "SELECT * FROM points WHERE time > now() - INTERVAL 1 HOUR AND time <= current_timestamp");
    EXPECT_EQ((wanted.to - wanted.from).count(), 3'600'000'000'000 + 2 * room);
    EXPECT_GT(wanted.from.ns, new_year - 400 * 86'400'000'000'000);
}

TEST_F(ConditionsOf, what_is_not_certain_bounds_nothing) {
    const char* uncertain[] = {
        "SELECT * FROM points WHERE device = 'a' OR signal = 'x'",
        "SELECT * FROM points WHERE NOT (device = 'a')",
        "SELECT * FROM points WHERE device <> 'a' AND device NOT IN ('b')",
        "SELECT * FROM points WHERE device COLLATE NOCASE = 'A'",
        "SELECT * FROM points WHERE lower(device) = 'a'",
        "SELECT * FROM points WHERE device = signal",
        "SELECT * FROM points WHERE device IN ('a', signal)",
        "SELECT * FROM points WHERE time > time - INTERVAL 1 HOUR",
        "SELECT * FROM points WHERE time > (SELECT TIMESTAMP '2026-01-01')",
        "SELECT * FROM points WHERE time::DATE = '2026-01-01'",
        "SELECT * FROM points p(device, time) WHERE p.time = 'a'",
        "SELECT * FROM points TABLESAMPLE 10% WHERE device = 'a'",
        "SELECT * FROM points GROUP BY ALL HAVING device = 'a'",
        "SELECT * FROM (SELECT * FROM points) WHERE device = 'a'",
        "SELECT * FROM points QUALIFY device = 'a'",
        "SELECT (SELECT 1 WHERE s.device = 'a') FROM points s",
    };
    for (const char* sql : uncertain) EXPECT_TRUE(unbounded(only(sql))) << sql;
}

TEST_F(ConditionsOf, joined_tables_need_their_alias) {
    const Parsed parsed = parse(
        "SELECT * FROM points p LEFT JOIN decisions d ON p.device = d.device "
        "WHERE p.device = 'a' AND d.device = 'b' AND signal = 'x'");
    ASSERT_EQ(parsed.wanted.size(), 2u);
    EXPECT_EQ(parsed.wanted[0].devices, Texts({"a"}));
    EXPECT_EQ(parsed.wanted[0].signals, Texts());
    EXPECT_EQ(parsed.wanted[1].devices, Texts({"b"}));
}

TEST_F(ConditionsOf, right_side_of_an_asof_join_stays_whole) {
    const Parsed parsed = parse(
        "SELECT * FROM points p ASOF JOIN decisions d ON p.time >= d.time "
        "WHERE p.device = 'a' AND d.device = 'a'");
    ASSERT_EQ(parsed.wanted.size(), 2u);
    EXPECT_EQ(parsed.wanted[0].devices, Texts({"a"}));
    EXPECT_EQ(parsed.wanted[1].devices, Texts());
    const Parsed positional =
        parse("SELECT * FROM points p POSITIONAL JOIN decisions d WHERE p.device = 'a'");
    EXPECT_EQ(positional.wanted[0].devices, Texts());
}

TEST_F(ConditionsOf, bounds_of_several_references_unite) {
    const Parsed parsed = parse(
        "SELECT * FROM points WHERE device = 'a' AND time >= '2026-01-01' UNION ALL "
        "SELECT * FROM pumps WHERE device IN ('a', 'b') AND time BETWEEN '2026-01-03' AND "
        "'2026-01-05'");
    const auto bounds = bounds_of(parsed.wanted);
    ASSERT_TRUE(bounds.has_value());
    EXPECT_EQ(bounds->devices, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(bounds->signals.empty());
    EXPECT_EQ(bounds->from.ns, new_year - room);
    EXPECT_EQ(bounds->to, history::time_highest);
    EXPECT_TRUE(bounds->points);
    EXPECT_FALSE(bounds->decisions);
    EXPECT_FALSE(bounds_of(parse("SELECT 1").wanted).has_value());
    EXPECT_FALSE(bounds_of(parse("FROM scorecard").wanted).has_value());
    EXPECT_FALSE(bounds_of(parse("FROM labels WHERE device = 'gw-1'").wanted).has_value());
}

}  // namespace
}  // namespace mw::query
