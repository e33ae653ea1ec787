#include "data/prometheus/prometheus.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/prometheus/series_rows.h"

namespace mw::prometheus {
namespace {

std::string shown(const Selector& selector) {
    constexpr const char* signs[] = {"=", "!=", "=~", "!~"};
    std::string text;
    for (const auto& m : selector) text += m.label + signs[int(m.kind)] + m.value + ";";
    return text;
}

TEST(PromQl, what_is_spoken_is_understood) {
    const struct {
        const char* text;
        const char* selector;
        Function function;
        int range_s;
        Aggregation aggregation;
        std::size_t by;
    } rows[] = {
        {"up", "__name__=up;", Function::instant, 0, Aggregation::none, 0},
        {"pump.pressure{device=\"gw-1\"}", "__name__=pump.pressure;device=gw-1;", Function::instant,
         0, Aggregation::none, 0},
        {"{\"pump pressure\", device!=\"a\", site=~'n.*', line!~`s\\d`,}",
         "__name__=pump pressure;device!=a;site=~n.*;line!~s\\d;", Function::instant, 0,
         Aggregation::none, 0},
        {"rate(p[5m])", "__name__=p;", Function::rate, 300, Aggregation::none, 0},
        {" avg_over_time ( {device = \"a\"} [1h30m] ) ", "device=a;", Function::avg, 5400,
         Aggregation::none, 0},
        {"sum(rate(p[1m0s])) by (device, site)", "__name__=p;", Function::rate, 60,
         Aggregation::sum, 2},
        {"max by (device) (last_over_time(p[30s]))", "__name__=p;", Function::last, 30,
         Aggregation::max, 1},
        {"avg(p)", "__name__=p;", Function::instant, 0, Aggregation::avg, 0},
        {"sum{device=\"a\"}", "__name__=sum;device=a;", Function::instant, 0, Aggregation::none, 0},
        {"count(increase(p[1d]))", "__name__=p;", Function::increase, 86'400, Aggregation::count,
         0},
    };
    for (const auto& row : rows) {
        const auto parsed = parse(row.text);
        ASSERT_TRUE(parsed) << row.text << ": " << parsed.error().message;
        EXPECT_EQ(shown(parsed->selector), row.selector) << row.text;
        EXPECT_EQ(parsed->function, row.function) << row.text;
        EXPECT_EQ(parsed->range, seconds(row.range_s)) << row.text;
        EXPECT_EQ(parsed->aggregation, row.aggregation) << row.text;
        EXPECT_EQ(parsed->by.size(), row.by) << row.text;
    }
    EXPECT_EQ(parse("1+1")->scalar, 2.0);
    EXPECT_EQ(parse(" 2 + 3*4 - 8/2")->scalar, 10.0);
}

TEST(PromQl, anything_else_is_refused_with_what_is_spoken) {
    for (const char* text : {"",
                             "{}",
                             "p{",
                             "p{a}",
                             "p{a=b}",
                             "p{a=\"b}",
                             "p[5m]",
                             "rate(p)",
                             "rate(p[5])x",
                             "rate(p[5q])",
                             "rate(p[0s])",
                             "histogram_quantile(0.9, p)",
                             "p + p",
                             "sum(p) by",
                             "sum(p",
                             "p offset 5m",
                             "1 +",
                             "topk(5, p)",
                             "p{a==\"b\"}",
                             "rate(p[5m:1m])",
                             "p p"}) {
        const auto parsed = parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, Errc::invalid_input);
        EXPECT_NE(parsed.error().message.find("spoken here are"), std::string::npos)
            << parsed.error().message;
    }
    EXPECT_FALSE(parse(std::string(20'000, 'a')));
}

TEST(PromQl, steps_are_durations_or_seconds) {
    EXPECT_EQ(*parse_step("15"), seconds(15));
    EXPECT_EQ(*parse_step("0.5"), milliseconds(500));
    EXPECT_EQ(*parse_step("1h30m"), minutes(90));
    for (const char* bad : {"", "0", "-1", "5x", "m5", "nan", "1e99", "99999999999999999999d"})
        EXPECT_FALSE(parse_step(bad)) << bad;
}

TEST(SeriesLabels, a_signal_carries_its_tags) {
    const auto labels = labels_of("gw-1", "disk.used,device=sda1,path=/", "B", "", "north");
    const Labels want{{"__name__", "disk.used"},
                      {"exported_device", "sda1"},
                      {"path", "/"},
                      {"device", "gw-1"},
                      {"unit", "B"},
                      {"site", "north"}};
    EXPECT_EQ(labels, want);
}

TEST(SeriesSql, texts_stay_texts) {
    Expression expression;
    expression.selector = {{"__name__", Matcher::Kind::equal, "x' OR '1'='1"},
                           {"a.b", Matcher::Kind::regex, "'"}};
    const Steps steps{{100}, 1, nanoseconds(10), nanoseconds(10)};
    const auto sql = points_sql(expression, steps, {}, {});
    EXPECT_NE(sql.find("split_part(signal, ',', 1) = 'x'' OR ''1''=''1'"), std::string::npos)
        << sql;
    EXPECT_NE(sql.find("',a[.]b=([^,]*)', 1), '''')"), std::string::npos) << sql;
}

// Points of one series at whole seconds, in buckets as SQL gives them.
Track track_of(const std::vector<std::pair<int, double>>& points, const Steps& steps) {
    Track track;
    track.labels = labels_of("gw-1", "p", "", "", "");
    for (const auto& [second, value] : points) {
        const std::int64_t ns = std::int64_t{second} * 1'000'000'000;
        const std::int64_t at =
            (ns - steps.from().ns + steps.bucket().count() - 1) / steps.bucket().count();
        if (ns <= steps.from().ns || ns > steps.end().ns) continue;
        if (track.buckets.empty() || track.buckets.back().at != at) {
            Bucket made;
            made.at = at;
            made.min = made.max = made.first = value;
            made.first_ns = ns;
            track.buckets.push_back(made);
        } else {
            Bucket& old = track.buckets.back();
            old.rise += value >= old.last ? value - old.last : value;
        }
        Bucket& bucket = track.buckets.back();
        ++bucket.count;
        bucket.sum += value;
        bucket.min = std::min(bucket.min, value);
        bucket.max = std::max(bucket.max, value);
        bucket.last = value;
        bucket.last_ns = ns;
    }
    return track;
}

std::string curve_text(const std::vector<Curve>& curves) {
    std::string text;
    for (const auto& curve : curves)
        for (const auto& [step, value] : curve.values) {
            char one[64];
            std::snprintf(one, sizeof one, "%lld:%g ", static_cast<long long>(step), value);
            text += one;
        }
    return text;
}

TEST(Evaluate, windows_are_open_at_their_begin_and_closed_at_their_end) {
    // Steps at 100, 110, 120 s, each looking at the 20 s before.
    const Steps steps{{100'000'000'000}, 3, seconds(10), seconds(20)};
    const std::vector<std::pair<int, double>> points = {{80, 9},  {81, 1},  {90, 2},
                                                        {100, 3}, {101, 4}, {120, 5}};
    const struct {
        Function function;
        const char* values;
    } rows[] = {{Function::instant, "0:3 1:4 2:5 "}, {Function::avg, "0:2 1:3.5 2:4.5 "},
                {Function::min, "0:1 1:3 2:4 "},     {Function::max, "0:3 1:4 2:5 "},
                {Function::sum, "0:6 1:7 2:9 "},     {Function::count, "0:3 1:2 2:2 "}};
    for (const auto& row : rows) {
        Expression expression;
        expression.function = row.function;
        EXPECT_EQ(curve_text(evaluate(expression, steps, {track_of(points, steps)})), row.values)
            << int(row.function);
    }
}

TEST(Evaluate, a_rate_is_carried_to_the_edges_and_survives_a_reset) {
    Expression expression;
    expression.function = Function::rate;
    const Steps one{{60'000'000'000}, 1, seconds(60), seconds(60)};
    std::vector<std::pair<int, double>> points;
    for (int s = 10; s <= 60; s += 10) points.emplace_back(s, 100 + 2 * s);  // 2/s
    auto curves = evaluate(expression, one, {track_of(points, one)});
    ASSERT_EQ(curves.size(), 1U);
    EXPECT_NEAR(curves[0].values[0].value, 2, 1e-9);
    EXPECT_FALSE(curves[0].labels.contains("__name__"));
    // Prometheus: 20 of rise (10 + reset to 5 + 5), sampled 30 s of (0, 60], 10 s apart.
    points = {{20, 0}, {30, 10}, {40, 5}, {50, 10}};
    curves = evaluate(expression, one, {track_of(points, one)});
    EXPECT_NEAR(curves[0].values[0].value, 20.0 * (30 + 0 + 10) / 30 / 60, 1e-9);
    points = {{20, 0}};
    EXPECT_TRUE(evaluate(expression, one, {track_of(points, one)}).empty());
    // Many small buckets give what one does.
    const Steps fine{{60'000'000'000}, 1, seconds(7), seconds(60)};
    points = {{20, 0}, {30, 10}, {40, 5}, {50, 10}};
    EXPECT_NEAR(evaluate(expression, fine, {track_of(points, fine)})[0].values[0].value,
                20.0 * 40 / 30 / 60, 1e-9);
}

TEST(Evaluate, series_are_aggregated_by_labels) {
    Expression expression;
    const Steps steps{{10'000'000'000}, 1, seconds(300), seconds(300)};
    std::vector<Track> tracks;
    for (const char* device : {"a", "b", "b"}) {
        tracks.push_back(track_of({{9, double(tracks.size() + 1)}}, steps));
        tracks.back().labels["device"] = device;
    }
    expression.aggregation = Aggregation::sum;
    expression.by = {"device"};
    const auto by = evaluate(expression, steps, tracks);
    ASSERT_EQ(by.size(), 2U);
    EXPECT_EQ(by[1].labels, (Labels{{"device", "b"}}));
    EXPECT_EQ(curve_text(by), "0:1 0:5 ");
    expression.by.clear();
    for (const auto& [aggregation, value] : {std::pair{Aggregation::avg, "0:2 "},
                                             {Aggregation::min, "0:1 "},
                                             {Aggregation::max, "0:3 "},
                                             {Aggregation::count, "0:3 "}}) {
        expression.aggregation = aggregation;
        EXPECT_EQ(curve_text(evaluate(expression, steps, tracks)), value);
    }
}

class ScriptedEngine final : public QueryEngine {
 public:
    std::vector<std::string> asked, answers;
    bool truncated = false;
    Task<QueryReply> query(QueryRequest request) override {
        asked.push_back(request.sql);
        QueryReply reply;
        reply.truncated = truncated;
        reply.body = answers.at(asked.size() - 1);
        co_return std::move(reply);
    }
};

class PrometheusApi : public testing::Test {
 public:
    using Params = Prometheus::Params;
    std::unique_ptr<Loop> loop = std::move(Loop::open()).value();
    Workers workers{{.threads = 1}};
    SimulatedClock clock;
    ScriptedEngine engine;
    Prometheus prometheus{{engine, workers, clock}};
    Result<std::string> wait(Task<std::string> task) { return sync_wait(*loop, std::move(task)); }
};

constexpr const char* one_series = R"({"rows":[["gw-1","p,line=7","bar","","north"]]})";

TEST_F(PrometheusApi, a_range_is_a_matrix) {
    engine.answers = {
        one_series,
        R"({"rows":[["gw-1","p,line=7","bar","","north",1,1,1.5,1.5,1.5,1.5,100000000000],
        ["gw-1","p,line=7","bar","","north",3,1,2,2,2,2,120000000000]]})"};
    Params params{
        {"query", "p"}, {"start", "100"}, {"end", "1970-01-01T00:10:00Z"}, {"step", "300"}};
    const auto answer = wait(prometheus.query_range(params, "user:vic"));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*answer, R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":)"
                       R"({"__name__":"p","device":"gw-1","line":"7","site":"north","unit":"bar"},)"
                       R"("values":[[100.000,"1.5"]]}]}})");
    EXPECT_NE(engine.asked[1].find("device IN ('gw-1') AND signal IN ('p,line=7')"),
              std::string::npos);
    EXPECT_NE(engine.asked[1].find("quality >= 64"), std::string::npos);
}

TEST_F(PrometheusApi, an_instant_is_a_vector_and_a_number_a_scalar) {
    engine.answers = {one_series,
                      R"({"rows":[["gw-1","p","","","",1,1,1.5,1.5,1.5,1.5,100000000000]]})"};
    auto answer = wait(prometheus.query({{"query", "p"}, {"time", "120.5"}}, ""));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*answer, R"({"status":"success","data":{"resultType":"vector","result":[{"metric":)"
                       R"({"__name__":"p","device":"gw-1"},"value":[120.500,"1.5"]}]}})");
    answer = wait(prometheus.query({{"query", "1+1"}, {"time", "7"}}, ""));
    EXPECT_EQ(*answer,
              R"({"status":"success","data":{"resultType":"scalar","result":[7.000,"2"]}})");
    engine.answers.push_back(R"({"rows":[]})");
    answer = wait(prometheus.query({{"query", "nothing"}}, ""));
    EXPECT_EQ(*answer, R"({"status":"success","data":{"resultType":"vector","result":[]}})");
}

TEST_F(PrometheusApi, labels_their_values_and_series_are_listed) {
    engine.answers = {one_series, one_series, one_series};
    EXPECT_EQ(*wait(prometheus.labels({}, "")),
              R"({"status":"success","data":["__name__","device","line","site","unit"]})");
    EXPECT_EQ(*wait(prometheus.label_values("line", {{"match[]", "p"}}, "")),
              R"({"status":"success","data":["7"]})");
    EXPECT_NE(wait(prometheus.series({{"match[]", "{line=\"7\"}"}}, ""))->find("\"line\":\"7\""),
              std::string::npos);
}

TEST_F(PrometheusApi, wrong_parameters_are_named) {
    engine.answers = {one_series, R"({"rows":[]})"};
    const Params wrong[] = {{},
                            {{"query", "p"}},
                            {{"query", "p"}, {"start", "5"}, {"end", "1"}, {"step", "1"}},
                            {{"query", "p"}, {"start", "x"}, {"end", "1"}, {"step", "1"}},
                            {{"query", "p"}, {"start", "1"}, {"end", "2"}, {"step", "x"}},
                            {{"query", "p"}, {"start", "1"}, {"end", "99999999"}, {"step", "1"}},
                            {{"query", "p ^ 2"}, {"start", "1"}, {"end", "2"}, {"step", "1"}}};
    for (const auto& params : wrong) {
        const auto answer = wait(prometheus.query_range(params, ""));
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, Errc::invalid_input);
        EXPECT_EQ(find_string(*parse_json(error_text(answer.error())), "errorType"), "bad_data");
    }
    EXPECT_FALSE(wait(prometheus.series({}, "")));
    EXPECT_TRUE(engine.asked.empty());
    engine.truncated = true;
    EXPECT_NE(wait(prometheus.query({{"query", "p"}}, "")).error().message.find("fewer series"),
              std::string::npos);
}

}  // namespace
}  // namespace mw::prometheus
