// The tables `rollups` and `latest`, over a real History: minutes say exactly what the points say,
// wherever their rows are and whatever came late or twice.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/query/query.h"
#include "data/query/rollup_plan.h"
#include "data/segments/segments.h"

namespace mw::query {
namespace {

constexpr Timestamp first_minute{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z

struct PlantProducts final : ProductSource {
    std::shared_ptr<const Products> products() override {
        return std::make_shared<const Products>();
    }
};
struct PlantScorecard final : ScorecardSource {
    Task<quality::Scorecard> scorecard() override { co_return quality::Scorecard{}; }
};
struct PlantHistory final : HistorySource {
    Task<history::HistorySnapshot> snapshot(history::Bounds bounds) override {
        asked = bounds;
        co_return co_await history->snapshot(std::move(bounds));
    }
    history::History* history = nullptr;
    history::Bounds asked;
};

class QueryRollups : public testing::Test {
 protected:
    QueryRollups() {
        history::HistoryOptions options;
        options.directory = folder_.path();
        history_ =
            history::History::open(options, {files_, *loop_, workers_, writer_, metrics_}).value();
        source_.history = history_.get();
        engine_.emplace(EngineOptions{.history_directory = folder_.path()},
                        Engine::Parts{workers_, source_, products_, scorecard_, metrics_});
    }
    ~QueryRollups() override {
        ignore(sync_wait(*loop_, history_->stop()), "the test is over");
        engine_.reset();
        history_.reset();
    }
    void append(const std::string& device, const std::string& signal, nanoseconds from,
                nanoseconds step, const std::vector<double>& values,
                Quality quality = Quality::good()) {
        Batch batch;
        batch.device = {device};
        batch.runs.push_back({signal, "bar", 0, static_cast<std::uint32_t>(values.size())});
        for (std::size_t i = 0; i < values.size(); ++i) {
            batch.times.push_back(first_minute + from + step * static_cast<int>(i));
            batch.values.push_back(values[i]);
            batch.quality.push_back(quality);
        }
        ASSERT_TRUE(history_->append(batch).ok());
    }
    void seal() { ASSERT_TRUE(sync_wait(*loop_, history_->seal_now()).ok()); }
    void compact() { ASSERT_TRUE(sync_wait(*loop_, history_->compact_now()).ok()); }
    std::string rows(const std::string& sql) {
        auto reply = sync_wait(*loop_, engine_->query({sql, ResultFormat::json, {}, "user:ann"}));
        if (!reply) return reply.error().message;
        const std::size_t begin = reply->body.find("\"rows\":") + 7;
        return reply->body.substr(begin, reply->body.rfind(",\"truncated\"") - begin);
    }
    void expect_same_as_points(const std::string& where, const std::string& minutes_where) {
        const std::string ok = " FILTER (WHERE quality >= 192 AND NOT isnan(value))";
        const std::string points =
            "SELECT date_trunc('minute', time)::TIMESTAMP_NS AS minute, device, signal, count(*), "
            "count(*)" +
            ok + ", min(value)" + ok + ", max(value)" + ok + ", sum(value)" + ok +
            ", arg_min(value, time)" + ok + ", min(time)" + ok + ", arg_max(value, time)" + ok +
            ", max(time)" + ok + " FROM points" + where +
            " GROUP BY ALL ORDER BY device, signal, 1";
        const std::string rollups =
            "SELECT time, device, signal, count, good, min, max, sum, first, first_time, last, "
            "last_time FROM rollups" +
            minutes_where + " ORDER BY device, signal, time";
        const std::string want = rows(points);
        EXPECT_EQ(rows(rollups), want) << where;
    }
    void expect_right(const std::string& what) {
        SCOPED_TRACE(what);
        expect_same_as_points("", "");
        expect_same_as_points(" WHERE device = 'a' AND signal = 'x'",
                              " WHERE device = 'a' AND signal = 'x'");
        expect_same_as_points(" WHERE device IN ('a', 'b')", " WHERE device IN ('a', 'b')");
        expect_same_as_points(
            " WHERE time >= '2026-01-01T00:02:00' AND time < '2026-01-01T00:05:00'",
            " WHERE time >= '2026-01-01T00:02:00' AND time < '2026-01-01T00:05:00'");
    }

    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 2}};
    files::RealFiles files_;
    metrics::Registry metrics_;
    segments::ParquetWriter writer_{{.directory = folder_.path()}};
    std::unique_ptr<history::History> history_;
    PlantHistory source_;
    PlantProducts products_;
    PlantScorecard scorecard_;
    std::optional<Engine> engine_;
};

TEST_F(QueryRollups, say_what_the_points_say_in_head_files_and_after_compaction) {
    expect_right("nothing");
    std::vector<double> ramp(250);
    for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<double>(i % 31) / 4;
    append("a", "x", seconds{7}, seconds{1}, ramp);
    append("b", "x", seconds{0}, seconds{2}, ramp);
    append("b", "y", seconds{3}, seconds{1}, {1, 2, 3}, Quality::bad(Reason::stuck));
    append("c", "x", seconds{0}, seconds{1}, {std::numeric_limits<double>::quiet_NaN(), 4});
    expect_right("head");
    seal();
    expect_right("sealed");
    append("a", "x", seconds{257}, seconds{1}, ramp);  // the minute that the file ends in goes on
    expect_right("sealed and head");
    seal();
    expect_right("two files share a minute");
    append("a", "x", seconds{20}, seconds{1}, {50, -50});  // again, in the head
    append("b", "x", seconds{61}, seconds{1}, {70});       // late
    expect_right("late and repeated in the head");
    seal();
    expect_right("late and repeated in a newer file");
    append("a", "x", seconds{21}, seconds{1}, {-60});
    expect_right("repeated three times");
    compact();
    expect_right("compacted, with a head that repeats");
    seal();
    compact();
    expect_right("compacted");
}

TEST_F(QueryRollups, bounds_take_in_whole_minutes) {
    append("a", "x", seconds{0}, seconds{1}, std::vector<double>(180, 1.0));
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(rows("SELECT count FROM rollups WHERE time = '2026-01-01T00:01:00'"), "[[60]]");
        EXPECT_EQ(rows("SELECT count FROM rollups WHERE device = 'a' AND "
                       "time BETWEEN '2026-01-01T00:00:30' AND '2026-01-01T00:01:00'"),
                  "[[60]]");
        EXPECT_EQ(rows("SELECT sum(\"sum\") / sum(good) FROM rollups WHERE device = 'z'"),
                  "[[null]]");
        seal();
    }
    EXPECT_EQ(source_.asked.devices, std::vector<std::string>{"z"});
    EXPECT_TRUE(source_.asked.rollups);
}

