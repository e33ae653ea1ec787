// The engine over a real History with real Parquet files, in one thread plus workers.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "data/query/query.h"
#include "data/segments/segments.h"
#include "platform/files/files.h"

namespace mw::query {
namespace {

namespace fs = std::filesystem;

constexpr Timestamp start{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z

class TestProducts final : public ProductSource {
 public:
    std::shared_ptr<const Products> products() override {
        return std::make_shared<const Products>(
            Products{{"pumps", std::vector<std::string>{"gw-1", "gw-2"}, std::nullopt},
                     {"pressures", std::nullopt, std::vector<std::string>{"pressure"}},
                     {"nobody", std::vector<std::string>{}, std::nullopt}});
    }
};

class TestScorecard final : public ScorecardSource {
 public:
    Task<quality::Scorecard> scorecard() override {
        quality::ScorecardRow row;
        row.device = "gw-1";
        row.signal = "pressure";
        row.counters.points = 100;
        row.counters.spike = 3;
        row.completeness = 0.5;
        co_return quality::Scorecard{row};
    }
};

class TestLabels final : public LabelSource {
 public:
    std::shared_ptr<const labels::Labels> labels() override {
        labels::Label label;
        label.task = "label-1";
        label.device = "gw-1";
        label.model = "valve";
        label.window_from = start;
        label.window_to = start + seconds{10};
        label.score = 0.5;
        label.label = true;
        label.why = "audit";
        label.propensity = 0.25;
        label.author = "user:ann";
        label.labelled_at = start + hours{1};
        return std::make_shared<const labels::Labels>(labels::Labels{label});
    }
};

class TestHistory final : public HistorySource {
 public:
    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override {
        asked = bounds;
        if (hang) CO_TRY_VOID(co_await sleep_for(hours{1}));
        co_return co_await history->snapshot(std::move(bounds));
    }
    history::History* history = nullptr;
    history::Bounds asked;
    bool hang = false;
};

// Sights by actor; who isn't there sees everything.
class TestPolicy final : public ReadPolicy {
 public:
    std::map<std::string, Result<SightPtr>> sights;
    Result<SightPtr> sight_of(const std::string& actor) override {
        const auto found = sights.find(actor);
        if (found != sights.end()) return found->second;
        return SightPtr(std::make_shared<const Sight>());
    }
};

struct World {
    fs::path directory = make_directory();
    std::unique_ptr<Loop> loop = Loop::open().value();
    Workers workers{{.threads = 2}};
    files::RealFiles files;
    metrics::Registry metrics;
    segments::ParquetWriter writer{{.directory = (directory / "history").string()}};
    std::unique_ptr<history::History> history = open_history();
    TestHistory source;
    TestProducts products;
    TestScorecard scorecard;
    TestLabels labels;
    TestPolicy policy;
    std::optional<Engine> engine;

    explicit World(EngineOptions options = {}) {
        source.history = history.get();
        options.history_directory = (directory / "history").string();
        options.temporary_directory = (directory / "tmp").string();
        engine.emplace(options, Engine::Parts{workers, source, products, scorecard, metrics,
                                              &policy, &labels});
    }
    ~World() {
        ignore(sync_wait(*loop, history->stop()), "the test is over");
        engine.reset();
        history.reset();
        fs::remove_all(directory);
    }

    static fs::path make_directory() {
        std::string name = (fs::temp_directory_path() / "mw_query_XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        fs::create_directories(fs::path(name) / "tmp");
        fs::create_directories(fs::path(name) / "history");
        return name;
    }
    std::unique_ptr<history::History> open_history() {
        history::HistoryOptions options;
        options.directory = (directory / "history").string();
        auto opened = history::History::open(options, {files, *loop, workers, writer, metrics});
        EXPECT_TRUE(opened.ok()) << (opened ? "" : opened.error().message);
        return std::move(*opened);
    }

    void append(const std::string& device, const std::string& signal, Timestamp from,
                nanoseconds every, const std::vector<double>& values) {
        Batch batch;
        batch.device = {device};
        batch.arrival = from;
        batch.runs.push_back({signal, "bar", 0, static_cast<std::uint32_t>(values.size())});
        for (std::size_t i = 0; i < values.size(); ++i) {
            batch.times.push_back(from + every * static_cast<int>(i));
            batch.values.push_back(values[i]);
            batch.quality.push_back(Quality::good());
        }
        auto ticket = history->append(batch);
        ASSERT_TRUE(ticket.ok()) << ticket.error().message;
    }
    void decide(const std::string& device, Timestamp to, double score) {
        Decision decision;
        decision.device = {device};
        decision.model = "valve";
        decision.window_from = to - seconds{10};
        decision.window_to = to;
        decision.samples = 10;
        decision.score = score;
        decision.decision = score > 1;
        ASSERT_TRUE(history->append(decision).ok());
    }
    void seal() {
        const auto sealed = sync_wait(*loop, history->seal_now());
        ASSERT_TRUE(sealed.ok()) << sealed.error().message;
        ASSERT_EQ(history->figures().head_points, 0u);
    }

    Result<QueryReply> query(std::string sql, ResultFormat format = ResultFormat::json,
                             QueryLimits limits = {.memory_bytes = 128 << 20},
                             std::string actor = "user:ann", QueryParameters parameters = {}) {
        return sync_wait(*loop, engine->query({std::move(sql), format, limits, std::move(actor),
                                               std::move(parameters)}));
    }
    // The rows alone, as text; or the error.
    std::string rows(const std::string& sql, QueryParameters parameters = {}) {
        auto reply = query(sql, ResultFormat::json, {.memory_bytes = 128 << 20}, "user:ann",
                           std::move(parameters));
        if (!reply) return reply.error().message;
        const std::size_t begin = reply->body.find("\"rows\":") + 7;
        return reply->body.substr(begin, reply->body.rfind(",\"truncated\"") - begin);
    }
};

TEST(QueryEngine, points_are_visible_at_once_and_after_sealing) {
    World world;
    world.append("gw-1", "pressure", start, seconds{1}, {1.25, 2.5, 0.1});
    const std::string sql =
        "SELECT time, device, signal, value, quality, unit FROM points ORDER BY time";
    const std::string want = R"([["2026-01-01T00:00:00Z","gw-1","pressure",1.25,192,"bar"],)"
                             R"(["2026-01-01T00:00:01Z","gw-1","pressure",2.5,192,"bar"],)"
                             R"(["2026-01-01T00:00:02Z","gw-1","pressure",0.1,192,"bar"]])";
    EXPECT_EQ(world.rows(sql), want);
    world.seal();
    EXPECT_EQ(world.rows(sql), want);
    world.append("gw-1", "pressure", start + seconds{3}, seconds{1}, {9});
    EXPECT_EQ(world.rows("SELECT count(*), max(value) FROM points"), "[[4,9]]");
}

TEST(QueryEngine, doubles_come_back_bit_by_bit_in_json) {
    World world;
    std::vector<double> values{
        0.1, 1.0 / 3, -0.0, 1e300, 5e-324, -123456.789, 0x1.fffffffffffffp52};
    SeededRandom random(3);
    while (values.size() < 500) {
        const double value = std::bit_cast<double>(random.next());
        if (std::isfinite(value)) values.push_back(value);
    }
    world.append("gw-1", "x", start, milliseconds{1}, values);
    world.seal();
    auto reply = world.query("SELECT value FROM points ORDER BY time", ResultFormat::csv);
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    std::istringstream lines(reply->body);
    std::string line;
    std::getline(lines, line);
    for (const double value : values) {
        ASSERT_TRUE(std::getline(lines, line));
        EXPECT_EQ(std::bit_cast<std::uint64_t>(std::strtod(line.c_str(), nullptr)),
                  std::bit_cast<std::uint64_t>(value))
            << line;
    }
}

TEST(QueryEngine, bounds_reach_the_snapshot_and_only_matching_rows_return) {
    World world;
    for (const char* device : {"gw-1", "gw-2", "gw-3"}) {
        world.append(device, "pressure", start, seconds{1}, std::vector<double>(100, 1.0));
        world.append(device, "flow", start, seconds{1}, std::vector<double>(100, 2.0));
    }
    const std::string sql =
        "SELECT count(*), sum(value) FROM points WHERE device = 'gw-2' AND signal = 'flow' AND "
        "time BETWEEN '2026-01-01T00:00:10' AND '2026-01-01T00:00:19'";
    EXPECT_EQ(world.rows(sql), "[[10,20]]");
    EXPECT_EQ(world.source.asked.devices, std::vector<std::string>{"gw-2"});
    EXPECT_EQ(world.source.asked.signals, std::vector<std::string>{"flow"});
    EXPECT_EQ(world.source.asked.to.ns, (start + seconds{19} + milliseconds{1}).ns);
    world.seal();
    EXPECT_EQ(world.rows(sql), "[[10,20]]");
    EXPECT_EQ(world.rows("SELECT count(*) FROM points WHERE device = 'gw-9'"), "[[0]]");
    EXPECT_EQ(world.rows("SELECT count(*) FROM points WHERE device = 'a' AND device = 'b'"),
              "[[0]]");
}

TEST(QueryEngine, of_two_rows_of_one_time_the_last_written_counts) {
    World world;
    world.append("gw-1", "x", start, seconds{1}, {1, 2, 3, 4});
    world.append("gw-2", "x", start, seconds{1}, {1, 1});
    world.seal();
    world.append("gw-1", "x", start + seconds{1}, seconds{1}, {20});
    world.append("gw-1", "x", start + seconds{10}, seconds{1}, {100});
    const std::string sql = "SELECT list(value ORDER BY time) FROM points WHERE device = 'gw-1'";
    const std::string all = "SELECT count(*), sum(value) FROM points";
    EXPECT_EQ(world.rows(sql), "[[[1,20,3,4,100]]]");
    EXPECT_EQ(world.rows(all), "[[7,130]]");
    world.seal();
    EXPECT_EQ(world.rows(sql), "[[[1,20,3,4,100]]]");
    world.append("gw-1", "x", start + seconds{1}, seconds{2}, {21, 41});
    EXPECT_EQ(world.rows(sql), "[[[1,21,3,41,100]]]");
    world.seal();
    EXPECT_EQ(world.rows(sql), "[[[1,21,3,41,100]]]");
    EXPECT_EQ(world.rows(all), "[[7,168]]");
}

TEST(QueryEngine, products_are_views_of_points) {
    World world;
    for (const char* device : {"gw-1", "gw-2", "gw-3"}) {
        world.append(device, "pressure", start, seconds{1}, {1, 2});
        world.append(device, "flow", start, seconds{1}, {10, 20});
    }
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(world.rows("SELECT count(*), sum(value) FROM pumps"), "[[8,66]]");
        EXPECT_EQ(world.rows("SELECT count(*), sum(value) FROM pressures"), "[[6,9]]");
        EXPECT_EQ(world.rows("SELECT count(*) FROM Pressures p WHERE p.device = 'gw-3'"), "[[2]]");
        EXPECT_EQ(world.rows("SELECT count(*) FROM pumps WHERE device = 'gw-3'"), "[[0]]");
        EXPECT_EQ(world.rows("SELECT count(*) FROM nobody"), "[[0]]");
        world.seal();
    }
}

TEST(QueryEngine, decisions_series_and_scorecard_are_tables) {
    World world;
    world.append("gw-1", "pressure", start, seconds{1}, {1});
    history::Context context;
    context["gw-1"] = {"pump-1", "north"};
    world.history->set_context(std::make_shared<const history::Context>(context));
    world.decide("gw-1", start + seconds{10}, 0.5);
    world.decide("gw-1", start + seconds{20}, 1.5);
    const std::string sql =
        "SELECT time, asset, score, decision, fallback FROM decisions ORDER BY time";
    const std::string want = R"([["2026-01-01T00:00:10Z","pump-1",0.5,false,null],)"
                             R"(["2026-01-01T00:00:20Z","pump-1",1.5,true,null]])";
    EXPECT_EQ(world.rows(sql), want);
    EXPECT_EQ(world.rows("SELECT asset, site FROM points"), R"([["pump-1","north"]])");
    world.seal();
    EXPECT_EQ(world.rows(sql), want);
    EXPECT_EQ(world.rows("SELECT asset, site FROM points"), R"([["pump-1","north"]])");
    EXPECT_EQ(world.rows("SELECT device, signal, unit, asset, site FROM series"),
              R"([["gw-1","pressure","bar","pump-1","north"]])");
    EXPECT_EQ(world.rows("SELECT device, points, spike, completeness FROM scorecard"),
              R"([["gw-1",100,3,0.5]])");
    EXPECT_EQ(world.rows("SELECT s.site, p.value, c.points FROM points p JOIN series s USING "
                         "(device, signal) JOIN scorecard c USING (device, signal)"),
              R"([["north",1,100]])");
    EXPECT_EQ(world.rows("SELECT time, window_from, device, model, score, decision, label, why, "
                         "propensity, author, labelled_at, task FROM labels"),
              R"([["2026-01-01T00:00:10Z","2026-01-01T00:00:00Z","gw-1","valve",0.5,false,true,)"
              R"("audit",0.25,"user:ann","2026-01-01T01:00:00Z","label-1"]])");
    EXPECT_EQ(world.rows("SELECT d.score, l.label FROM decisions d JOIN labels l ON d.device = "
                         "l.device AND d.model = l.model AND d.window_to = l.window_to"),
              "[[0.5,true]]");
    EXPECT_EQ(
        world.rows("SELECT p.value FROM decisions d ASOF JOIN points p ON p.device = d.device "
                   "AND d.time >= p.time"),
        "[[1],[1]]");
}

TEST(QueryEngine, now_compares_with_time) {
    World world;
    const Timestamp now = RealClock().now();
    world.append("gw-1", "x", now - minutes{90}, minutes{60}, {1, 2});
    EXPECT_EQ(world.rows("SELECT value FROM points WHERE time > now() - INTERVAL 1 HOUR"), "[[2]]");
    EXPECT_EQ(world.rows("SELECT now() - max(time) < INTERVAL 31 MINUTE FROM points"), "[[true]]");
    EXPECT_EQ(world.rows("SELECT count(*) FROM points WHERE time <= current_timestamp AND time "
                         "NOT BETWEEN now() - INTERVAL 1 HOUR AND now()"),
              "[[1]]");
}

TEST(QueryEngine, statements_survive_the_way_through_the_tree) {
    World world;
    world.append("a", "x", start, seconds{1}, {1, 2, 3});
    world.append("b", "x", start, seconds{1}, {10, 20, 30});
    const std::pair<const char*, const char*> cases[] = {
        {"SELECT device, count(*), avg(value) FROM points GROUP BY ALL ORDER BY ALL DESC",
         R"([["b",3,20.0],["a",3,2.0]])"},
        {"SELECT value, lag(value) OVER (PARTITION BY device ORDER BY time) FROM points "
         "WHERE device = 'a' ORDER BY time",
         "[[1.0,null],[2.0,1.0],[3.0,2.0]]"},
        {"SELECT sum(value) OVER (ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM "
         "points WHERE device = 'a' ORDER BY time",
         "[[1.0],[3.0],[5.0]]"},
        {"SELECT DISTINCT ON (device) device, value FROM points ORDER BY device, time DESC",
         R"([["a",3.0],["b",30.0]])"},
        {"SELECT list_transform([1, 2], lambda x: x * 2), [x + 1 FOR x IN [1, 2] IF x > 1]",
         "[[[2,4],[3]]]"},
        {"SELECT max(value) FILTER (WHERE device = 'a'), arg_max(device, value) FROM points",
         R"([[3.0,"b"]])"},
        {"WITH m AS MATERIALIZED (SELECT device, max(value) AS top FROM points GROUP BY 1) "
         "SELECT device, top FROM m WHERE top > 5",
         R"([["b",30.0]])"},
        {"SELECT device FROM points GROUP BY device HAVING sum(value) > 10", R"([["b"]])"},
        {"SELECT 1 AS p UNION ALL BY NAME SELECT 2 AS q ORDER BY ALL", "[[1,null],[null,2]]"},
        {"SELECT time_bucket(INTERVAL 2 SECOND, time) AS t, sum(value) FROM points GROUP BY t "
         "ORDER "
         "BY t",
         R"([["2026-01-01T00:00:00Z",33.0],["2026-01-01T00:00:02Z",33.0]])"},
        {"SELECT quantile_cont(value, 0.5), -value::INT % 3 AS r FROM points GROUP BY r ORDER BY r "
         "LIMIT 1",
         "[[11.0,-2]]"},
        {"SELECT CASE WHEN value NOT BETWEEN 2 AND 20 THEN 'out' ELSE 'in' END AS c, count(*) FROM "
         "points GROUP BY c ORDER BY c",
         R"([["in",4],["out",2]])"},
        {"SELECT device, signal, GROUPING(signal) FROM points GROUP BY ROLLUP (device, signal) "
         "ORDER BY ALL LIMIT 1",
         R"([["a","x",0]])"},
        {"SELECT COLUMNS('^v.*') FROM points WHERE device = 'a' AND value IN (SELECT 2)",
         "[[2.0]]"},
        {"SELECT * EXCLUDE (time, unit, asset, site) REPLACE (value * 2 AS value) FROM points "
         "WHERE "
         "value = 30",
         R"([["b","x",60.0,192,null,30]])"},
        {"SELECT strftime(time AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo', '%H:%M') FROM points "
         "WHERE value = 1",
         R"([["09:00"]])"},
        {"SELECT 0.1::DOUBLE + 0.2::DOUBLE = 0.30000000000000004, 1e-3, 123456789012345678901234",
         "[[true,0.001,123456789012345678901234]]"},
    };
    for (const auto& [sql, want] : cases) {
        std::string expected = want;  // a whole double has no fraction in shortest form
        for (std::size_t at = 0; (at = expected.find(".0", at)) != std::string::npos;) {
            const bool whole =
                at + 2 == expected.size() || expected[at + 2] < '0' || expected[at + 2] > '9';
            if (whole)
                expected.erase(at, 2);
            else
                ++at;
        }
        EXPECT_EQ(world.rows(sql), expected) << sql;
    }
}

TEST(QueryEngine, formats) {
    World world;
    world.append("gw-1", "a,b", start + nanoseconds{5}, seconds{1}, {1.5, std::nan("")});
    auto body = [&](const std::string& sql, ResultFormat format) {
        auto reply = world.query(sql, format);
        return reply ? reply->body : reply.error().message;
    };
    const std::string sql =
        "SELECT time, signal, value, NULL AS n, '' AS e FROM points ORDER BY time";
    EXPECT_EQ(
        body(sql, ResultFormat::json),
        R"({"columns":[{"name":"time","type":"TIMESTAMP_NS"},{"name":"signal","type":"VARCHAR"},)"
        R"({"name":"value","type":"DOUBLE"},{"name":"n","type":"INTEGER"},)"
        R"({"name":"e","type":"VARCHAR"}],"rows":[)"
        R"(["2026-01-01T00:00:00.000000005Z","a,b",1.5,null,""],)"
        R"(["2026-01-01T00:00:01.000000005Z","a,b",null,null,""]],"truncated":false})");
    EXPECT_EQ(
        body(sql, ResultFormat::ndjson),
        R"({"time":"2026-01-01T00:00:00.000000005Z","signal":"a,b","value":1.5,"n":null,"e":""})"
        "\n"
        R"({"time":"2026-01-01T00:00:01.000000005Z","signal":"a,b","value":null,"n":null,"e":""})"
        "\n");
    EXPECT_EQ(body(sql, ResultFormat::csv),
              "time,signal,value,n,e\r\n2026-01-01T00:00:00.000000005Z,\"a,b\",1.5,,\"\"\r\n"
              "2026-01-01T00:00:01.000000005Z,\"a,b\",nan,,\"\"\r\n");
    const std::string parquet = body(sql, ResultFormat::parquet);
    EXPECT_TRUE(parquet.starts_with("PAR1") && parquet.ends_with("PAR1")) << parquet.substr(0, 200);
    EXPECT_TRUE(fs::is_empty(world.directory / "tmp"));
}

TEST(QueryEngine, other_types_as_json) {
    World world;
    EXPECT_EQ(
        world
            .query("SELECT 1.50::DECIMAL(9,2) d, -0.05::DECIMAL(4,2) e, 170141183460469231731687"
                   "303715884105727::HUGEINT h, DATE '0044-03-15' f, TIME '01:02:03.5' t, "
                   "INTERVAL '1 month 2 days 3 hours 0.25 seconds' i, [1, NULL] l, "
                   "{'a': 'x\"y', 'b': [TRUE]} s, MAP {'k': 2} m, 'a\nb' n, '\\x01\\xFF'::BLOB b, "
                   "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID u, "
                   "TIMESTAMP '1969-12-31 23:59:59.5' p, 'x'::ENUM('w','x') en")
            ->body.substr(0, 8),
        "{\"column");
    EXPECT_EQ(
        world
            .query("SELECT 1.50::DECIMAL(9,2) d, -0.05::DECIMAL(4,2) e, 170141183460469231731687"
                   "303715884105727::HUGEINT h, DATE '0044-03-15' f, TIME '01:02:03.5' t, "
                   "INTERVAL '1 month 2 days 3 hours 0.25 seconds' i, [1, NULL] l, "
                   "{'a': 'x\"y', 'b': [TRUE]} s, MAP {'k': 2} m, 'a\nb' n, '\\x01\\xFF'::BLOB b, "
                   "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID u, "
                   "TIMESTAMP '1969-12-31 23:59:59.5' p, 'x'::ENUM('w','x') en",
                   ResultFormat::ndjson)
            ->body,
        "{\"d\":1.50,\"e\":-0.05,\"h\":170141183460469231731687303715884105727,\"f\":\"0044-03-"
        "15\","
        "\"t\":\"01:02:03.5\",\"i\":\"P1M2DT3H0.25S\",\"l\":[1,null],\"s\":{\"a\":\"x\\\"y\",\"b\":"
        "[true]},\"m\":[{\"key\":\"k\",\"value\":2}],\"n\":\"a\\u000ab\",\"b\":\"Af8=\",\"u\":"
        "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\",\"p\":\"1969-12-31T23:59:59.5Z\",\"en\":\"x\"}"
        "\n");
}

TEST(QueryEngine, rows_beyond_the_limit_are_cut_and_it_says_so) {
    World world;
    const QueryLimits limits{.rows = 3000, .memory_bytes = 128 << 20};
    const std::string sql = "SELECT g FROM range(10000) t(g) ORDER BY g DESC";
    auto reply = world.query(sql, ResultFormat::csv, limits);
    ASSERT_TRUE(reply.ok()) << reply.error().message;
    EXPECT_EQ(reply->rows, 3000u);
    EXPECT_TRUE(reply->truncated);
    EXPECT_TRUE(reply->body.starts_with("g\r\n9999\r\n")) << reply->body.substr(0, 20);
    auto exact = world.query("SELECT g FROM range(3000) t(g)", ResultFormat::json, limits);
    EXPECT_FALSE(exact->truncated);
    EXPECT_EQ(exact->rows, 3000u);
    auto parquet = world.query(sql, ResultFormat::parquet, limits);
    ASSERT_TRUE(parquet.ok()) << parquet.error().message;
    EXPECT_EQ(parquet->rows, 3000u);
    EXPECT_TRUE(parquet->truncated);
}

TEST(QueryEngine, long_statements_time_out_and_the_slot_works_on) {
    World world({.slots = 1});
    const QueryLimits limits{.time = milliseconds{150}, .memory_bytes = 128 << 20};
    auto reply =
        world.query("SELECT sum(a.g * b.g) FROM range(10000000) a(g), range(10000000) b(g)",
                    ResultFormat::json, limits);
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code, Errc::timed_out) << reply.error().message;
    EXPECT_EQ(world.rows("SELECT 1"), "[[1]]");
}

TEST(QueryEngine, memory_and_result_size_are_limited) {
    World world;
    const QueryLimits limits{.memory_bytes = 16 << 20};
    auto heavy = world.query(
        "SELECT count(*) FROM (SELECT DISTINCT g, g::VARCHAR || 'padding' FROM "
        "range(5000000) t(g))",
        ResultFormat::json, limits);
    ASSERT_FALSE(heavy.ok());
    EXPECT_EQ(heavy.error().code, Errc::overloaded) << heavy.error().message;
    auto large = world.query("SELECT lpad(g::VARCHAR, 1000, 'x') FROM range(20000) t(g)",
                             ResultFormat::json, limits);
    ASSERT_FALSE(large.ok());
    EXPECT_EQ(large.error().code, Errc::overloaded) << large.error().message;
}

TEST(QueryEngine, more_statements_than_slots_wait_and_more_than_that_are_refused) {
    World world({.slots = 1, .waiting_max = 1});
    world.source.hang = true;
    Scope scope(*world.loop);
    std::vector<Errc> outcomes;
    auto ask = [&](std::string sql) -> Task<> {
        QueryRequest request;
        request.sql = std::move(sql);
        auto reply = co_await world.engine->query(std::move(request));
        if (!reply) outcomes.push_back(reply.error().code);
        co_return Result<>{};
    };
    for (int i = 0; i < 3; ++i) scope.spawn(ask("SELECT count(*) FROM points"));
    while (outcomes.empty()) world.loop->turn(true);
    EXPECT_EQ(outcomes, std::vector<Errc>{Errc::overloaded});
    scope.cancel();
    while (scope.size() > 0) world.loop->turn(true);
    EXPECT_EQ(outcomes.size(), 3u);
    world.source.hang = false;
    EXPECT_EQ(world.rows("SELECT count(*) FROM points"), "[[0]]");
}

TEST(QueryEngine, errors_point_into_the_text_that_was_written) {
    World world;
    world.append("gw-1", "x", start, seconds{1}, {1});
    auto unknown = world.query("SELECT time,\n  valu FROM points");
    ASSERT_FALSE(unknown.ok());
    EXPECT_NE(unknown.error().message.find("Referenced column \"valu\" not found"),
              std::string::npos);
    EXPECT_NE(unknown.error().message.find("LINE 2:   valu FROM points"), std::string::npos)
        << unknown.error().message;
    EXPECT_EQ(unknown.error().message.find("__mw"), std::string::npos) << unknown.error().message;
    auto wrong = world.query("SELECT CAST(device AS INTEGER) FROM points");
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().code, Errc::invalid_input);
    EXPECT_EQ(wrong.error().message.find("__mw"), std::string::npos) << wrong.error().message;
    EXPECT_EQ(world.rows("SELECT 1"), "[[1]]");
}

TEST(QueryEngine, a_missing_file_is_an_io_failure) {
    World world;
    world.append("gw-1", "x", start, seconds{1}, {1});
    world.seal();
    for (const auto& entry : fs::recursive_directory_iterator(world.directory / "history")) {
        if (entry.path().extension() == ".parquet") fs::remove(entry.path());
    }
    auto reply = world.query("SELECT * FROM points");
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code, Errc::io_failed) << reply.error().message;
}

}  // namespace
}  // namespace mw::query
