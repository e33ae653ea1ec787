// Our own Parquet files, read back by DuckDB row by row.
#include "data/segments/series_files.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/random.h"
#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "data/history/generation.h"
#include "data/segments/points_fixture.h"
#include "data/segments/segments.h"

namespace mw::segments {
namespace {

class PointsFiles : public testing::Test {
 protected:
    PointsFiles() { options_.directories.push_back(folder_.path()); }

    history::SortedPoints points(Head& head) {
        snapshot_ = head.snapshot();
        return {*snapshot_, head.context, history::time_lowest, history::time_highest};
    }
    void write(Head& head) {
        remove_series_files(real_, paths_);
        auto sorted = points(head);
        auto written = write_series_files(real_, paths_, sorted, zstd_);
        ASSERT_TRUE(written.ok()) << written.error().message;
        EXPECT_EQ(written->points, sorted.rows());
    }
    duckdb::Rows rows(const std::string& sql) {
        if (!connection_) {
            database_ = duckdb::Database::open(options_).value();
            connection_ = database_->connect().value();
        }
        auto rows = connection_->query(sql);
        EXPECT_TRUE(rows.ok()) << (rows ? "" : rows.error().message);
        return std::move(rows).value();
    }
    std::string text(const std::string& sql) {
        auto result = rows("SELECT CAST((" + sql + ") AS VARCHAR)");
        duckdb::Chunk chunk;
        return result.next(chunk).value() ? std::string(chunk.column(0).text(0)) : "nothing";
    }
    // Every row of the file equals its row of the head, in the same order.
    void expect_head(Head& head);

    files::TemporaryDirectory folder_ = files::TemporaryDirectory::make("mw-points-").value();
    std::string path_ = files::join(folder_.path(), "points.parquet");
    history::PointPaths paths_{path_, files::join(folder_.path(), "rollups.parquet")};
    files::RealFiles real_;
    Compressor zstd_;
    std::shared_ptr<const history::HeadSnapshot> snapshot_;
    duckdb::Options options_{.memory_bytes = std::size_t{512} << 20, .threads = 1};
    std::optional<duckdb::Database> database_;
    std::optional<duckdb::Connection> connection_;
};

void PointsFiles::expect_head(Head& head) {
    auto sorted = points(head);
    auto result = rows(
        "SELECT series, device_id, \"time\", coalesce(raw, m / d), quality, device, signal, unit, "
        "asset, site, (raw IS NULL) <> (m IS NULL) FROM " +
        sql_text(path_));
    history::SortedSeries series;
    std::size_t row = 0, rows_seen = 0;
    duckdb::Chunk chunk;
    while (result.next(chunk).value()) {
        for (std::size_t i = 0; i < chunk.size(); ++i, ++row, ++rows_seen) {
            if (row == series.rows.size()) {
                ASSERT_TRUE(sorted.next(series));
                row = 0;
            }
            const auto& entry = *series.series;
            ASSERT_EQ(chunk.column(0).data<std::uint64_t>()[i], entry.id.value) << rows_seen;
            ASSERT_EQ(chunk.column(1).data<std::uint64_t>()[i], device_id(entry.device));
            ASSERT_EQ(chunk.column(2).data<std::int64_t>()[i], series.rows.times[row].ns);
            ASSERT_EQ(std::bit_cast<std::uint64_t>(chunk.column(3).data<double>()[i]),
                      std::bit_cast<std::uint64_t>(series.rows.values[row]))
                << rows_seen;
            ASSERT_EQ(chunk.column(4).data<std::uint8_t>()[i], series.rows.quality[row].code);
            const std::string* texts[] = {&entry.device, &entry.signal, &entry.unit,
                                          &series.context->asset, &series.context->site};
            for (std::size_t t = 0; t < std::size(texts); ++t)
                ASSERT_EQ(chunk.column(5 + t).text(i), *texts[t]) << rows_seen;
            ASSERT_TRUE(chunk.column(10).data<bool>()[i]) << "one of m and raw, never both";
        }
    }
    EXPECT_EQ(rows_seen, sorted.rows());
}

TEST_F(PointsFiles, points_of_any_shape_come_back) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Head head = head_by_lot(seed);
        write(head);
        expect_head(head);
        if (HasFatalFailure()) return;
    }
}

TEST_F(PointsFiles, one_point_is_a_file) {
    Head head;
    head.add("", "", "", {std::numeric_limits<std::int64_t>::min()}, {-0.0}, {0});
    write(head);
    expect_head(head);
}

TEST_F(PointsFiles, no_points_are_a_file_too) {
    Head head;
    write(head);
    EXPECT_EQ(text("SELECT count(*) FROM " + sql_text(path_)), "0");
}

