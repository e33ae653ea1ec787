// What DuckDB writes, in all its ways, read by our own reader.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "platform/files/files.h"
#include "protocols/parquet/parquet.h"

namespace mw::datasets {
namespace {

using parquet::TableFile;

constexpr std::int64_t first_us = 1'700'000'000'000'000;

// Columns of every type that is read, and some that are passed over.
std::string columns_sql(std::size_t rows) {
    return "SELECT make_timestamp(" + std::to_string(first_us) +
           " + i * 1000) AS t_us, make_timestamp_ns(" + std::to_string(first_us) +
           "000 + i) AS t_ns, (make_timestamp(" + std::to_string(first_us) +
           " + i * 1000))::TIMESTAMP_MS AS t_ms, ((i * 7919) % 1000 - 500)::INTEGER AS i32, "
           "(i % 200)::UTINYINT AS u8, (4000000000 + i % 10)::UINTEGER AS u32, "
           "i * 1000000007 AS i64, (i / 8)::FLOAT AS f, "
           "CASE WHEN i % 7 = 0 THEN NULL ELSE i * 0.1::DOUBLE END AS d, "
           "CASE WHEN i % 5 = 1 THEN NULL ELSE i % 3 = 0 END AS b, "
           "CASE WHEN i % 11 = 2 THEN NULL ELSE 'gw-' || (i % 3) END AS few, "
           "'text ' || (i * 7919) AS many, NULL::DOUBLE AS none, [i] AS list, "
           "{'x': i, 'y': 1} AS pair, (i / 4)::DECIMAL(10, 2) AS dec FROM range(" +
           std::to_string(rows) + ") r(i) ORDER BY i";
}

std::string cell_text(const TableFile::Cell& cell) {
    if (cell.text) return std::string(*cell.text);
    if (cell.integer) return std::to_string(*cell.integer);
    if (cell.number) return std::to_string(*cell.number);
    return "-";
}

// What columns_sql() says of row i.
std::string expected(const std::string& column, std::int64_t i) {
    if (column == "t_us") return std::to_string(first_us + i * 1000);
    if (column == "t_ns") return std::to_string(first_us * 1000 + i);
    if (column == "t_ms") return std::to_string(first_us / 1000 + i);
    if (column == "i32") return std::to_string((i * 7919) % 1000 - 500);
    if (column == "u8") return std::to_string(i % 200);
    if (column == "u32") return std::to_string(4'000'000'000 + i % 10);
    if (column == "i64") return std::to_string(i * 1'000'000'007);
    if (column == "f") return std::to_string(static_cast<double>(static_cast<float>(i / 8.0)));
    if (column == "d") return i % 7 == 0 ? "-" : std::to_string(static_cast<double>(i) * 0.1);
    if (column == "b") return i % 5 == 1 ? "-" : std::to_string(i % 3 == 0 ? 1.0 : 0.0);
    if (column == "few") return i % 11 == 2 ? "-" : "gw-" + std::to_string(i % 3);
    if (column == "dec") return std::to_string(static_cast<double>(i * 25) / 100);
    if (column == "many") return "text " + std::to_string(i * 7919);
    return "-";
}

class ParquetPeer : public testing::Test {
 protected:
    ParquetPeer() {
        duckdb::Options options;
        options.directories.push_back(folder_.path());
        database_.emplace(*duckdb::Database::open(options));
        connection_.emplace(*database_->connect());
    }
    Bytes written(std::size_t rows, const std::string& how) {
        const std::string path = files::join(folder_.path(), std::to_string(++files_written_));
        const auto done = connection_->run("COPY (" + columns_sql(rows) + ") TO " + sql_text(path) +
                                           " (FORMAT parquet, " + how + ")");
        EXPECT_TRUE(done) << how << ": " << done.error().message;
        auto bytes = files::read_all(files_, path, 64 << 20);
        EXPECT_TRUE(bytes.ok());
        return bytes ? *bytes : Bytes{};
    }

    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    std::optional<duckdb::Database> database_;
    std::optional<duckdb::Connection> connection_;
    int files_written_ = 0;
};

TEST_F(ParquetPeer, every_column_of_every_way_to_write_it_is_read) {
    for (const char* codec : {"uncompressed", "snappy", "gzip", "zstd"})
        for (const char* version : {"V1", "V2"})
            for (const std::size_t rows : {1, 1000, 7001}) {
                const std::string how = "COMPRESSION " + std::string(codec) + ", PARQUET_VERSION " +
                                        version + ", ROW_GROUP_SIZE 2048";
                const Bytes bytes = written(rows, how);
                const auto file = TableFile::open(bytes);
                ASSERT_TRUE(file) << how << ": " << file.error().message;
                ASSERT_EQ(file->rows(), rows);
                for (const char* column : {"t_us", "t_ns", "t_ms", "i32", "u8", "u32", "i64", "f",
                                           "d", "b", "few", "many", "none", "dec"}) {
                    std::size_t seen = 0, wrong = 0;
                    const auto read = file->read(
                        file->find(column).value(), [&](const TableFile::Cell& cell) -> Result<> {
                            EXPECT_EQ(cell.row, seen++);
                            wrong += cell_text(cell) !=
                                     expected(column, static_cast<std::int64_t>(cell.row));
                            return {};
                        });
                    EXPECT_TRUE(read) << how << ": " << read.error().message;
                    EXPECT_EQ(seen, rows) << column;
                    EXPECT_EQ(wrong, 0u) << how << ", " << column;
                }
                EXPECT_FALSE(file->find("list"));  // nested columns have no name of their own
            }
}

TEST_F(ParquetPeer, types_are_what_the_file_says) {
    const Bytes bytes = written(10, "COMPRESSION zstd, PARQUET_VERSION V2");
    const auto file = TableFile::open(bytes);
    ASSERT_TRUE(file) << file.error().message;
    const auto meaning = [&](const char* name) {
        return file->columns()[file->find(name).value()].meaning;
    };
    EXPECT_EQ(meaning("t_us"), parquet::Meaning::time_us);
    EXPECT_EQ(meaning("t_ns"), parquet::Meaning::time_ns);
    EXPECT_EQ(meaning("t_ms"), parquet::Meaning::time_ms);
    EXPECT_EQ(meaning("u32"), parquet::Meaning::unsigned_);
    EXPECT_EQ(meaning("few"), parquet::Meaning::text);
    EXPECT_EQ(meaning("dec"), parquet::Meaning::decimal);
    EXPECT_EQ(meaning("d"), parquet::Meaning::plain);
}

// A byte changed anywhere: refused, or read to the same number of rows.
TEST_F(ParquetPeer, damage_is_refused_or_harmless) {
    const std::uint64_t seed = 20261128;
    SeededRandom random(seed);
    const Bytes good = written(500, "COMPRESSION snappy, PARQUET_VERSION V2");
    int refused = 0;
    for (int i = 0; i < 400; ++i) {
        Bytes bytes = good;
        bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
        if (i % 4 == 0) bytes.resize(random.below(bytes.size()));
        const auto file = TableFile::open(bytes, {1000, 1 << 20});
        refused += !file;
        if (!file) continue;
        for (std::size_t column = 0; column < file->columns().size(); ++column) {
            std::size_t seen = 0;
            const auto read = file->read(column, [&](const TableFile::Cell&) -> Result<> {
                ++seen;
                return {};
            });
            if (read) {
                EXPECT_EQ(seen, file->rows()) << "seed " << seed << ", try " << i;
            }
        }
    }
    EXPECT_GT(refused, 100) << "seed " << seed;  // those that are cut off at least
}

}  // namespace
}  // namespace mw::datasets
