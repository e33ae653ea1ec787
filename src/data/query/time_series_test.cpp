// What people who ask for time series expect: buckets, gaps filled, last values, as-of joins, and
// values bound to a statement. docs/sql.md shows the same idioms.
#include <gtest/gtest.h>

#include "data/query/twin_worlds.h"

namespace mw::query {
namespace {

// One device with a gap of two minutes.
class TimeSeries : public testing::Test {
 protected:
    static std::string ask(const std::string& sql, const QueryParameters& parameters = {}) {
        static twins::Plant plant(false, false);
        return plant.answer(sql, "user:boss", parameters).text;
    }
};

TEST_F(TimeSeries, buckets) {
    EXPECT_EQ(ask("SELECT time_bucket(INTERVAL 10 MINUTES, time) AS t, count(*) AS n FROM points "
                  "WHERE device = 'gw-1' AND signal = 'pressure' GROUP BY t"),
              "{\"t\":\"2026-01-01T00:00:00Z\",\"n\":60}\n"
              "{\"t\":\"2026-01-01T00:10:00Z\",\"n\":60}\n");
}

constexpr const char* filled =
    "WITH buckets AS (SELECT time_bucket(INTERVAL 5 MINUTES, time) AS t, avg(value) AS v FROM "
    "points WHERE device = 'gw-1' AND signal = 'pressure' AND NOT (minute(time) BETWEEN 5 AND 14) "
    "GROUP BY t), steps AS (SELECT t FROM generate_series(TIMESTAMP '2026-01-01 00:00:00', "
    "TIMESTAMP '2026-01-01 00:15:00', INTERVAL 5 MINUTES) g(t)) ";

TEST_F(TimeSeries, gaps_are_filled_with_nothing_with_what_was_before_or_between) {
    EXPECT_EQ(ask(std::string(filled) + "SELECT count(*) AS steps, count(v) AS known FROM steps "
                                        "LEFT JOIN buckets ON steps.t = buckets.t"),
              "{\"steps\":4,\"known\":2}\n");
    EXPECT_EQ(ask(std::string(filled) +
                  "SELECT bool_and(carried = first) AS same, count(carried) AS n FROM (SELECT "
                  "last_value(v IGNORE NULLS) OVER (ORDER BY steps.t) AS carried, first_value(v) "
                  "OVER (ORDER BY steps.t) AS first, steps.t AS t FROM steps LEFT JOIN buckets ON "
                  "steps.t = buckets.t) WHERE t < '2026-01-01T00:15:00'"),
              "{\"same\":true,\"n\":3}\n");
    EXPECT_EQ(ask(std::string(filled) +
                  "SELECT count(*) AS n, max(abs(f - (a + (b - a) * k / 3))) < 1e-9 AS straight "
                  "FROM (SELECT fill(v) OVER (ORDER BY steps.t) AS f, first_value(v) OVER all_of "
                  "AS a, last_value(v) OVER all_of AS b, row_number() OVER (ORDER BY steps.t) - 1 "
                  "AS k FROM steps LEFT JOIN buckets ON steps.t = buckets.t WINDOW all_of AS "
                  "(ORDER BY steps.t ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))"),
              "{\"n\":4,\"straight\":true}\n");
}

TEST_F(TimeSeries, last_and_first_take_a_value_and_a_time) {
    const std::string by_arg = ask(
        "SELECT arg_max(value, time) AS l, arg_min(value, time) AS f FROM points WHERE device = "
        "'gw-1' AND signal = 'pressure'");
    EXPECT_EQ(ask("SELECT last(value, time) AS l, First(value, time) AS f FROM points WHERE "
                  "device = 'gw-1' AND signal = 'pressure'"),
              by_arg);
    EXPECT_EQ(ask("SELECT last(value ORDER BY time) AS l, first(value ORDER BY time) AS f FROM "
                  "points WHERE device = 'gw-1' AND signal = 'pressure'"),
              by_arg);
    EXPECT_EQ(ask("SELECT count(DISTINCT l) AS n FROM (SELECT last(value) OVER (ORDER BY time "
                  "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS l FROM points "
                  "WHERE device = 'gw-1' AND signal = 'pressure')"),
              "{\"n\":1}\n");
}

TEST_F(TimeSeries, as_of_joins_find_the_row_before) {
    EXPECT_EQ(ask("SELECT d.time AS t, p.time AS before FROM decisions d ASOF JOIN (SELECT * FROM "
                  "points WHERE signal = 'pressure') p ON d.device = p.device AND d.time >= p.time "
                  "WHERE d.device = 'gw-1' LIMIT 1"),
              "{\"t\":\"2026-01-01T00:00:10Z\",\"before\":\"2026-01-01T00:00:10Z\"}\n");
}

TEST_F(TimeSeries, parameters_are_values_and_bound_what_is_read) {
    const std::string sql =
        "SELECT count(*) AS n FROM points WHERE device = $2 AND signal = $1 AND time >= $3 AND "
        "time < $4::TIMESTAMP AND value >= $5";
    EXPECT_EQ(
        ask(sql, {std::string("pressure"), std::string("gw-1"), std::string("2026-01-01T00:01:00"),
                  std::string("2026-01-01T00:02:00"), std::int64_t{0}}),
        "{\"n\":6}\n");
    EXPECT_EQ(
        ask(sql, {std::string("pressure"), std::string("gw-1' OR 'a' = 'a"),
                  std::string("2026-01-01T00:01:00"), std::string("2026-01-01T00:02:00"), -1e300}),
        "{\"n\":0}\n");
    EXPECT_EQ(ask("SELECT $1 AS t, $2 AS f, $3 AS n, $4 AS i, $5 AS d, $1 AS again",
                  {std::string("a'b\"; DROP"), false, nullptr, std::int64_t{-5}, .25}),
              "{\"t\":\"a'b\\\"; DROP\",\"f\":false,\"n\":null,\"i\":-5,\"d\":0.25,\"again\":"
              "\"a'b\\\"; DROP\"}\n");
    EXPECT_EQ(ask("SELECT count(*) AS n FROM (SELECT 1 FROM points LIMIT $1)", {std::int64_t{7}}),
              "{\"n\":7}\n");
}

TEST_F(TimeSeries, parameters_that_do_not_fit_are_refused_with_place) {
    const std::tuple<const char*, QueryParameters, const char*> cases[] = {
        {"SELECT $1", {}, "line 1, column 1: there is no value for $1; 0 parameters are given"},
        {"SELECT $1 + $3",
         {std::int64_t{1}, std::int64_t{2}},
         "line 1, column 11: there is no value for $3; 2 parameters are given"},
        {"SELECT $2",
         {std::int64_t{1}, std::int64_t{2}},
         "parameters: 2 given, and there is no $1 in the statement"},
        {"SELECT $name",
         {std::int64_t{1}},
         "line 1, column 1: parameters are $1, $2, ... with "
         "numbers"},
        {"SELECT * FROM $1", {std::string("points")}, "line 1, column 15: "},
        {"SELECT lpad('x', $1, 'y')", {std::int64_t{9}}, "line 1, column 8: lpad() wants"},
    };
    for (const auto& [sql, parameters, want] : cases)
        EXPECT_TRUE(ask(sql, parameters).starts_with(want)) << sql << "\n" << ask(sql, parameters);
}

TEST_F(TimeSeries, an_error_over_an_empty_table_of_series_is_explained) {
    EXPECT_NE(ask("SELECT CAST(device AS INTEGER) FROM series").find("Could not convert"),
              std::string::npos);
}

}  // namespace
}  // namespace mw::query
