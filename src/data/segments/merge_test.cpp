// Files merged by a real History: every bit stays, and the rollups say what the points say.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "data/segments/segments.h"

namespace mw::segments {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t day_start = 1'767'225'600 * second_ns;  // 2026-01-01

class Merging : public testing::Test {
 protected:
    using Key = std::tuple<std::string, std::string, std::int64_t>;
    using Value = std::pair<std::uint64_t, int>;

    Merging() {
        history::HistoryOptions options;
        options.directory = folder_.path();
        history_ =
            history::History::open(options, {files_, *loop_, workers_, writer_, metrics_}).value();
    }
    ~Merging() override {
        ignore(sync_wait(*loop_, history_->stop()), "the test is over");
        history_.reset();
    }

    // One series' points, `values` every `step`; they replace those of the same times.
    void append(const std::string& device, const std::string& signal, std::int64_t from,
                std::int64_t step, const std::vector<double>& values) {
        Batch batch;
        batch.device = {device};
        batch.runs.push_back({signal, "bar", 0, static_cast<std::uint32_t>(values.size())});
        for (std::size_t i = 0; i < values.size(); ++i) {
            batch.times.push_back({from + static_cast<std::int64_t>(i) * step});
            batch.values.push_back(values[i]);
            const auto bad = Quality::bad(Reason::range);
            batch.quality.push_back(i % 5 == 3 ? bad : Quality::good());
            want_[{device, signal, batch.times.back().ns}] = {
                std::bit_cast<std::uint64_t>(values[i]), batch.quality.back().code};
        }
        ASSERT_TRUE(history_->append(batch).ok());
    }
    void seal() { ASSERT_TRUE(sync_wait(*loop_, history_->seal_now()).ok()); }
    void compact() {
        const auto outcome = sync_wait(*loop_, history_->compact_now());
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    }
    history::HistorySnapshot snapshot() {
        history::Bounds bounds;
        bounds.rollups = true;
        return history_->snapshot_here(bounds);
    }
    static std::vector<std::string> paths(const std::vector<history::SegmentFile>& files) {
        std::vector<std::string> paths;
        for (const auto& file : files) paths.push_back(file.path);
        return paths;
    }
    duckdb::Connection& sql() {
        if (!connection_) {
            duckdb::Options options;
            options.directories.push_back(folder_.path());
            database_ = duckdb::Database::open(options).value();
            connection_ = database_->connect().value();
        }
        return *connection_;
    }
    std::string text(const std::string& query) {
        auto out = sql().text("SELECT CAST((" + query + ") AS VARCHAR)");
        return out ? *out : out.error().message;
    }
    void expect_all_rows() {
        std::map<Key, Value> got;
        auto rows = sql().query("SELECT device, signal, \"time\", \"value\", quality FROM (" +
                                points_sql(paths(snapshot().points)) + ")");
        ASSERT_TRUE(rows.ok()) << (rows ? "" : rows.error().message);
        duckdb::Chunk chunk;
        while (rows->next(chunk).value_or(false))
            for (std::size_t i = 0; i < chunk.size(); ++i) {
                const Key key{chunk.column(0).text(i), chunk.column(1).text(i),
                              chunk.column(2).data<std::int64_t>()[i]};
                const Value value{std::bit_cast<std::uint64_t>(chunk.column(3).data<double>()[i]),
                                  chunk.column(4).data<std::uint8_t>()[i]};
                EXPECT_TRUE(got.emplace(key, value).second) << std::get<1>(key) << " twice";
            }
        EXPECT_EQ(got, want_);
    }
    // Rollups of the files against an aggregate over their points.
    void expect_right_rollups() {
        const auto now = snapshot();
        ASSERT_EQ(now.rollups.size(), now.points.size());
        for (const auto& file : now.points) {
            const std::string ok = " FILTER (WHERE quality >= 192 AND NOT isnan(\"value\"))";
            // Sums of huge values depend on the order of adding.
            const auto rounded = [](const std::string& sum) {
                return "CASE WHEN abs(" + sum + ") < 1e9 THEN round(" + sum + ", 6) END";
            };
            const std::string want =
                "SELECT series, date_trunc('minute', \"time\")::TIMESTAMP_NS, count(*), count(*)" +
                ok + ", min(\"value\")" + ok + ", max(\"value\")" + ok + ", " +
                rounded("sum(\"value\")" + ok) + ", arg_min(\"value\", \"time\")" + ok +
                ", min(\"time\")" + ok + ", arg_max(\"value\", \"time\")" + ok + ", max(\"time\")" +
                ok + ", any_value(device), any_value(unit) FROM (SELECT p.*, 'bar' AS unit FROM (" +
                points_sql({file.path}) + ") p) GROUP BY 1, 2";
            const std::string got =
                "SELECT series, \"time\", \"count\", good, \"min\", \"max\", " +
                rounded("\"sum\"") +
                ", \"first\", first_time, \"last\", last_time, device, unit FROM (" +
                rollups_sql({history::rollups_of(file.path)}) + ")";
            EXPECT_EQ(text("SELECT count(*) FROM ((" + want + ") EXCEPT (" + got + "))"), "0");
            EXPECT_EQ(text("SELECT count(*) FROM ((" + got + ") EXCEPT (" + want + "))"), "0");
            EXPECT_NE(text("SELECT count(*) FROM (" + got + ")"), "0");
        }
    }

    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    std::unique_ptr<Loop> loop_ = Loop::open().value();
    Workers workers_{{.threads = 1}};
    files::RealFiles files_;
    metrics::Registry metrics_;
    ParquetWriter writer_{{.directory = folder_.path()}};
    std::unique_ptr<history::History> history_;
    std::optional<duckdb::Database> database_;
    std::optional<duckdb::Connection> connection_;
    std::map<Key, Value> want_;
};

std::vector<double> decimals(std::size_t count, double scale, int seed) {
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i)
        values.push_back(static_cast<double>((i * 37 + static_cast<std::size_t>(seed)) % 4999) /
                         scale);
    return values;
}