TEST_F(QueryRollups, latest_is_the_newest_by_event_time_of_each_series) {
    EXPECT_EQ(rows("SELECT * FROM latest"), "[]");
    append("a", "x", seconds{0}, seconds{1}, {1, 2, 3});
    append("a", "y", seconds{0}, seconds{1}, {4});
    append("b", "x", seconds{9}, seconds{1}, {5}, Quality::uncertain(Reason::stale));
    append("a", "x", seconds{-5}, seconds{1}, {99});
    for (int round = 0; round < 2; ++round) {
        const std::string got = rows(
            "SELECT time, device, signal, value, quality, unit FROM latest ORDER BY device, "
            "signal");
        EXPECT_EQ(got, R"([["2026-01-01T00:00:02Z","a","x",3,192,"bar"],)"
                       R"(["2026-01-01T00:00:00Z","a","y",4,192,"bar"],)"
                       R"(["2026-01-01T00:00:09Z","b","x",5,78,"bar"]])");
        EXPECT_EQ(rows("SELECT value FROM latest WHERE device = 'a' AND signal = 'y'"), "[[4]]");
        EXPECT_EQ(rows("SELECT count(*) FROM latest WHERE device = 'nobody'"), "[[0]]");
        EXPECT_EQ(rows("SELECT count(*) FROM latest l JOIN points p ON l.device = p.device AND "
                       "l.signal = p.signal WHERE p.device = 'a'"),
                  "[[5]]");
        seal();
    }
}

TEST(RollupPlan, sources_that_share_no_minute_go_as_they_are) {
    auto at = [](std::int64_t s) { return Timestamp{s * 1'000'000'000}; };
    auto count = [](const std::string& sql) {
        std::size_t groups = 0;
        for (auto i = sql.find("GROUP BY"); i != std::string::npos; i = sql.find("GROUP BY", i + 1))
            ++groups;
        return groups;
    };
    auto part = [&](std::int64_t from, std::int64_t to, std::string file = "") {
        return PartialMinutes{at(from), at(to), std::move(file), "SELECT 1"};
    };
    auto minutes = [](std::vector<PartialMinutes> parts, const std::string& where) {
        return whole_minutes(std::move(parts), where, segments::rollups_sql);
    };
    EXPECT_EQ(count(minutes({}, "")), 0u);
    EXPECT_EQ(count(minutes({part(0, 59), part(60, 100)}, "")), 0u);
    EXPECT_EQ(count(minutes({part(0, 60), part(119, 200)}, "")), 1u);
    EXPECT_EQ(count(minutes({part(-1, -1), part(0, 1)}, "")), 0u);
    EXPECT_EQ(count(minutes({part(500, 900), part(0, 1000), part(1100, 1200)}, "")), 1u);
    const std::string files = minutes({part(0, 59, "/a"), part(60, 100, "/b")}, "true");
    EXPECT_NE(files.find("'/a','/b'"), std::string::npos) << files;
    EXPECT_EQ(end_of_minute(at(60)).ns, at(120).ns - 1);
    EXPECT_EQ(end_of_minute(history::time_highest), history::time_highest);
}

}  // namespace
}  // namespace mw::query
