// Rows as we read them are those that DuckDB reads, bit for bit; damage is refused.
#include "data/segments/sealed_files.h"

#include <gtest/gtest.h>

#include <bit>
#include <fstream>

#include "base/sql_text.h"
#include "data/segments/points_fixture.h"
#include "data/segments/series_files.h"

namespace mw::segments {
namespace {

using history::Table;

class SealedRowsTest : public testing::Test {
 protected:
    void open(unsigned threads = 1) {
        duckdb::Options options{.memory_bytes = std::size_t{512} << 20, .threads = threads};
        options.directories.push_back(folder_.path());
        connection_.reset();
        database_ = duckdb::Database::open(options).value();
        duckdb::TableFunction ours{
            .name = "ours", .parameters = {}, .bind = [this](const auto&) {
                return Result<std::shared_ptr<const duckdb::TableSource>>(source_);
            }};
        ASSERT_TRUE(database_->add(std::move(ours)).ok());
        connection_ = database_->connect().value();
    }
    void write(Head& head) {
        remove_series_files(real_, paths_);
        const auto snapshot = head.snapshot();
        history::SortedPoints sorted{*snapshot, head.context, history::time_lowest,
                                     history::time_highest};
        ASSERT_TRUE(write_series_files(real_, paths_, sorted, zstd_).ok());
        sealed_.emplace(real_, std::size_t{8} << 20);
    }
    const std::string& path_of(Table table) const {
        return table == Table::points ? paths_.points : paths_.rollups;
    }
    void choose(Table table, RowSelection selection = {}) {
        source_ = sealed_->rows(table, {path_of(table)}, std::move(selection), 1000);
    }
    // All rows as text, doubles and times by their bits.
    Result<std::vector<std::string>> rows(const std::string& sql) {
        TRY(auto result, connection_->query(sql));
        std::vector<std::string> all;
        duckdb::Chunk chunk;
        for (;;) {
            TRY(const bool more, result.next(chunk));
            if (!more) return all;
            for (std::size_t i = 0; i < chunk.size(); ++i) {
                std::string row;
                for (std::size_t c = 0; c < result.columns().size(); ++c)
                    row += cell(chunk.column(c), result.columns()[c].type.kind, i) + "|";
                all.push_back(std::move(row));
            }
        }
    }
    static std::string cell(const duckdb::Vector& column, duckdb::Kind kind, std::size_t row) {
        if (!column.valid(row)) return "null";
        if (kind == duckdb::Kind::varchar) return std::string(column.text(row));
        if (kind == duckdb::Kind::utinyint) return std::to_string(column.data<std::uint8_t>()[row]);
        return std::to_string(column.data<std::uint64_t>()[row]);
    }
    std::string theirs(Table table) const {
        const std::vector<std::string> paths{path_of(table)};
        return table == Table::points ? points_sql(paths) : rollups_sql(paths);
    }
    void expect_same(const std::string& ours, const std::string& theirs) {
        auto got = rows(ours), want = rows(theirs);
        ASSERT_TRUE(got.ok()) << got.error().message;
        ASSERT_TRUE(want.ok()) << want.error().message;
        ASSERT_EQ(got->size(), want->size());
        for (std::size_t i = 0; i < got->size(); ++i) ASSERT_EQ((*got)[i], (*want)[i]) << i;
    }

