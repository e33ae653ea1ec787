#include "data/duckdb/duckdb.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace mw::duckdb {
namespace {

// Counts from 0; column `name` repeats one text that doesn't fit into a string's inline bytes.
class Numbers final : public TableSource {
 public:
    explicit Numbers(std::uint64_t rows) : rows_(rows) {}
    std::vector<Column> columns() const override {
        return {{"n", {.kind = Kind::ubigint}},
                {"name", {.kind = Kind::varchar}},
                {"half", {.kind = Kind::double_}},
                {"sort", {.kind = Kind::enumeration, .names = {"even", "odd"}}}};
    }
    std::size_t row_count() const override { return rows_; }
    Result<std::unique_ptr<Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<Scan>(std::make_unique<Counting>(rows_, std::move(wanted)));
    }

 private:
    class Counting final : public Scan {
     public:
        Counting(std::uint64_t rows, std::vector<std::size_t> wanted)
            : rows_(rows), wanted_(std::move(wanted)) {}
        Result<std::size_t> fill(OutputChunk& out) override {
            const std::size_t count = std::min<std::size_t>(rows_ - at_, chunk_rows_max);
            for (std::size_t c = 0; c < wanted_.size(); ++c) {
                if (wanted_[c] == 1) out.fill_text(c, 0, count, "a text of more than 12 bytes");
                for (std::size_t i = 0; i < count; ++i) write(out, c, i);
            }
            at_ += count;
            return count;
        }

     private:
        void write(OutputChunk& out, std::size_t c, std::size_t i) {
            const std::uint64_t n = at_ + i;
            if (wanted_[c] == 0) out.column<std::uint64_t>(c)[i] = n;
            if (wanted_[c] == 2) {
                out.column<double>(c)[i] = double(n) / 2;
                if (n == 7) out.set_null(c, i);
            }
            if (wanted_[c] == 3) out.column<std::uint8_t>(c)[i] = n % 2;
        }
        std::uint64_t rows_;
        std::uint64_t at_ = 0;
        std::vector<std::size_t> wanted_;
    };
    std::uint64_t rows_;
};

TableFunction numbers() {
    return {.name = "numbers",
            .parameters = {{"rows", Kind::ubigint}},
            .bind = [](const Arguments& given) -> Result<std::shared_ptr<const TableSource>> {
                const auto rows = given.find("rows");
                if (rows == given.end()) return Error{Errc::invalid_input, "numbers() wants rows"};
                return std::make_shared<const Numbers>(std::get<std::uint64_t>(rows->second));
            }};
}

class DuckDb : public testing::Test {
 protected:
    static Connection& connection() {
        static Database database = Database::open({.memory_bytes = 64 << 20}).value();
        static Connection made = [] {
            ignore(database.add(numbers()), "asserted by the tests that use it");
            return database.connect().value();
        }();
        return made;
    }
    static std::string text(const std::string& sql) {
        auto out = connection().text("SELECT CAST((" + sql + ") AS VARCHAR)");
        return out ? *out : out.error().message;
    }
};

TEST_F(DuckDb, typed_columns_come_in_chunks) {
    auto rows = connection().query("SELECT i::BIGINT a, i / 2 b, 'x' || i c FROM range(5000) t(i)");
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    EXPECT_EQ(rows->columns()[0].name, "a");
    EXPECT_EQ(rows->columns()[1].type.kind, Kind::double_);
    Chunk chunk;
    std::int64_t at = 0;
    while (rows->next(chunk).value()) {
        for (std::size_t i = 0; i < chunk.size(); ++i, ++at) {
            ASSERT_EQ(chunk.column(0).data<std::int64_t>()[i], at);
            ASSERT_EQ(chunk.column(1).data<double>()[i], at / 2.0);
            ASSERT_EQ(chunk.column(2).text(i), "x" + std::to_string(at));
        }
    }
    EXPECT_EQ(at, 5000);
}

TEST_F(DuckDb, parameters_bind_in_order_and_nulls_arrive_as_invalid) {
    auto rows = connection().query("SELECT $1::VARCHAR, $2::DOUBLE, $3::UBIGINT, $4::INTEGER",
                                   {std::string("a\0b", 3), -0.0, ~std::uint64_t{0}, nullptr});
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    Chunk chunk;
    ASSERT_TRUE(rows->next(chunk).value());
    EXPECT_EQ(chunk.column(0).text(0), std::string_view("a\0b", 3));
    EXPECT_TRUE(std::signbit(chunk.column(1).data<double>()[0]));
    EXPECT_EQ(chunk.column(2).data<std::uint64_t>()[0], ~std::uint64_t{0});
    EXPECT_FALSE(chunk.column(3).valid(0));
    EXPECT_EQ(connection().query("SELECT $1::INTEGER").error().code, Errc::invalid_input);
}

