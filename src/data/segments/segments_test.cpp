// What goes through a History and into Parquet comes back in every bit.
#include "data/segments/segments.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>

#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "data/history/history.h"

namespace mw::segments {
namespace {

namespace fs = std::filesystem;

constexpr Timestamp start{1'767'225'600'000'000'000};

struct Point {
    std::int64_t time = 0;
    double value = 0;
    std::uint8_t quality = 0;
};
using Series = std::map<std::string, std::vector<Point>>;  // "device/signal"

class Segments : public testing::Test {
 protected:
    Segments() {
        std::string name = (fs::temp_directory_path() / "mw_segments_XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        directory_ = name;
        loop_ = Loop::open().value();
        writer_ = std::make_unique<ParquetWriter>(WriterOptions{.directory = name});
        history::HistoryOptions options;
        options.directory = name;
        history_ =
            history::History::open(options, {files_, *loop_, workers_, *writer_, metrics_}).value();
    }
    ~Segments() override {
        ignore(sync_wait(*loop_, history_->stop()), "the test is over");
        history_.reset();
        fs::remove_all(directory_);
    }

    void append(const std::string& device, const std::string& signal, const std::string& unit,
                const std::vector<Point>& points) {
        constexpr std::size_t most = 5000;  // a batch fits a message
        for (std::size_t from = 0; from < points.size(); from += most) {
            const std::size_t to = std::min(points.size(), from + most);
            Batch batch;
            batch.device = {device};
            batch.runs.push_back({signal, unit, 0, static_cast<std::uint32_t>(to - from)});
            for (std::size_t i = from; i < to; ++i) {
                batch.times.push_back({points[i].time});
                batch.values.push_back(points[i].value);
                batch.quality.push_back({points[i].quality});
            }
            auto ticket = history_->append(batch);
            ASSERT_TRUE(ticket.ok()) << ticket.error().message;
        }
    }

    std::vector<std::string> seal() {
        const auto sealed = sync_wait(*loop_, history_->seal_now());
        EXPECT_TRUE(sealed.ok()) << (sealed ? "" : sealed.error().message);
        std::vector<std::string> paths;
        for (const auto& file : history_->snapshot_here({}).points) paths.push_back(file.path);
        return paths;
    }

    duckdb::Connection& sql() {
        if (!connection_) {
            duckdb::Options options;
            options.directories.push_back(directory_);
            database_ = duckdb::Database::open(options).value();
            connection_ = database_->connect().value();
        }
        return *connection_;
    }
    std::string text(const std::string& query) {
        auto out = sql().text("SELECT CAST((" + query + ") AS VARCHAR)");
        return out ? *out : out.error().message;
    }

    Series read(const std::vector<std::string>& paths) {
        Series series;
        auto rows =
            sql().query("SELECT device || '/' || signal, \"time\", \"value\", quality FROM (" +
                        points_sql(paths) + ")");
        EXPECT_TRUE(rows.ok()) << (rows ? "" : rows.error().message);
        duckdb::Chunk chunk;
        while (rows && rows->next(chunk).value_or(false)) {
            for (std::size_t i = 0; i < chunk.size(); ++i) {
                series[std::string(chunk.column(0).text(i))].push_back(
                    {chunk.column(1).data<std::int64_t>()[i], chunk.column(2).data<double>()[i],
                     chunk.column(3).data<std::uint8_t>()[i]});
            }
        }
        return series;
    }

    static void expect_equal(const Series& got, const Series& want) {
        ASSERT_EQ(got.size(), want.size());
        for (const auto& [name, points] : want) {
            const auto found = got.find(name);
            ASSERT_NE(found, got.end()) << name;
            ASSERT_EQ(found->second.size(), points.size()) << name;
            for (std::size_t i = 0; i < points.size(); ++i) {
                const Point& point = found->second[i];
                ASSERT_EQ(point.time, points[i].time) << name << " " << i;
                ASSERT_EQ(std::bit_cast<std::uint64_t>(point.value),
                          std::bit_cast<std::uint64_t>(points[i].value))
                    << name << " " << i << " " << points[i].value;
                ASSERT_EQ(point.quality, points[i].quality) << name << " " << i;
            }
        }
    }

    std::string directory_;
    std::unique_ptr<Loop> loop_;
    Workers workers_{{.threads = 1}};
    files::RealFiles files_;
    metrics::Registry metrics_;
    std::unique_ptr<ParquetWriter> writer_;
    std::unique_ptr<history::History> history_;
    std::optional<duckdb::Database> database_;
    std::optional<duckdb::Connection> connection_;
};

std::vector<Point> points_of(const std::vector<double>& values) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < values.size(); ++i) {
        points.push_back({start.ns + static_cast<std::int64_t>(i) * 1'000'003, values[i],
                          static_cast<std::uint8_t>(i % 7 == 0 ? 64 : 192)});
    }
    return points;
}

TEST_F(Segments, nasty_doubles_come_back_bit_by_bit) {
    const double infinity = std::numeric_limits<double>::infinity();
    const std::vector<double> nasty{0.0,
                                    -0.0,
                                    1.0,
                                    -1.0,
                                    0.1,
                                    -0.1,
                                    1e-15,
                                    1e15,
                                    1.0 / 3,
                                    infinity,
                                    -infinity,
                                    std::bit_cast<double>(0x7ff8000000000000ull),
                                    std::bit_cast<double>(0xfff8000000000000ull),
                                    std::bit_cast<double>(0x7ff8dead0000beefull),
                                    std::bit_cast<double>(0x7ff0000000000001ull),
                                    5e-324,
                                    2.2250738585072014e-308,
                                    1.7976931348623157e308,
                                    9007199254740993.0,
                                    4503599627370497.5,
                                    123456.789,
                                    -0.01,
                                    21.5,
                                    21.50000000000001};
    Series want;
    want["gw/mixed"] = points_of(nasty);
    // Few different values, so that Parquet takes a dictionary: bits, not values, must be its key.
    std::vector<double> repeated;
    for (int i = 0; i < 3000; ++i) repeated.push_back(nasty[i % nasty.size()]);
    want["gw/repeated"] = points_of(repeated);
    std::vector<double> decimals(5000);
    for (std::size_t i = 0; i < decimals.size(); ++i) decimals[i] = double(i * 37 % 9999) / 100;
    decimals[77] = -0.0;
    decimals[78] = std::sqrt(2.0);
    want["gw/decimals"] = points_of(decimals);
    SeededRandom random(11);
    std::vector<double> bits(20'000);
    for (double& value : bits) value = std::bit_cast<double>(random.next());
    want["gw/bits"] = points_of(bits);
    std::vector<double> noise(5000);
    for (double& value : noise) value = random.normal();
    want["gw/noise"] = points_of(noise);
    for (const auto& [name, points] : want) append("gw", name.substr(3), "bar", points);
    expect_equal(read(seal()), want);
}

TEST_F(Segments, many_series_across_chunks_keep_their_rows) {
    SeededRandom random(5);
    Series want;
    for (int d = 0; d < 300; ++d) {
        for (const char* signal : {"a", "b", "pressure with a name of more than twelve bytes"}) {
            std::vector<double> values(1 + random.below(40));
            for (double& value : values) value = double(random.below(2000)) / 10;
            const std::string device = "device-" + std::to_string(d);
            want[device + "/" + signal] = points_of(values);
            append(device, signal, d % 2 == 0 ? "bar" : "", want[device + "/" + signal]);
        }
    }
    const auto paths = seal();
    expect_equal(read(paths), want);
    const std::string from = " FROM (" + points_sql(paths) + ")";
    EXPECT_EQ(text("SELECT count(DISTINCT unit) || ' ' || count(DISTINCT series)" + from), "2 900");
    EXPECT_EQ(text("SELECT count(*)" + from +
                   " WHERE series = " + std::to_string(series_id("device-7", "b").value) +
                   " AND device_id = " + std::to_string(device_id("device-7"))),
              std::to_string(want["device-7/b"].size()));
}

TEST_F(Segments, files_say_what_they_are_and_any_reader_finds_plain_columns) {
    append("gw", "a", "bar", points_of({1.5, 2.5}));
    const std::string path = sql_text(seal().at(0));
    EXPECT_EQ(text("SELECT string_agg(decode(key) || '=' || decode(value), ' ' ORDER BY key) FROM "
                   "parquet_kv_metadata(" +
                   path + ")"),
              "format=millwright.points version=1 writer=millwright");
    EXPECT_EQ(text("SELECT string_agg(name || ':' || type || ':' || "
                   "coalesce(split_part(logical_type, '(', 1), converted_type, ''), ' ') "
                   "FROM parquet_schema(" +
                   path + ") WHERE name NOT LIKE 'duckdb%'"),
              "series:INT64:UINT_64 device_id:INT64:UINT_64 time:INT64:TimestampType "
              "m:INT64:INT_64 d:DOUBLE: raw:DOUBLE: quality:INT32:UINT_8 "
              "device:BYTE_ARRAY:UTF8 signal:BYTE_ARRAY:UTF8 unit:BYTE_ARRAY:UTF8 "
              "asset:BYTE_ARRAY:UTF8 site:BYTE_ARRAY:UTF8");
}

TEST_F(Segments, decisions_come_back_whole) {
    history::Context context;
    context["gw"] = {"pump", "north"};
    history_->set_context(std::make_shared<const history::Context>(context));
    Decision decision;
    decision.device = {"gw"};
    decision.position = {"main", 7};
    decision.use_case = "valve";
    decision.model = "t2q";
    decision.version = "3";
    decision.bundle_hash = std::string(64, 'a');
    decision.window_from = start;
    decision.window_to = start + seconds{9};
    decision.samples = 10;
    decision.inputs_quality = Quality::uncertain(Reason::spike);
    decision.score = -0.0;
    decision.decision = true;
    decision.latency_us = 12.5;
    ASSERT_TRUE(history_->append(decision).ok());
    decision.window_to = start + seconds{19};
    decision.position.sequence = 8;
    decision.fallback = "stale";
    ASSERT_TRUE(history_->append(decision).ok());
    seal();
    const auto files = history_->snapshot_here({}).decisions;
    ASSERT_EQ(files.size(), 1u);
    const std::string from = " FROM (" + decisions_sql({files[0].path}) + ")";
    EXPECT_EQ(
        text("SELECT string_agg(concat_ws(' ', epoch_ns(\"time\") - epoch_ns(window_from), asset, "
             "site, use_case, model, \"version\", length(bundle_hash), samples, inputs_quality, "
             "score, signbit(score), decision, fallback, latency_us), '|' ORDER BY \"time\")" +
             from),
        "9000000000 pump north valve t2q 3 64 10 68 -0.0 true true 12.5|"
        "19000000000 pump north valve t2q 3 64 10 68 -0.0 true true stale 12.5");
}

TEST_F(Segments, a_folder_that_does_not_exist_is_an_io_failure) {
    ParquetWriter writer({.directory = directory_});
    auto outcome = writer.write_decisions(directory_ + "/nowhere/x.parquet", {});
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::io_failed) << outcome.error().message;
    auto outside = writer.write_decisions("/tmp/mw_segments_outside.parquet", {});
    ASSERT_FALSE(outside.ok());
    EXPECT_EQ(outside.error().code, Errc::denied) << outside.error().message;
}

}  // namespace
}  // namespace mw::segments