TEST_F(PointsFiles, a_series_may_span_row_groups_and_all_others_end_with_theirs) {
    Shapes shapes{SeededRandom(77)};
    Head head;
    const std::size_t lengths[] = {100'000, 30'000, 300'000, 10, 122'880, 1};
    for (std::size_t i = 0; i < std::size(lengths); ++i) {
        const auto times = shapes.times(lengths[i]);
        head.add("device", "signal-" + std::to_string(i), "", times, shapes.values(times.size()),
                 shapes.quality(times.size()));
    }
    write(head);
    expect_head(head);
    EXPECT_EQ(text("SELECT string_agg(n, ' ') FROM (SELECT row_group_num_rows AS n FROM "
                   "parquet_metadata(" +
                   sql_text(path_) +
                   ") WHERE path_in_schema = 'time' ORDER BY "
                   "row_group_id)"),
              "100000 122880 122880 84250 122880 1");
}

TEST_F(PointsFiles, more_names_than_sixteen_bits_come_back) {
    Head head;
    for (int i = 0; i < 66'000; ++i)
        head.add("device", "signal-" + std::to_string(i), "", {day_begin + i}, {i / 10.0}, {192});
    write(head);
    expect_head(head);
    EXPECT_EQ(text("SELECT count(DISTINCT signal) FROM " + sql_text(path_)), "66000");
}

TEST_F(PointsFiles, row_groups_say_what_they_hold) {
    Head head;
    std::vector<std::int64_t> times(61'000);
    for (std::size_t i = 0; i < times.size(); ++i) times[i] = day_begin + std::int64_t(i) * 1000;
    for (const char* device : {"a", "b", "c"}) {
        head.add(device, "s", "", times, std::vector<double>(times.size(), 1.5),
                 std::vector<std::uint8_t>(times.size(), device[0] == 'c' ? 0 : 192));
    }
    write(head);
    const std::string from =
        " FROM parquet_metadata(" + sql_text(path_) + ") WHERE path_in_schema = ";
    const std::string range =
        "SELECT string_agg(stats_min_value || ' ' || stats_max_value || ' ' || "
        "stats_null_count, ', ' ORDER BY row_group_id)";
    EXPECT_EQ(text(range + from + "'device'"), "a b 0, c c 0");
    EXPECT_EQ(text(range + from + "'quality'"), "192 192 0, 0 0 0");
    EXPECT_EQ(text(range + from + "'time'"),
              "2026-01-01 00:00:00 2026-01-01 00:00:00.060999 0, "
              "2026-01-01 00:00:00 2026-01-01 00:00:00.060999 0");
    EXPECT_EQ(text("SELECT string_agg(DISTINCT encodings, ';' ORDER BY encodings)" + from + "'m'"),
              "RLE, DELTA_BINARY_PACKED");
    EXPECT_EQ(text("SELECT string_agg(path_in_schema, ' ' ORDER BY column_id) FROM "
                   "parquet_metadata(" +
                   sql_text(path_) + ") WHERE row_group_id = 0 AND stats_min_value IS NOT NULL"),
              "time quality device");
}

TEST_F(PointsFiles, a_full_disk_is_told_and_leaves_no_file) {
    Shapes shapes{SeededRandom(78)};
    Head head;
    const auto times = shapes.times(300'000);
    head.add("device", "signal", "", times, shapes.values(times.size()),
             shapes.quality(times.size()));
    for (std::uint64_t nth = 1;; ++nth) {
        auto faulty = files::FaultyFiles::open(folder_.path(), 1).value();
        faulty->fail(files::Call::append, nth, files::Fault::no_space);
        auto sorted = points(head);
        auto written = write_series_files(*faulty, paths_, sorted, zstd_);
        if (written) {
            EXPECT_EQ(nth, 7u) << "three row groups, one of rollups and two footers";
            break;
        }
        EXPECT_EQ(written.error().code, Errc::overloaded) << written.error().message;
        EXPECT_FALSE(std::filesystem::exists(path_));
        EXPECT_FALSE(std::filesystem::exists(paths_.rollups));
    }
    write(head);
    auto again = points(head);
    auto refused = write_series_files(real_, paths_, again, zstd_);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_TRUE(std::filesystem::exists(path_)) << "what was there before stays";
}

TEST_F(PointsFiles, nothing_is_written_outside_the_history_directory) {
    Head head;
    ParquetWriter writer({.directory = files::join(folder_.path(), "history")});
    auto sorted = points(head);
    auto outside = writer.write_points(paths_, sorted);
    ASSERT_FALSE(outside.ok());
    EXPECT_EQ(outside.error().code, Errc::denied) << outside.error().message;
}

}  // namespace
}  // namespace mw::segments