TEST_F(DuckDb, nested_types_describe_themselves) {
    auto rows = connection().query(
        "SELECT [1.5, NULL]::DECIMAL(5,2)[] l, {'a': 1, 'b': ['x']} s, MAP {'k': 2.5::DOUBLE} m");
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    EXPECT_EQ(rows->columns()[0].type.text(), "DECIMAL(5,2)[]");
    EXPECT_EQ(rows->columns()[1].type.text(), "STRUCT(a INTEGER, b VARCHAR[])");
    EXPECT_EQ(rows->columns()[2].type.text(), "MAP(VARCHAR, DOUBLE)");
    Chunk chunk;
    ASSERT_TRUE(rows->next(chunk).value());
    const auto list = chunk.column(0).data<ListEntry>()[0];
    EXPECT_EQ(list.length, 2u);
    EXPECT_EQ(chunk.column(0).child(0).data<std::int16_t>()[list.offset], 150);
    EXPECT_FALSE(chunk.column(0).child(0).valid(list.offset + 1));
    EXPECT_EQ(chunk.column(1).child(1).child(0).text(0), "x");
}

TEST_F(DuckDb, table_function_gives_rows_with_named_parameters) {
    EXPECT_EQ(text("SELECT sum(n) FROM numbers(rows=10000)"), "49995000");
    EXPECT_EQ(text("SELECT count(half) || '/' || count(*) FROM numbers(rows=10)"), "9/10");
    EXPECT_EQ(text("SELECT string_agg(sort, ',') FROM numbers(rows=3)"), "even,odd,even");
    EXPECT_EQ(text("SELECT count(DISTINCT name) || max(name) FROM numbers(rows=5000)"),
              "1a text of more than 12 bytes");
    EXPECT_NE(text("SELECT sum(n) FROM numbers()").find("numbers() wants rows"), std::string::npos);
}

TEST_F(DuckDb, files_settings_and_extensions_are_out_of_reach) {
    for (const char* sql :
         {"SELECT * FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/mw_duckdb_test.csv'",
          "SET memory_limit='10GB'", "LOAD httpfs", "INSTALL httpfs",
          "ATTACH '/tmp/mw_duckdb_test.db'", "SET enable_external_access=true"}) {
        EXPECT_FALSE(connection().run(sql).ok()) << sql;
    }
}

TEST_F(DuckDb, too_much_memory_is_overloaded) {
    auto outcome = connection().run(
        "SELECT count(*) FROM (SELECT DISTINCT i, i::VARCHAR || 'padding' "
        "FROM range(20000000) t(i))");
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::overloaded) << outcome.error().message;
}

TEST_F(DuckDb, a_stop_request_interrupts_also_when_it_came_early) {
    const std::string endless =
        "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)";
    std::stop_source early;
    early.request_stop();
    auto outcome = connection().run(endless, early.get_token());
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::cancelled) << outcome.error().message;

    std::stop_source later;
    std::thread other([&later] { later.request_stop(); });
    outcome = connection().run(endless, later.get_token());
    other.join();
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::cancelled) << outcome.error().message;
}

TEST_F(DuckDb, appender_fills_a_table_by_chunks) {
    ASSERT_TRUE(connection().run("CREATE OR REPLACE TEMP TABLE filled(i BIGINT, t VARCHAR)").ok());
    auto appender = Appender::open(connection(), "filled");
    ASSERT_TRUE(appender.ok()) << appender.error().message;
    for (int round = 0; round < 3; ++round) {
        OutputChunk chunk = appender->chunk();
        for (int i = 0; i < 100; ++i) chunk.column<std::int64_t>(0)[i] = round;
        chunk.fill_text(1, 0, 100, "t");
        ASSERT_TRUE(appender->append(100).ok());
    }
    ASSERT_TRUE(appender->close().ok());
    EXPECT_EQ(text("SELECT sum(i) || '/' || count(t) FROM filled"), "300/300");
    EXPECT_FALSE(Appender::open(connection(), "missing").ok());
}

}  // namespace
}  // namespace mw::duckdb