TEST_F(Merging, keeps_every_bit_and_the_newest_of_equal_times) {
    // Series that start, end and change their digits at different files.
    append("pump-1", "pressure", day_start, second_ns, decimals(4000, 10, 1));
    append("pump-2", "flow", day_start, second_ns, decimals(3000, 100, 2));
    seal();
    append("pump-1", "pressure", day_start + 4000 * second_ns, second_ns, decimals(3000, 1000, 3));
    append("pump-1", "pressure", day_start + 500 * second_ns, 3 * second_ns, decimals(700, 10, 4));
    append("pump-10", "flow", day_start + 7, second_ns, decimals(2500, 10, 5));
    seal();
    SeededRandom random(3);
    std::vector<double> bits(4000);
    for (double& value : bits) value = std::bit_cast<double>(random.next());
    append("pump-2", "flow", day_start + 3 * 3600 * second_ns, 2 * second_ns, bits);
    append("pump-1", "pressure", day_start + 501 * second_ns, 1 * second_ns, {-0.0, 0.0, 1e300});
    append("valve", "open", day_start + 5 * 3600 * second_ns, second_ns, {1, 0, 1, 1});
    seal();
    ASSERT_EQ(snapshot().points.size(), 3u);
    ASSERT_TRUE(snapshot().overlaps);
    expect_right_rollups();
    compact();
    EXPECT_EQ(snapshot().points.size(), 2u);  // 00-04 and 04-08
    EXPECT_FALSE(snapshot().overlaps);
    expect_all_rows();
    expect_right_rollups();
    std::uint64_t rows = 0;
    for (const auto& file : snapshot().points) rows += file.rows;
    EXPECT_EQ(rows, want_.size());
    EXPECT_EQ(snapshot().points.front().device_first, "pump-1");
}

TEST_F(Merging, a_compacted_file_is_merged_again_with_what_comes_late) {
    for (int hour = 0; hour < 3; ++hour) {
        append("a", "x", day_start + hour * 3600 * second_ns, second_ns, decimals(3600, 10, hour));
        seal();
    }
    compact();
    ASSERT_EQ(snapshot().points.size(), 1u);
    append("a", "x", day_start + 100 * second_ns, second_ns, {9, 8, 7});
    append("a", "w", day_start + 100 * second_ns, second_ns, {5});
    seal();
    compact();
    EXPECT_EQ(snapshot().points.size(), 1u);
    expect_all_rows();
    expect_right_rollups();
}

