// Statements that must be refused, and by whom: by us, before DuckDB runs anything.
#include <gtest/gtest.h>

#include "data/query/slot.h"

namespace mw::query {
namespace {

class AllowList : public testing::TestWithParam<const char*> {
 protected:
    static Result<Parsed> parse(const std::string& sql, const std::vector<std::string>& products = {
                                                            "pumps", "boiler-room"}) {
        static Slot slot{SlotOptions{}};
        return slot.parse(sql, products, 128 << 20, {});
    }
};

using Refused = AllowList;
TEST_P(Refused, is_refused_with_a_reason) {
    const auto parsed = parse(GetParam());
    ASSERT_FALSE(parsed.ok()) << GetParam() << "\nbecame " << parsed->sql;
    EXPECT_EQ(parsed.error().code, Errc::invalid_input) << parsed.error().message;
    EXPECT_GT(parsed.error().message.size(), 10u);
}

constexpr const char* attacks[] = {
    // Not a SELECT.
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "COPY points TO '/tmp/x.parquet' (FORMAT parquet)",
    "ATTACH '/tmp/x.db' AS x",
    "DETACH memory",
    "PRAGMA database_list",
    "PRAGMA enable_external_access=true",
    "SET memory_limit='100GB'",
    "RESET memory_limit",
    "SET VARIABLE x = 1",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE TABLE t(i INT)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO m() AS TABLE SELECT * FROM read_csv('/etc/passwd')",
    "CREATE TEMP MACRO points() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "CREATE TYPE t AS ENUM ('a')",
    "DROP TABLE points",
    "ALTER TABLE points RENAME TO p",
    "INSERT INTO points VALUES (1)",
    "UPDATE points SET value = 0",
    "DELETE FROM points",
    "TRUNCATE points",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "CALL pragma_version()",
    "EXPORT DATABASE '/tmp/x'",
    "IMPORT DATABASE '/tmp/x'",
    "USE memory",
    "BEGIN",
    "COMMIT",
    "VACUUM",
    "CHECKPOINT",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT * FROM points",
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "DESCRIBE points",
    "SUMMARIZE points",
    "PIVOT points ON signal USING avg(value)",
    "",
    ";",
    "-- nothing but a comment",
    // More than one.
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE points",
    "SELECT 1; COPY (SELECT 1) TO '/tmp/x'",
    // Tables that are files, catalogs or somebody else's.
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'points.parquet'",
    "SELECT * FROM \"/data/history/points/x.parquet\"",
    "SELECT * FROM 'https://example.com/x.csv'",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM \"x.csv\" AS points",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM system.main.duckdb_settings",
    "SELECT * FROM main.points",
    "SELECT * FROM memory.main.points",
    "SELECT * FROM temp.main.points",
    "SELECT * FROM __mw_ref0",
    "SELECT * FROM __mw_rows",
    "SELECT * FROM points, __mw_ref0",
    "SELECT * FROM nowhere",
    "SELECT * FROM points AT (VERSION => 1)",
    // Table functions.
    "SELECT * FROM read_parquet('/data/history/**/*.parquet')",
    "SELECT * FROM parquet_scan('x')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM parquet_schema('x.parquet')",
    "SELECT * FROM parquet_kv_metadata('x.parquet')",
    "SELECT * FROM parquet_bloom_probe('x.parquet', 'device', 'a')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM pragma_storage_info('points')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('points')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM test_all_types()",
    "SELECT * FROM repeat('x', 1000000000)",
    "SELECT * FROM repeat_row(1, num_rows=1000000000)",
    "SELECT * FROM seq_scan('points')",
    "SELECT * FROM arrow_scan(0, 0, 0)",
    "SELECT * FROM which_secret('x', 's3')",
    "SELECT * FROM sql_auto_complete('SEL')",
    "SELECT * FROM __mw_rows(slot := 0)",
    "SELECT * FROM histogram('points', 'value')",
    // The same, further inside.
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM (SELECT * FROM (SELECT * FROM glob('/**')))",
    "SELECT * FROM points WHERE device IN (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM points WHERE EXISTS (FROM glob('/*'))",
    "SELECT * FROM points ORDER BY (SELECT count(*) FROM glob('/*'))",
    "SELECT * FROM points LIMIT (SELECT count(*) FROM glob('/*'))",
    "SELECT * FROM points OFFSET (SELECT count(*) FROM glob('/*'))",
    "SELECT device FROM points GROUP BY device HAVING (SELECT count(*) FROM glob('/*')) > 0",
    "SELECT device FROM points QUALIFY (SELECT true FROM glob('/*'))",
    "SELECT sum(value) FILTER (WHERE (SELECT true FROM glob('/*'))) FROM points",
    "SELECT sum(value) OVER (PARTITION BY (SELECT count(*) FROM glob('/*'))) FROM points",
    "SELECT sum(value) OVER (ORDER BY time ROWS (SELECT count(*) FROM glob('/*')) PRECEDING) "
    "FROM points",
    "SELECT CASE WHEN true THEN (SELECT count(*) FROM glob('/*')) END",
    "SELECT * FROM points UNION ALL SELECT * FROM read_parquet('x')",
    "SELECT 1 UNION SELECT 2 EXCEPT SELECT count(*) FROM glob('/*')",
    "SELECT * FROM points p JOIN read_csv('x') c ON p.device = c.device",
    "SELECT * FROM points p, LATERAL (SELECT * FROM read_text(p.device))",
    "SELECT * FROM (VALUES ((SELECT count(*) FROM glob('/*'))))",
    "SELECT list_transform([1], lambda x: (SELECT count(*) FROM glob('/*')))",
    "SELECT [x FOR x IN (SELECT list(file) FROM glob('/*'))]",
    "SELECT * REPLACE ((SELECT count(*) FROM glob('/*')) AS value) FROM points",
    "SELECT DISTINCT ON ((SELECT count(*) FROM glob('/*'))) * FROM points",
    "SELECT COLUMNS(lambda c: getenv('HOME') = c) FROM points",
    "VALUES ((SELECT count(*) FROM glob('/*')))",
    "FROM glob('/*')",
    "TABLE duckdb_tables",
    // WITH.
    "WITH a AS (SELECT * FROM glob('/*')) SELECT * FROM a",
    "WITH a AS MATERIALIZED (SELECT * FROM glob('/*')) SELECT * FROM a",
    "WITH points AS (SELECT 1) SELECT * FROM points",
    "WITH \"POINTS\" AS (SELECT 1) SELECT * FROM points",
    "WITH pumps AS (SELECT 1) SELECT * FROM pumps",
    "WITH __mw_ref0 AS (SELECT 1) SELECT * FROM __mw_ref0, points",
    "SELECT * FROM (WITH \"x.csv\" AS (SELECT 1) SELECT 1), \"x.csv\"",
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
    "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT * FROM t",
    "WITH a AS (WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT 1 FROM t) FROM t) FROM a",
    // Scalar functions, macros, session facts.
    "SELECT getenv('HOME')",
    "SELECT GetEnv('HOME')",
    "SELECT \"getenv\"('HOME')",
    "SELECT main.getenv('HOME')",
    "SELECT pg_catalog.pg_get_viewdef(1)",
    "SELECT system.main.abs(1)",
    "SELECT current_setting('memory_limit')",
    "SELECT getvariable('x')",
    "SELECT current_user",
    "SELECT user",
    "SELECT session_user",
    "SELECT current_schema",
    "SELECT current_database()",
    "SELECT current_query()",
    "SELECT version()",
    "SELECT txid_current()",
    "SELECT nextval('s')",
    "SELECT setseed(0.5)",
    "SELECT write_log('x')",
    "SELECT error('x')",
    "SELECT sleep_ms(1000)",
    "SELECT json_serialize_sql('SELECT 1')",
    "SELECT json_serialize_plan('SELECT 1')",
    "SELECT has_table_privilege('points', 'select')",
    "SELECT inet_server_addr()",
    "SELECT stats(value) FROM points",
    "SELECT pg_typeof(1)",
    "SELECT parse_duckdb_log_message('x', 'y')",
    "SELECT __internal_compress_integral_utinyint(1, 0)",
    "SELECT 1 OPERATOR(pg_catalog.+) 2",
    "SELECT list_aggregate([1], 'sum')",
    "SELECT alias(1)",
    // Casts and types.
    "SELECT 'points'::regclass",
    "SELECT CAST('a' AS my_enum)",
    "SELECT TRY_CAST('a' AS regtype)",
    "SELECT '{}'::JSON",
    // Memory in one call.
    "SELECT repeat('x', 4000000000)",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT rpad('x', length(device)::INT * 1000000, 'y') FROM points",
    "SELECT format('{:1000000000}', 1)",
    "SELECT printf('%1000000000d', 1)",
    "SELECT printf('%*d', 1000000000, 1)",
    "SELECT format('{:{}}', 1, 1000000000)",
    "SELECT format(device, 1) FROM points",
    "SELECT range(1000000000)",
    "SELECT generate_series(1, length(device) * 1000000000) FROM points",
    "SELECT list_resize([1], 1000000000)",
    "SELECT bar(1, 0, 1, 1000000000)",
    "SELECT to_base(1, 2, 1000000000)",
    // Parameters and the rest.
    "SELECT $1",
    "SELECT ?",
    "SELECT DEFAULT",
    "SELECT * FROM points WHERE device = $device",
    "SELECT x FROM",
    "SELECT 'open",
    "SELECT \x01",
};
INSTANTIATE_TEST_SUITE_P(Attacks, Refused, testing::ValuesIn(attacks));

using Allowed = AllowList;
TEST_P(Allowed, is_allowed_and_reads_back) {
    const auto parsed = parse(GetParam());
    ASSERT_TRUE(parsed.ok()) << GetParam() << "\n" << parsed.error().message;
    // What runs is itself allowed, over our names and no others.
    std::vector<std::string> names;
    for (const Wanted& wanted : parsed->wanted) names.push_back(wanted.internal);
    const auto again = parse(parsed->sql, names);
    ASSERT_TRUE(again.ok()) << parsed->sql << "\n" << again.error().message;
    EXPECT_EQ(again->wanted.size(), names.size());
}

constexpr const char* statements[] = {
    "SELECT * FROM points LIMIT 5",
    "FROM points",
    "TABLE points",
    "VALUES (1, 'a')",
    "SELECT * FROM pumps",
    "SELECT * FROM \"Boiler-Room\" WHERE quality >= 192",
    "SELECT device, count(*), avg(value) FROM points GROUP BY ALL ORDER BY ALL",
    "SELECT time_bucket(INTERVAL 1 MINUTE, time) AS t, avg(value) FILTER (WHERE quality >= 192) "
    "FROM points WHERE device = 'a' AND time > now() - INTERVAL 1 HOUR GROUP BY t ORDER BY t",
    "SELECT arg_max(value, time), last(value ORDER BY time) FROM points GROUP BY device, signal",
    "SELECT quantile_cont(value, [0.5, 0.99]), stddev(value), corr(value, quality) FROM points",
    "SELECT *, lag(value) OVER w AS before, row_number() OVER w FROM points "
    "WINDOW w AS (PARTITION BY device, signal ORDER BY time)",
    "SELECT p.time, p.value, d.score FROM points p ASOF JOIN decisions d "
    "ON p.device = d.device AND p.time >= d.time",
    "WITH a AS (SELECT * FROM points), b AS MATERIALIZED (SELECT * FROM a) SELECT * FROM b",
    "SELECT * FROM points WHERE device IN (SELECT device FROM series WHERE site = 'north')",
    "SELECT * FROM series LEFT JOIN scorecard USING (device, signal)",
    "SELECT g FROM generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02', "
    "INTERVAL 1 HOUR) t(g)",
    "SELECT unnest([1, 2, 3]), range(10), list_sum([1.5, 2])",
    "SELECT {'a': 1}.a, [1, 2][1], MAP {'k': 1}['k'], row(1, 2)",
    "SELECT list_transform([1, 2], lambda x: x * 2), [x + 1 FOR x IN [1, 2] IF x > 1]",
    "SELECT DISTINCT ON (device, signal) * FROM points ORDER BY device, signal, time DESC",
    "SELECT * EXCLUDE (asset, site) REPLACE (value * 2 AS value) FROM points",
    "SELECT COLUMNS('v.*') FROM points",
    "SELECT current_timestamp, current_date, localtimestamp, today(), age(time) FROM points",
    "SELECT CASE device WHEN 'a' THEN 1 ELSE 2 END, coalesce(value, 0), nullif(value, 0), "
    "CAST(value AS DECIMAL(18, 3)), time::DATE, TRY_CAST(device AS INT) FROM points",
    "SELECT upper(device) || '/' || signal, device LIKE 'a%', device ILIKE 'A_', "
    "regexp_matches(device, 'x'), printf('%5.2f', value), lpad(device, 10, ' ') FROM points",
    "SELECT * FROM points TABLESAMPLE 10%",
    "SELECT * FROM points USING SAMPLE 100",
    "SELECT 1 UNION ALL BY NAME SELECT 2 AS b INTERSECT SELECT 3",
    "SELECT device, signal, GROUPING(device) FROM points GROUP BY ROLLUP (device, signal)",
    "SELECT extract(hour FROM time), date_trunc('hour', time), epoch_ns(time), "
    "strftime(time, '%H:%M'), time AT TIME ZONE 'Europe/Berlin' FROM points",
    "SELECT (SELECT max(value) FROM points q WHERE q.device = s.device) FROM series s",
    "SELECT max(value) - min(value) AS span FROM points HAVING span > 1 LIMIT 10%",
    "SELECT value FROM points WHERE isfinite(value) AND value BETWEEN -1e300 AND 1e300",
    "SELECT * FROM points WHERE (device, signal) IN (('a', 'b'), ('c', 'd'))",
    "SELECT sum(value) OVER (ORDER BY time RANGE BETWEEN INTERVAL 1 HOUR PRECEDING AND CURRENT "
    "ROW) FROM points QUALIFY row_number() OVER (ORDER BY time) = 1",
    "SELECT regr_slope(value, epoch(time)), mode(device), histogram(quality) FROM points",
};
INSTANTIATE_TEST_SUITE_P(Statements, Allowed, testing::ValuesIn(statements));

TEST_F(AllowList, messages_name_place_and_remedy) {
    EXPECT_EQ(
        parse("SELECT 1,\n  getenv('HOME')").error().message,
        "line 2, column 3: function getenv() is not allowed; docs/sql.md lists those that are");
    EXPECT_EQ(parse("SELECT * FROM nowhere").error().message,
              "line 1, column 15: there is no table 'nowhere'; there is points, decisions, series, "
              "scorecard, labels, rollups, latest, quarantine, pumps, boiler-room");
    EXPECT_EQ(parse("SELECT 'ä', version()").error().message,
              "line 1, column 13: function version() is not allowed; docs/sql.md lists those that "
              "are");
    EXPECT_EQ(parse("SELECT 'ä', x FROM").error().message,
              "line 1, column 19: syntax error at end of input");
    EXPECT_EQ(parse("COPY points TO 'x'").error().message,
              "only SELECT statements are allowed, and no PIVOT");
}

TEST_F(AllowList, deep_and_wide_statements_are_refused_not_crashed_on) {
    std::string deep = "SELECT ";
    for (int i = 0; i < 5000; ++i) deep += "(";
    deep += "1";
    for (int i = 0; i < 5000; ++i) deep += ")";
    ignore(parse(deep), "either is right: parentheses leave no trace in the tree");
    std::string sum = "SELECT 1";
    for (int i = 0; i < 900; ++i) sum += "+device";
    EXPECT_FALSE(parse(sum + " FROM points").ok());
    std::string nested = "SELECT 1";
    for (int i = 0; i < 100; ++i) nested = "SELECT * FROM (" + nested + ")";
    EXPECT_FALSE(parse(nested).ok());
    EXPECT_FALSE(parse(std::string("SELECT 1\0", 9)).ok());
}

}  // namespace
}  // namespace mw::query
