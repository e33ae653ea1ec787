// Attempts of somebody with a row policy and masked signals to see more, or to change anything.
// Each is refused, or gives what it would give if there were nothing hidden at all.
#include <gtest/gtest.h>

#include "data/query/twin_worlds.h"

namespace mw::query {
namespace {

using twins::Plant;

enum class Outcome { refused, filtered };
struct Attempt {
    Outcome want;
    const char* sql;
};
constexpr auto refused = Outcome::refused;
constexpr auto filtered = Outcome::filtered;

constexpr Attempt attempts[] = {
    // Other statements, also to write.
    {refused, "COPY points TO '/tmp/mw-stolen.csv'"},
    {refused, "COPY (SELECT * FROM points) TO '/tmp/mw-stolen.parquet' (FORMAT parquet)"},
    {refused, "ATTACH 'DIR/stolen.db' AS s"},
    {refused, "PRAGMA table_info('points')"},
    {refused, "PRAGMA database_list"},
    {refused, "SET enable_external_access = true"},
    {refused, "SET allowed_directories = ['/']"},
    {refused, "RESET lock_configuration"},
    {refused, "INSTALL httpfs"},
    {refused, "LOAD httpfs"},
    {refused, "CREATE MACRO m() AS TABLE SELECT * FROM points"},
    {refused, "CREATE OR REPLACE TEMP VIEW points AS SELECT 1"},
    {refused, "CREATE TABLE t AS SELECT * FROM points"},
    {refused, "INSERT INTO points SELECT * FROM points"},
    {refused, "UPDATE points SET value = 0"},
    {refused, "DELETE FROM points"},
    {refused, "DROP VIEW points"},
    {refused, "PREPARE p AS SELECT * FROM points"},
    {refused, "EXECUTE p"},
    {refused, "CALL duckdb_tables()"},
    {refused, "EXPLAIN ANALYZE SELECT * FROM points"},
    {refused, "DESCRIBE points"},
    {refused, "SUMMARIZE points"},
    {refused, "SELECT 1; SELECT * FROM points"},
    {refused, "SELECT $1"},
    {refused, "SELECT * FROM points WHERE device = $device"},
    // Files and folders.
    {refused, "SELECT * FROM 'DIR/secret.csv'"},
    {refused, "SELECT * FROM \"DIR/secret.csv\""},
    {refused, "SELECT * FROM 'DIR/history/secret.csv'"},
    {refused, "SELECT * FROM read_csv('DIR/history/secret.csv')"},
    {refused, "SELECT * FROM read_csv_auto('DIR/secret.csv')"},
    {refused, "SELECT * FROM read_text('DIR/history/secret.csv')"},
    {refused, "SELECT * FROM read_blob('DIR/history/secret.csv')"},
    {refused, "SELECT * FROM read_parquet('DIR/history/**/*.parquet')"},
    {refused, "SELECT * FROM parquet_scan('DIR/history/**/*.parquet')"},
    {refused, "SELECT * FROM parquet_metadata('DIR/history/**/*.parquet')"},
    {refused, "SELECT * FROM glob('DIR/**')"},
    {refused, "SELECT * FROM sniff_csv('DIR/secret.csv')"},
    {refused, "SELECT * FROM points, LATERAL (SELECT * FROM read_text(device))"},
    {refused, "SELECT (SELECT content FROM read_text('DIR/history/secret.csv'))"},
    {refused, "WITH a AS (FROM 'DIR/secret.csv') SELECT * FROM a"},
    {refused, "SELECT * FROM points UNION ALL SELECT * FROM 'DIR/secret.csv'"},
    // Catalogs, and our own names.
    {refused, "SELECT * FROM duckdb_tables()"},
    {refused, "SELECT * FROM duckdb_views()"},
    {refused, "SELECT * FROM duckdb_columns()"},
    {refused, "SELECT * FROM duckdb_settings()"},
    {refused, "SELECT * FROM information_schema.tables"},
    {refused, "SELECT * FROM pg_catalog.pg_class"},
    {refused, "SELECT * FROM pragma_table_info('points')"},
    {refused, "SELECT * FROM pragma_show('points')"},
    {refused, "SELECT * FROM sqlite_master"},
    {refused, "SELECT * FROM query('SELECT * FROM __mw_ref0')"},
    {refused, "SELECT * FROM query_table('__mw_ref0')"},
    {refused, "SELECT * FROM __mw_rows(slot := 0)"},
    {refused, "SELECT * FROM __mw_rows(slot := 1), points"},
    {refused, "SELECT * FROM points, __mw_ref0"},
    {refused, "SELECT * FROM \"__MW_REF0\", points"},
    {refused, "SELECT * FROM main.points"},
    {refused, "SELECT * FROM memory.main.points"},
    {refused, "SELECT * FROM temp.main.points"},
    {refused, "SELECT * FROM \"main\".\"points\""},
    {refused, "SELECT * FROM main/**/.points"},
    {refused, "WITH __mw_ref0 AS (SELECT 1) SELECT * FROM __mw_ref0, points"},
    {refused, "WITH points AS (SELECT 1) SELECT * FROM points"},
    {refused, "WITH RECURSIVE t AS (SELECT * FROM points UNION ALL SELECT * FROM t) FROM t"},
    {refused, "SELECT getvariable('x') FROM points"},
    {refused, "SELECT current_query() FROM points"},
    {refused, "SELECT stats(value) FROM points"},
    {refused, "SELECT current_setting('allowed_directories')"},
    {refused, "SELECT __internal_decompress_string(1) FROM points"},
    {refused, "SELECT file_row_number FROM points"},
    {refused, "SELECT filename FROM points"},
    {refused, "SELECT rowid FROM points"},
    {refused, "SELECT device_id FROM points"},
    // Products that are closed or unknown, however they are written.
    {refused, "SELECT * FROM vaults"},
    {refused, "SELECT * FROM \"VAULTS\""},
    {refused, "SELECT count(*) FROM (SELECT 1 FROM vaults)"},
    {refused, "WITH a AS MATERIALIZED (SELECT * FROM vaults) SELECT 1"},
    {refused, "SELECT 1 WHERE EXISTS (SELECT 1 FROM vaults)"},
    {refused, "SELECT * FROM points WHERE device IN (SELECT device FROM vaults)"},
    {refused, "SELECT * FROM ghost"},
    {refused, "SELECT * FROM Ghost g, LATERAL (SELECT g.value)"},
    // Rows: every clause and every shape.
    {filtered, "SELECT * FROM points"},
    {filtered, "FROM points"},
    {filtered, "TABLE points"},
    {filtered, "SELECT * FROM \"Points\""},
    {filtered, "SELECT/**/*/**/FROM/**/points -- where"},
    {filtered, "SELECT * FROM points WHERE device = 'PLANTED-SECRET-1'"},
    {filtered, "SELECT * FROM points WHERE device = 'gw-1' OR true"},
    {filtered, "SELECT * FROM points WHERE device IN ('PLANTED-SECRET-1', 'gw-1')"},
    {filtered, "SELECT * FROM points WHERE NOT (device = 'gw-1')"},
    {refused, "SELECT * FROM points WHERE device = U&'\\0050LANTED-SECRET-1'"},
    {filtered, "SELECT * FROM points WHERE device LIKE 'P%' OR device SIMILAR TO 'P.*'"},
    {filtered, "SELECT * FROM \"all-of-it\" WHERE signal = 'vault'"},
    {filtered,
     "SELECT count(*), sum(value), min(value), max(value), min(device), max(device) "
     "FROM points"},
    {filtered, "SELECT min(time), max(time), count(DISTINCT device) FROM points"},
    {filtered, "SELECT approx_count_distinct(device) FROM points"},
    {filtered, "SELECT histogram(device) FROM points"},
    {filtered, "SELECT count(*) FILTER (WHERE device > 'A'), bool_or(value > 7000) FROM points"},
    {filtered, "SELECT device, sum(value) FROM points GROUP BY ROLLUP (device)"},
    {filtered, "SELECT device FROM points GROUP BY device HAVING max(value) > 7000"},
    {filtered, "SELECT * FROM points ORDER BY value DESC, device, signal, time LIMIT 3"},
    {filtered,
     "SELECT DISTINCT ON (device) device, signal, value FROM points ORDER BY device, "
     "value DESC, signal"},
    {filtered,
     "SELECT device, max(value) OVER () AS m, rank() OVER (ORDER BY value DESC) AS r "
     "FROM points"},
    {filtered,
     "SELECT device, lag(value) OVER (ORDER BY value DESC, device, signal, time) FROM "
     "points QUALIFY row_number() OVER (ORDER BY value DESC, device, signal, time) < 5"},
    {filtered,
     "SELECT (SELECT max(value) FROM points q WHERE q.signal = s.signal) AS m, signal "
     "FROM series s"},
    {filtered,
     "SELECT s.device, t.m FROM series s, LATERAL (SELECT max(value) AS m FROM points q "
     "WHERE q.device > s.device) t"},
    {filtered, "SELECT * FROM points p FULL JOIN scorecard s ON p.device <> s.device"},
    {filtered,
     "SELECT p.value, q.value FROM points p JOIN points q ON p.time = q.time AND "
     "q.device >= 'P'"},
    {filtered,
     "SELECT p.time, q.value FROM points p ASOF JOIN points q ON p.time >= q.time AND "
     "p.signal = q.signal WHERE q.device LIKE 'P%'"},
    {filtered, "SELECT d.score, l.author FROM decisions d POSITIONAL JOIN labels l"},
    {filtered, "SELECT device FROM series EXCEPT SELECT device FROM pumps"},
    {filtered, "SELECT device FROM points INTERSECT SELECT device FROM labels"},
    {filtered, "VALUES ((SELECT max(value) FROM points))"},
    {filtered,
     "SELECT list(DISTINCT device ORDER BY device), string_agg(DISTINCT signal ORDER BY "
     "signal) FROM points"},
    {refused, "SELECT list_transform([1, 2], lambda x: (SELECT count(*) FROM points))"},
    {filtered, "SELECT COLUMNS('.*') FROM labels"},
    {filtered, "SELECT * REPLACE (upper(device) AS device) FROM series"},
    {filtered, "SELECT t FROM points t"},
    {filtered, "SELECT unnest(t) FROM (SELECT points AS t FROM points)"},
    {filtered, "WITH a AS MATERIALIZED (SELECT * FROM points) SELECT max(value) FROM a"},
    {filtered,
     "WITH a AS (SELECT * FROM points), b AS (SELECT * FROM a WHERE value > 7000) "
     "SELECT count(*) FROM a, b"},
    {filtered, "SELECT hash(device), md5(device) FROM series"},
    {filtered, "SELECT * FROM decisions ORDER BY score DESC"},
    {filtered, "SELECT * FROM labels WHERE author <> 'ann'"},
    {filtered, "SELECT sum(points), max(points) FROM scorecard"},
    {filtered, "SELECT 1 FROM points LIMIT (SELECT count(*) FROM points WHERE value > 7000)"},
    // Errors as an oracle: computed for a hidden row, each would tell of it.
    {filtered, "SELECT CAST(device AS INTEGER) FROM points WHERE device LIKE 'P%'"},
    {filtered,
     "SELECT count(*) FROM points WHERE CASE WHEN device LIKE 'P%' THEN CAST(device AS "
     "INTEGER) ELSE 1 END = 1"},
    {filtered,
     "SELECT count(*) FROM points WHERE CASE WHEN value > 5000 THEN "
     "CAST(value::VARCHAR || 'x' AS INTEGER) ELSE 1 END = 1"},
    {filtered,
     "SELECT count(*) FROM points WHERE (CASE WHEN value > 7000 THEN 300 ELSE 1 "
     "END)::UTINYINT = 1"},
    {filtered, "SELECT count(*) FROM points WHERE sqrt(7000 - value) >= 0"},
    {filtered, "SELECT count(*) FROM points WHERE ln(7777.25 - value) > -1000"},
    {filtered,
     "SELECT sum(CASE WHEN value = 8888.25 THEN 9223372036854775807 ELSE 0 END) + "
     "1 FROM points"},
    {filtered, "SELECT 1 % (7777.25 - max(value))::INT FROM points"},
    {filtered,
     "SELECT count(*) FROM points WHERE strptime(CASE WHEN device LIKE 'P%' THEN device "
     "ELSE '2026' END, '%Y') IS NOT NULL"},
    {filtered, "SELECT (SELECT device FROM series WHERE device LIKE 'P%')"},
    {filtered,
     "SELECT count(*) FROM series WHERE regexp_matches('x', CASE WHEN device LIKE 'P%' "
     "THEN '(' ELSE 'x' END)"},
    {filtered, "SELECT chr(CASE WHEN author LIKE 'P%' THEN -1 ELSE 65 END) FROM labels"},
    {filtered,
     "SELECT count(*) FROM points p JOIN series s ON CAST(CASE WHEN p.device LIKE 'P%' "
     "THEN p.device ELSE '1' END AS INTEGER) = 1 AND p.device = s.device"},
    {filtered,
     "SELECT count(*) FROM decisions WHERE CAST(CASE WHEN score > 7000 THEN 'x' ELSE "
     "'1' END AS INTEGER) = 1"},
    // Masked values: compared, sorted, grouped, joined, divided, narrowed by time.
    {filtered, "SELECT count(*) FROM points WHERE signal = 'flow' AND value = 5555.25"},
    {filtered, "SELECT count(*) FROM points WHERE signal = 'flow' AND value IS NOT NULL"},
    {filtered, "SELECT value FROM points WHERE signal = 'flow' ORDER BY value DESC LIMIT 2"},
    {filtered,
     "SELECT value, count(*) FROM points WHERE signal IN ('flow', 'power') GROUP BY "
     "value"},
    {filtered,
     "SELECT count(*) FROM points p JOIN generate_series(5500, 5600) g(v) ON p.value = "
     "g.v + 0.25"},
    {filtered, "SELECT max(value), min(value) FROM points WHERE signal = 'power'"},
    {filtered,
     "SELECT count(*), sum(value) FROM points WHERE signal = 'power' AND time < "
     "'2026-01-01T00:03:10'"},
    {filtered,
     "SELECT time, value FROM points WHERE signal = 'power' AND time BETWEEN "
     "'2026-01-01T00:02:10' AND '2026-01-01T00:03:10'"},
    {filtered,
     "SELECT time, value FROM pumps WHERE signal = 'power' AND device = 'gw-1' AND time "
     "= '2026-01-01T00:02:10'"},
    {filtered, "SELECT stddev_pop(value) > 100 FROM points WHERE signal = 'power'"},
    {filtered,
     "SELECT count(*) FROM points WHERE signal = 'power' AND CAST(value AS TINYINT) > "
     "100"},
    {filtered,
     "SELECT p.value FROM decisions d ASOF JOIN points p ON d.device = p.device AND "
     "d.time >= p.time WHERE p.signal = 'power'"},
};

// Which value fails first depends on the order of rows, and that on what there is: so whoever does
// not see all rows is not told which.
TEST(SightAttacks, an_error_names_no_value_to_those_who_see_a_part) {
    twins::Twins worlds;
    for (const char* sql :
         {"SELECT * FROM pumps t SEMI JOIN decisions d ON t.device = d.device WHERE "
          "CAST(t.signal AS INTEGER) < 17",
          "SELECT CAST(signal AS INTEGER) FROM points",
          "SELECT CAST(signal AS DATE) FROM series WHERE CAST(unit AS INTEGER) = 1"}) {
        Plant::Answer answer;
        EXPECT_EQ(worlds.leak(sql, &answer), "") << sql;
        ASSERT_TRUE(answer.error) << sql;
        EXPECT_EQ(answer.error->code, Errc::invalid_input);
        EXPECT_EQ(answer.text.find("pressure"), std::string::npos) << answer.text;
        EXPECT_NE(answer.text.find("TRY_CAST"), std::string::npos) << answer.text;
        const auto all = worlds.with.answer(sql, "user:ann");
        EXPECT_NE(all.text.find("Could not convert string"), std::string::npos) << all.text;
    }
    // What is wrong with the text itself is told to everybody.
    for (const char* sql : {"SELECT CAST('nothing' AS INTEGER)", "SELECT nothing FROM points",
                            "SELECT sum(device), 'nothing' FROM points"}) {
        Plant::Answer answer;
        EXPECT_EQ(worlds.leak(sql, &answer), "") << sql;
        EXPECT_NE(answer.text.find("rror: "), std::string::npos) << answer.text;
    }
}

TEST(SightAttacks, are_refused_or_see_nothing_of_what_is_hidden) {
    twins::Twins worlds;
    std::size_t count = 0;
    for (const auto& [want, text] : attempts) {
        std::string sql = text;
        for (std::size_t at; (at = sql.find("DIR")) != std::string::npos;)
            sql.replace(at, 3, worlds.with.folder());
        ++count;
        Plant::Answer answer;
        EXPECT_EQ(worlds.leak(sql, &answer), "") << sql;
        if (want == Outcome::refused) {
            const auto code = answer.error ? answer.error->code : Errc::corrupt;
            EXPECT_TRUE(code == Errc::invalid_input || code == Errc::denied) << sql << "\n"
                                                                             << answer.text;
        } else {
            EXPECT_FALSE(answer.error) << sql << "\n" << answer.text;
        }
    }
    EXPECT_GE(count, 60u);
    EXPECT_FALSE(std::filesystem::exists("/tmp/mw-stolen.csv"));
    EXPECT_FALSE(std::filesystem::exists("/tmp/mw-stolen.parquet"));
}

}  // namespace
}  // namespace mw::query
