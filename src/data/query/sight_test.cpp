// What an actor sees who may not see everything, over real files and a head.
#include <gtest/gtest.h>

#include "data/query/plan.h"
#include "data/query/twin_worlds.h"

namespace mw::query {
namespace {

using twins::Plant;

class Sights : public testing::Test {
 protected:
    static Plant& plant() {
        static Plant world(true);
        return world;
    }
    static std::string eve(const std::string& sql) { return plant().answer(sql, "user:eve").text; }
    static std::string boss(const std::string& sql) {
        return plant().answer(sql, "user:boss").text;
    }
};

TEST_F(Sights, who_sees_everything_gets_everything) {
    EXPECT_EQ(boss("SELECT count(DISTINCT device) AS n, max(value) AS top FROM points"),
              "{\"n\":3,\"top\":8888.25}\n");
    EXPECT_EQ(boss("SELECT count(*) AS n FROM vaults WHERE device = 'gw-1'"), "{\"n\":108}\n");
    EXPECT_EQ(boss("SELECT count(*) AS n FROM ghost"), "{\"n\":216}\n");
}

TEST_F(Sights, rows_of_others_are_in_no_table) {
    const std::pair<const char*, const char*> cases[] = {
        {"SELECT DISTINCT device FROM points", "{\"device\":\"gw-1\"}\n{\"device\":\"gw-2\"}\n"},
        {"SELECT DISTINCT device FROM \"all-of-it\"",
         "{\"device\":\"gw-1\"}\n{\"device\":\"gw-2\"}\n"},
        {"SELECT DISTINCT device FROM series", "{\"device\":\"gw-1\"}\n{\"device\":\"gw-2\"}\n"},
        {"SELECT device, points FROM scorecard",
         "{\"device\":\"gw-1\",\"points\":60}\n{\"device\":\"gw-2\",\"points\":50}\n"},
        {"SELECT device, count(*) AS n FROM decisions GROUP BY ALL",
         "{\"device\":\"gw-1\",\"n\":2}\n"},
        {"SELECT device, author FROM labels", "{\"device\":\"gw-1\",\"author\":\"ann\"}\n"},
        {"SELECT count(*) AS n FROM points WHERE signal = 'vault'", "{\"n\":108}\n"},
        {"SELECT count(*) AS n FROM series WHERE signal = 'vault'", "{\"n\":1}\n"},
    };
    for (const auto& [sql, want] : cases) EXPECT_EQ(eve(sql), want) << sql;
}

TEST_F(Sights, closed_and_unknown_products_say_so_without_telling_of_rows) {
    const auto closed = plant().answer("SELECT 1 FROM vaults", "user:eve");
    ASSERT_TRUE(closed.error);
    EXPECT_EQ(closed.error->code, Errc::denied);
    EXPECT_EQ(closed.text, "data product vaults is not for user:eve");
    const auto unknown = plant().answer("SELECT 1 FROM ghost", "user:eve");
    ASSERT_TRUE(unknown.error);
    EXPECT_EQ(unknown.text,
              "line 1, column 15: there is no table 'ghost'; there is points, decisions, series, "
              "scorecard, labels, rollups, latest, quarantine, pumps, all-of-it, vaults");
}

TEST_F(Sights, hidden_values_are_null_in_every_view) {
    for (const char* table : {"points", "pumps", "\"all-of-it\""}) {
        const std::string from = std::string(" FROM ") + table + " WHERE signal = 'flow'";
        EXPECT_EQ(eve("SELECT count(*) AS n, count(value) AS v, max(value) AS m" + from),
                  "{\"n\":216,\"v\":0,\"m\":null}\n");
        EXPECT_EQ(eve("SELECT count(*) AS n" + from + " AND value > 5000"), "{\"n\":0}\n");
    }
    EXPECT_EQ(boss("SELECT count(value) AS v FROM points WHERE signal = 'flow' AND device = "
                   "'gw-1'"),
              "{\"v\":108}\n");
}

TEST_F(Sights, coarse_values_are_averages_of_whole_stretches) {
    // 18 minutes with six points each; the pairs of swings add up to nothing.
    EXPECT_EQ(eve("SELECT count(*) AS n, max(value) < 20 AS low FROM points WHERE signal = "
                  "'power' AND device = 'gw-1'"),
              "{\"n\":18,\"low\":true}\n");
    EXPECT_EQ(boss("SELECT max(value) > 1000 AS high FROM points WHERE signal = 'power'"),
              "{\"high\":true}\n");
    EXPECT_EQ(eve("SELECT DISTINCT second(time) AS s FROM points WHERE signal = 'power'"),
              "{\"s\":0}\n");
}

TEST_F(Sights, minutes_and_newest_values_leave_out_what_is_hidden_or_masked) {
    for (const std::string table : {"rollups", "latest"}) {
        const std::string others =
            "SELECT count(*) AS n FROM " + table +
            " WHERE signal IN ('flow', 'power') OR device NOT IN ('gw-1', 'gw-2') OR (device = "
            "'gw-1' AND signal = 'vault')";
        EXPECT_EQ(eve(others), "{\"n\":0}\n") << table;
        EXPECT_NE(boss(others), "{\"n\":0}\n") << table;
        EXPECT_EQ(eve("SELECT count(*) > 0 AS some FROM " + table), "{\"some\":true}\n") << table;
    }
}

// Times in a WHERE decide which rows are read: a cut stretch would be an average of what is left.
TEST_F(Sights, bounds_cut_no_average) {
    const std::string all =
        eve("SELECT value FROM points WHERE signal = 'power' AND device = 'gw-2' AND time = "
            "'2026-01-01T00:03:00'");
    ASSERT_EQ(all.find("null"), std::string::npos) << all;
    for (const char* bounds : {"time BETWEEN '2026-01-01T00:03:00' AND '2026-01-01T00:03:00'",
                               "time BETWEEN '2026-01-01T00:02:55' AND '2026-01-01T00:03:10'",
                               "time >= '2026-01-01T00:03:00' AND time < '2026-01-01T00:03:30'"})
        EXPECT_EQ(eve("SELECT value FROM points WHERE signal = 'power' AND device = 'gw-2' AND " +
                      std::string(bounds)),
                  all)
            << bounds;
}

TEST_F(Sights, a_table_without_a_rule_is_refused_to_who_sees_less) {
    const auto narrow = twins::narrow_sight();
    const auto unheard_of = static_cast<Table>(999);
    EXPECT_EQ(check_sight(*narrow, unheard_of, "x").error().code, Errc::denied);
    EXPECT_TRUE(check_sight(Sight{}, unheard_of, "x").ok());
    for (const Table table :
         {Table::points, Table::series, Table::scorecard, Table::decisions, Table::labels,
          Table::product, Table::rollups, Table::latest, Table::quarantine})
        EXPECT_TRUE(check_sight(*narrow, table, "x").ok());
    Wanted wanted;
    wanted.table = unheard_of;
    wanted.sight = narrow;
    EXPECT_TRUE(seen(wanted, "SELECT 1", {}).ends_with("WHERE false"));
}

TEST_F(Sights, one_point_is_no_average) {
    Wanted wanted;
    Sight sight;
    sight.masks = {{{}, hours{1}}};
    wanted.sight = std::make_shared<const Sight>(sight);
    const std::string sql = seen(wanted, "rows", twins::start + minutes{90});
    EXPECT_NE(sql.find("CASE WHEN count(\"value\") > 1 THEN avg"), std::string::npos) << sql;
    // The stretch that isn't over yet stays out: polling it would give each point.
    EXPECT_NE(sql.find("\"time\" < make_timestamp_ns(1767229200000000000)"), std::string::npos)
        << sql;
    EXPECT_TRUE(sql.ends_with("LIMIT 1000000000000000")) << sql;
}

TEST_F(Sights, who_sees_everything_pays_nothing) {
    Wanted wanted;
    wanted.sight = std::make_shared<const Sight>();
    EXPECT_EQ(seen(wanted, "SELECT 1", {}), "SELECT 1");
}

TEST_F(Sights, strangers_are_denied) {
    EXPECT_EQ(twins::narrow_sight()->sees_all_rows(), false);
    const auto nobody = plant().answer("SELECT 1 AS a", "user:nobody");
    ASSERT_TRUE(nobody.error);
    EXPECT_EQ(nobody.error->code, Errc::denied);
}

}  // namespace
}  // namespace mw::query