TEST_F(Merging, rows_that_are_to_go_are_gone) {
    append("a", "x", day_start, second_ns, decimals(3000, 10, 1));
    append("b", "x", day_start, second_ns, decimals(3000, 10, 2));
    seal();
    append("a", "x", day_start + 3000 * second_ns, second_ns, decimals(1000, 10, 3));
    seal();
    history::MergeOrder order;
    order.inputs = snapshot().points;
    order.span = {{day_start}, {day_start + 14'400 * second_ns - 1}};
    order.erase = [](const std::string& device, const std::string&) {
        std::vector<history::Span> spans;
        if (device == "a")
            spans = {{{day_start}, {day_start + 10 * second_ns}},
                     {{day_start + 2990 * second_ns}, {day_start + 3010 * second_ns}}};
        return spans;
    };
    const std::string path = files::join(folder_.path(), "tmp/erased.parquet");
    auto merged = writer_.merge_points({path, path + ".rollups"}, order, {});
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(merged->erased, 11u + 21u);
    EXPECT_EQ(merged->rows, 7000u - 32u);
    EXPECT_EQ(merged->time_min.ns, day_start);  // of b
    EXPECT_EQ(
        text("SELECT count(*) || ' ' || min(epoch_ns(\"time\")) - " + std::to_string(day_start) +
             " FROM (" + points_sql({path}) + ") WHERE device = 'a'"),
        "3968 11000000000");
    order.erase = [](const std::string&, const std::string&) {
        return std::vector<history::Span>{{history::time_lowest, history::time_highest}};
    };
    const std::string nothing = files::join(folder_.path(), "tmp/nothing.parquet");
    merged = writer_.merge_points({nothing, nothing + ".rollups"}, order, {});
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(merged->rows, 0u);
    EXPECT_FALSE(files_.size(nothing).value().has_value());
}

TEST_F(Merging, decisions_of_a_device_that_is_forgotten_go_too) {
    for (const char* device : {"a", "b"}) {
        for (int i = 0; i < 3; ++i) {
            Decision decision;
            decision.device = {device};
            decision.model = "valve";
            decision.window_to = {day_start + i * second_ns};
            ASSERT_TRUE(history_->append(decision).ok());
        }
        append(device, "x", day_start, second_ns, {1, 2, 3});
    }
    seal();
    const auto erased =
        sync_wait(*loop_, history_->erase({"a", {{day_start}, {day_start + second_ns}}}));
    ASSERT_TRUE(erased.ok()) << erased.error().message;
    EXPECT_EQ(erased->points, 2u);
    EXPECT_EQ(erased->decisions, 2u);
    EXPECT_EQ(text("SELECT string_agg(device, '' ORDER BY device) FROM (" +
                   decisions_sql(paths(snapshot().decisions)) + ")"),
              "abbb");
    EXPECT_EQ(snapshot().decisions.front().rows, 4u);
    ASSERT_TRUE(sync_wait(*loop_, history_->erase({"a"})).ok());
    ASSERT_TRUE(sync_wait(*loop_, history_->erase({"b"})).ok());
    EXPECT_TRUE(snapshot().decisions.empty());
    EXPECT_TRUE(snapshot().points.empty());
}

TEST_F(Merging, a_span_without_rows_makes_no_file) {
    append("a", "x", day_start, 3600 * second_ns, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    seal();
    history::MergeOrder order;
    order.inputs = snapshot().points;
    order.span = {{day_start + 1}, {day_start + second_ns}};
    const std::string path = files::join(folder_.path(), "tmp/x.parquet");
    const auto merged = writer_.merge_points({path, path + ".rollups"}, order, {});
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(merged->rows, 0u);
    EXPECT_FALSE(files_.size(path).value().has_value());
}

TEST_F(Merging, stops_when_told_and_says_which_file_is_no_segment) {
    append("a", "x", day_start, second_ns, decimals(1000, 10, 1));
    seal();
    history::MergeOrder order;
    order.inputs = snapshot().points;
    order.span = {history::time_lowest, history::time_highest};
    const std::string path = files::join(folder_.path(), "tmp/x.parquet");
    std::stop_source stop;
    stop.request_stop();
    auto merged = writer_.merge_points({path, path + ".rollups"}, order, stop.get_token());
    ASSERT_FALSE(merged.ok());
    EXPECT_EQ(merged.error().code, Errc::cancelled) << merged.error().message;
    EXPECT_FALSE(files_.size(path).value().has_value());
    order.inputs.front().path = files::join(folder_.path(), "lost.parquet");
    merged = writer_.merge_points({path, path + ".rollups"}, order, {});
    ASSERT_FALSE(merged.ok());
    EXPECT_NE(merged.error().message.find("lost.parquet"), std::string::npos);
}

}  // namespace
}  // namespace mw::segments
