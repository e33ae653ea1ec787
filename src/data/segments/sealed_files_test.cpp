// Rows as we read them are those that DuckDB reads, bit for bit; damage is refused.
#include "data/segments/sealed_files.h"

#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
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

// Says what was expected and what was read, in order: "expect a 100", "read a 100".
class NotedFile final : public files::File {
 public:
    NotedFile(std::unique_ptr<File> file, std::string name, std::vector<std::string>& notes)
        : file_(std::move(file)), name_(std::move(name)), notes_(notes) {}
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) override {
        notes_.push_back("read " + name_ + " " + std::to_string(offset));
        return file_->read_at(offset, into);
    }
    void expect(std::uint64_t offset, std::uint64_t size) override {
        notes_.push_back("expect " + name_ + " " + std::to_string(offset));
        file_->expect(offset, size);
    }
    Result<> append(ByteView bytes) override { return file_->append(bytes); }
    Result<> write_at(std::uint64_t at, ByteView bytes) override {
        return file_->write_at(at, bytes);
    }
    Result<> sync() override { return file_->sync(); }
    Result<> truncate(std::uint64_t size) override { return file_->truncate(size); }
    Result<std::uint64_t> size() override { return file_->size(); }

 private:
    std::unique_ptr<File> file_;
    std::string name_;
    std::vector<std::string>& notes_;
};

struct NotedFiles final : files::RealFiles {
    Result<std::unique_ptr<files::File>> open(std::string path, files::Mode mode,
                                              unsigned permissions) override {
        TRY(auto file, RealFiles::open(path, mode, permissions));
        return std::unique_ptr<files::File>(
            std::make_unique<NotedFile>(std::move(file), path.substr(path.rfind('/') + 1), notes));
    }
    std::vector<std::string> notes;
};

TEST_F(SealedRowsTest, pages_of_the_next_file_are_expected_before_this_one_is_read) {
    open();
    Head head;
    for (int device = 0; device < 8; ++device) {
        std::vector<std::int64_t> times;
        for (int i = 0; i < 50; ++i) times.push_back(day_begin + i * 1'000'000'000ll);
        head.add("d" + std::to_string(device), "s", "", times, std::vector<double>(50, 1.5),
                 std::vector<std::uint8_t>(50, 192));
    }
    write(head);
    const std::string first = files::join(folder_.path(), "1"), second = first + "+2";
    for (const std::string& path : {first, second}) std::filesystem::copy_file(paths_.points, path);
    NotedFiles noted;
    sealed_.emplace(noted, std::size_t{8} << 20);
    RowSelection one;
    one.devices = {"d3"};
    source_ = sealed_->rows(Table::points, {first, second}, one, 100);
    ASSERT_TRUE(rows("SELECT count(*) FROM ours()").ok());  // footers and directories are kept now
    noted.notes.clear();
    ASSERT_EQ(rows("SELECT time, value FROM ours()").value().size(), 100u);

    std::vector<std::string> expected, read;
    for (const std::string& note : noted.notes) {
        const std::string place = note.substr(note.find(' ') + 1);
        (note[0] == 'e' ? expected : read).push_back(place);
        if (note[0] != 'r') continue;
        EXPECT_EQ(expected.size(), 6u) << note;  // of both files, before any
    }
    EXPECT_EQ(read, expected);  // each once, and nothing for nothing

    noted.notes.clear();
    ASSERT_EQ(rows("SELECT time, value FROM ours()").value().size(), 100u);
    EXPECT_EQ(noted.notes, std::vector<std::string>());  // what is kept is not asked for
}

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