    files::TemporaryDirectory folder_ = files::TemporaryDirectory::make("mw-sealed-").value();
    history::PointPaths paths_{files::join(folder_.path(), "points.parquet"),
                               files::join(folder_.path(), "rollups.parquet")};
    files::RealFiles real_;
    Compressor zstd_;
    std::optional<SealedFiles> sealed_;
    std::shared_ptr<const duckdb::TableSource> source_;
    std::optional<duckdb::Database> database_;
    std::optional<duckdb::Connection> connection_;
};

TEST_F(SealedRowsTest, all_rows_of_any_shape_are_those_that_DuckDB_reads) {
    open();
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Head head = head_by_lot(seed);
        write(head);
        for (const Table table : {Table::points, Table::rollups}) {
            ASSERT_TRUE(sealed_->reads(table, path_of(table)));
            choose(table);
            expect_same("FROM ours()", theirs(table));
            if (HasFatalFailure()) return;
        }
    }
}

TEST_F(SealedRowsTest, a_selection_gives_exactly_its_rows_whether_they_are_few_or_many) {
    open();
    for (std::uint64_t seed = 20; seed < 44; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        SeededRandom random(seed);
        if (seed % 8 == 4) {
            Head head = head_by_lot(seed);
            write(head);
        }
        const Table table = random.below(2) == 0 ? Table::points : Table::rollups;
        RowSelection selection;
        std::string where = " WHERE true";
        auto name_some = [&](const char* column, std::size_t most, auto& chosen) {
            chosen.emplace();
            where += std::string(" AND ") + column + " IN ('none'";
            for (std::size_t i = random.below(4); i > 0; --i) {
                chosen->push_back(std::string(column) + "-" + std::to_string(random.below(most)));
                where += ", " + sql_text(chosen->back());
            }
            where += ")";
        };
        if (random.below(3) > 0) name_some("device", 40, selection.devices);
        if (random.below(2) > 0) name_some("signal", 13, selection.signals);
        if (random.below(2) > 0) {
            const auto second = [&] { return std::int64_t(random.below(7'000)) * 1'000'000'000; };
            selection.span.from = {day_begin + second()};
            selection.span.to = {selection.span.from.ns + second()};
            where += " AND \"time\" >= make_timestamp_ns(" +
                     std::to_string(selection.span.from.ns) +
                     ") AND \"time\" <= " + "make_timestamp_ns(" +
                     std::to_string(selection.span.to.ns) + ")";
        }
        if (!sealed_) continue;
        choose(table, selection);
        const std::string all = "FROM (" + theirs(table) + ")" + where;
        expect_same("FROM ours()", all);
        expect_same("SELECT count(*) FROM ours()", "SELECT count(*) " + all);
        if (HasFatalFailure()) return;
    }
}

TEST_F(SealedRowsTest, some_columns_and_several_threads_change_nothing) {
    open(4);
    Head head = head_by_lot(5);
    write(head);
    for (const Table table : {Table::points, Table::rollups}) {
        choose(table);
        const std::string values = table == Table::points ? "\"value\", quality" : "\"sum\", good";
        for (const std::string columns : {values + ", \"time\"", "signal, " + values, values})
            expect_same("SELECT " + columns + " FROM ours() ORDER BY ALL",
                        "SELECT " + columns + " FROM (" + theirs(table) + ") ORDER BY ALL");
        expect_same("SELECT site, count(*) FROM ours() GROUP BY ALL ORDER BY ALL",
                    "SELECT site, count(*) FROM (" + theirs(table) + ") GROUP BY ALL ORDER BY ALL");
    }
}

TEST_F(SealedRowsTest, what_was_looked_at_is_kept_within_its_limit) {
    open();
    Head head = head_by_lot(3);
    write(head);
    choose(Table::points, {.devices = {{"device-1"}}, .signals = {{"signal-1"}}});
    ASSERT_TRUE(rows("FROM ours()").ok());
    const std::size_t kept = sealed_->bytes();
    EXPECT_GT(kept, 1'000u);
    ASSERT_TRUE(real_.remove(paths_.points).ok());
    EXPECT_TRUE(rows("FROM ours()").ok());  // from memory
    EXPECT_EQ(sealed_->bytes(), kept);

    SealedFiles none(real_, 0);
    write(head);
    source_ = none.rows(Table::points, {paths_.points}, {}, 1);
    EXPECT_TRUE(rows("FROM ours()").ok());
    EXPECT_EQ(none.bytes(), 0u);
}

TEST_F(SealedRowsTest, files_that_are_not_ours_are_left_to_DuckDB) {
    open();
    Head head = head_by_lot(2);
    write(head);
    EXPECT_FALSE(sealed_->reads(Table::points, paths_.rollups));
    EXPECT_FALSE(sealed_->reads(Table::rollups, paths_.points));
    const std::string copy = files::join(folder_.path(), "copy.parquet");
    ASSERT_TRUE(connection_
                    ->run("COPY (FROM read_parquet(" + sql_text(paths_.points) + ")) TO " +
                          sql_text(copy) + " (FORMAT parquet)")
                    .ok());
    EXPECT_FALSE(sealed_->reads(Table::points, copy));
    EXPECT_FALSE(sealed_->reads(Table::points, files::join(folder_.path(), "nothing")));
}

TEST_F(SealedRowsTest, a_damaged_file_is_refused_or_read_and_never_more) {
    open();
    SeededRandom random(7);
    Head head;
    Shapes shapes{SeededRandom(9)};
    for (const char* device : {"a", "b", "c"})
        for (const char* signal : {"x", "y"}) {
            const auto times = shapes.times(200);
            head.add(device, signal, "bar", times, shapes.values(200), shapes.quality(200));
        }
    write(head);
    int refused = 0;
    for (const Table table : {Table::points, Table::rollups}) {
        const Bytes whole = files::read_all(real_, path_of(table)).value();
        for (int i = 0; i < 250; ++i) {
            Bytes bytes = whole;
            const std::size_t at = random.below(bytes.size());
            if (i % 8 == 0)
                bytes.resize(at);
            else
                bytes[at] ^= static_cast<std::uint8_t>(1 + random.below(255));
            ASSERT_TRUE(files::atomic_replace(real_, path_of(table), bytes).ok());
            sealed_.emplace(real_, std::size_t{1} << 20);
            choose(table);
            const auto got = rows("FROM ours()");
            if (got.ok()) continue;
            ++refused;
            EXPECT_EQ(got.error().code, Errc::corrupt) << got.error().message;
            EXPECT_NE(got.error().message.find(path_of(table)), std::string::npos)
                << got.error().message;
        }
    }
    EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace mw::segments
