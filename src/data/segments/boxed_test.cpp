// Texts and large integers in sealed files: they come back bit for bit, from seals and merges, and
// files without any are what they always were.
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "data/segments/segments.h"

namespace mw::segments {
namespace {

constexpr std::int64_t tick_ns = 100'000'000;
constexpr std::int64_t morning = 1'767'225'600'000'000'000;  // 2026-01-01
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

using Given = std::variant<double, std::int64_t, std::string>;

class BoxedSegments : public testing::Test {
 protected:
    BoxedSegments() {
        history::HistoryOptions options;
        options.directory = folder_.path();
        history_ =
            history::History::open(options, {files_, *loop_, workers_, writer_, metrics_}).value();
        duckdb::Options readers;
        readers.directories.push_back(folder_.path());
        database_ = duckdb::Database::open(readers).value();
        connection_ = database_->connect().value();
    }
    ~BoxedSegments() override {
        ignore(sync_wait(*loop_, history_->stop()), "the test is over");
        history_.reset();
    }

    // A value every 100 ms, from the given one on.
    void append(const std::string& signal, std::int64_t from, const std::vector<Given>& values) {
        Batch batch;
        batch.device = {"plc"};
        batch.runs.push_back({signal, "", 0, static_cast<std::uint32_t>(values.size())});
        for (const Given& value : values) {
            const auto row = static_cast<std::int64_t>(batch.size());
            batch.times.push_back({morning + (from + row) * tick_ns});
            batch.quality.push_back(Quality::good());
            batch.values.push_back(boxed_into(batch, value));
            want_[{signal, batch.times.back().ns}] = written(value);
        }
        batch.runs[0].boxed = !batch.boxes.empty();
        ASSERT_TRUE(history_->append(batch).ok());
    }
    static double boxed_into(Batch& batch, const Given& value) {
        if (const auto* text = std::get_if<std::string>(&value)) return batch.boxes.add(*text);
        if (const auto* whole = std::get_if<std::int64_t>(&value)) return batch.boxes.add(*whole);
        return std::get<double>(value);
    }
    static std::string written(const Given& value) {
        if (const auto* text = std::get_if<std::string>(&value)) return "text " + *text;
        if (const auto* whole = std::get_if<std::int64_t>(&value))
            return "whole " + std::to_string(*whole);
        return "value " + std::to_string(std::get<double>(value));
    }
    void seal() { ASSERT_TRUE(sync_wait(*loop_, history_->seal_now()).ok()); }
    std::vector<history::SegmentFile> sealed() { return history_->snapshot_here({}).points; }
    std::string all_points() {
        std::vector<std::string> plain, boxed;
        for (const auto& file : sealed()) (file.boxed ? boxed : plain).push_back(file.path);
        return points_sql(plain, boxed);
    }
    void expect_all() {
        auto rows = connection_->query(
            "SELECT signal, epoch_ns(\"time\"), CASE WHEN text IS NOT NULL THEN 'text ' || text "
            "WHEN whole IS NOT NULL THEN 'whole ' || whole ELSE format('value {:.6f}', \"value\") "
            "END, (text IS NOT NULL)::INT + (\"value\" IS NOT NULL)::INT FROM (" +
            all_points() + ")");
        ASSERT_TRUE(rows.ok()) << rows.error().message;
        std::map<std::pair<std::string, std::int64_t>, std::string> got;
        duckdb::Chunk chunk;
        while (rows->next(chunk).value_or(false))
            for (std::size_t i = 0; i < chunk.size(); ++i) {
                got[{std::string(chunk.column(0).text(i)),
                     chunk.column(1).data<std::int64_t>()[i]}] = chunk.column(2).text(i);
                EXPECT_EQ(chunk.column(3).data<std::int32_t>()[i], 1) << chunk.column(2).text(i);
            }
        EXPECT_EQ(got, want_);
    }
    std::string text(const std::string& query) {
        auto out = connection_->text("SELECT CAST((" + query + ") AS VARCHAR)");
        return out ? *out : out.error().message;
    }
    std::vector<Given> mixture() const {
        return {1.5,     std::string("RUNNING"),     lowest, highest, std::string(), 2.0, 2.25,
                highest, std::string("l\xc3\xa4uft")};
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
    std::map<std::pair<std::string, std::int64_t>, std::string> want_;
};

TEST_F(BoxedSegments, a_sealed_file_has_each_value_in_its_own_column) {
    append("state", 0, mixture());
    append("only", 0, {std::string("a"), std::string("b"), std::string("a")});
    append("speed", 0, {1.25, 2.5});
    seal();
    ASSERT_EQ(sealed().size(), 1U);
    EXPECT_TRUE(sealed()[0].boxed);
    expect_all();
}

TEST_F(BoxedSegments, old_and_new_files_are_read_as_one_table) {
    append("speed", 0, {1.25, 2.5});
    seal();
    append("state", 0, mixture());
    seal();
    ASSERT_EQ(sealed().size(), 2U);
    EXPECT_FALSE(sealed()[0].boxed);
    EXPECT_TRUE(sealed()[1].boxed);
    expect_all();
}

TEST_F(BoxedSegments, a_file_without_such_values_has_no_columns_for_them) {
    append("speed", 0, {1.25, 2.5});
    seal();
    const std::string columns = "SELECT count(*) FROM parquet_schema(" +
                                sql_text(sealed().at(0).path) + ") WHERE name IN ('text', 'whole')";
    EXPECT_EQ(text(columns), "0");
}

TEST_F(BoxedSegments, merges_keep_every_bit_and_the_newest_of_equal_times) {
    append("state", 0, mixture());
    append("speed", 0, {1.25, 2.5});
    seal();
    append("state", 3, {std::string("STOPPED"), 7.75, highest - 1});
    append("speed", 1, {3.5, 4.25});
    seal();
    append("other", 0, {1.0});
    seal();
    ASSERT_TRUE(sync_wait(*loop_, history_->compact_now()).ok());
    ASSERT_EQ(sealed().size(), 1U);
    EXPECT_TRUE(sealed()[0].boxed);
    expect_all();
}

TEST_F(BoxedSegments, long_series_of_texts_go_through_several_row_groups) {
    std::vector<Given> many;
    for (int i = 0; i < 70'000; ++i) many.push_back("part " + std::to_string(i));
    append("part", 0, many);
    append("part", 70'000, many);
    seal();
    EXPECT_EQ(text("SELECT count(DISTINCT text) || ' ' || count(*) FROM (" + all_points() + ")"),
              "70000 140000");
    EXPECT_EQ(text("SELECT max(row_group_id) > 0 FROM parquet_metadata(" +
                   sql_text(sealed().at(0).path) + ")"),
              "true");
}

TEST_F(BoxedSegments, rows_with_texts_can_be_erased) {
    append("state", 0, mixture());
    seal();
    ASSERT_TRUE(sync_wait(*loop_, history_->erase({.device = "plc"})).ok());
    EXPECT_TRUE(sealed().empty());
}

TEST_F(BoxedSegments, rollups_are_of_numbers) {
    append("state", 0, mixture());
    append("only", 0, {std::string("a"), std::string("b")});
    seal();
    history::Bounds bounds;
    bounds.rollups = true;
    const auto rollups = history_->snapshot_here(bounds).rollups;
    ASSERT_EQ(rollups.size(), 1U);
    const std::string from = " FROM (" + rollups_sql({rollups[0].path}) + ")";
    EXPECT_EQ(text("SELECT string_agg(signal || ' ' || \"count\" || ' ' || good)" + from),
              "state 6 6");
    EXPECT_EQ(text("SELECT \"max\"" + from), "9.223372036854776e+18");
    EXPECT_EQ(text("SELECT \"first\"" + from), "1.5");
}

}  // namespace
}  // namespace mw::segments
