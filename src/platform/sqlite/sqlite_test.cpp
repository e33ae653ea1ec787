#include "platform/sqlite/sqlite.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace mw::sqlite {
namespace {

Database memory() { return *Database::open({.path = ":memory:"}); }

std::int64_t count(Database& database, std::string_view table) {
    auto statement = *database.prepare("SELECT count(*) FROM " + std::string(table));
    EXPECT_TRUE(*statement.step());
    return statement.integer(0);
}

TEST(SqliteStatement, binds_and_reads_every_type) {
    auto database = memory();
    ASSERT_TRUE(database.run("CREATE TABLE t(i, d, s, b, n)"));
    auto insert = *database.prepare("INSERT INTO t VALUES(?,?,?,?,?)");
    const Bytes blob{0, 1, 255};
    insert.bind(1, std::int64_t{-5})
        .bind(2, 2.5)
        .bind(3, "a")
        .bind(4, ByteView(blob))
        .bind(5, nullptr);
    ASSERT_TRUE(insert.run());
    auto select = *database.prepare("SELECT * FROM t");
    ASSERT_TRUE(*select.step());
    EXPECT_EQ(select.integer(0), -5);
    EXPECT_EQ(select.real(1), 2.5);
    EXPECT_EQ(select.text(2), "a");
    EXPECT_EQ(Bytes(select.blob(3).begin(), select.blob(3).end()), blob);
    EXPECT_TRUE(select.is_null(4));
    EXPECT_FALSE(*select.step());
}

TEST(SqliteStatement, keeps_text_with_zero_bytes_and_empty_text) {
    auto database = memory();
    auto select = *database.prepare("SELECT ?, ? IS NULL");
    const std::string text("a\0b", 3);
    select.bind(1, text).bind(2, std::string_view{});
    ASSERT_TRUE(*select.step());
    EXPECT_EQ(select.text(0), text);
    EXPECT_EQ(select.integer(1), 0);
}

TEST(SqliteStatement, refuses_a_number_that_does_not_fit) {
    auto database = memory();
    auto select = *database.prepare("SELECT ?");
    select.bind(1, ~std::uint64_t{0});
    const auto outcome = select.step();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::invalid_input);
}

TEST(SqliteDatabase, names_the_path_that_cannot_be_opened) {
    const auto database = Database::open({.path = "/no/such/folder/x.db"});
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().code, Errc::io_failed);
    EXPECT_NE(database.error().message.find("/no/such/folder/x.db"), std::string::npos);
}

TEST(SqliteDatabase, a_file_that_is_no_database_is_corrupt) {
    const auto path = testing::TempDir() + "mw_not_a_database.db";
    {
        auto* file = std::fopen(path.c_str(), "w");
        for (int i = 0; i < 200; ++i) std::fputs("this is not a database", file);
        std::fclose(file);
    }
    const auto database = Database::open({.path = path});
    std::filesystem::remove(path);
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().code, Errc::corrupt);
}

TEST(SqliteDatabase, syncs_every_commit_of_the_write_ahead_log) {
    PowerCutDisk disk(1);
    auto database = *Database::open({.path = "x.db", .vfs = disk.name()});
    const auto setting = [&](std::string_view pragma) {
        auto statement = *database.prepare("PRAGMA " + std::string(pragma));
        EXPECT_TRUE(*statement.step());
        return std::string(statement.text(0));
    };
    EXPECT_EQ(setting("journal_mode"), "wal");
    EXPECT_EQ(setting("synchronous"), "2");
    EXPECT_EQ(setting("foreign_keys"), "1");
}

TEST(SqliteTransaction, is_rolled_back_unless_committed) {
    auto database = memory();
    ASSERT_TRUE(database.run("CREATE TABLE t(x)"));
    {
        auto transaction = *Transaction::begin(database);
        ASSERT_TRUE(database.run("INSERT INTO t VALUES(1)"));
    }
    EXPECT_EQ(count(database, "t"), 0);
    auto transaction = *Transaction::begin(database);
    ASSERT_TRUE(database.run("INSERT INTO t VALUES(1)"));
    ASSERT_TRUE(transaction.commit());
    EXPECT_EQ(count(database, "t"), 1);
}

TEST(SqliteSavepoint, undoes_its_part_alone) {
    auto database = memory();
    ASSERT_TRUE(database.run("CREATE TABLE t(x UNIQUE)"));
    auto transaction = *Transaction::begin(database);
    {
        auto step = *Savepoint::begin(database);
        ASSERT_TRUE(database.run("INSERT INTO t VALUES(1)"));
        ASSERT_TRUE(step.keep());
    }
    {
        auto step = *Savepoint::begin(database);
        ASSERT_TRUE(database.run("INSERT INTO t VALUES(2)"));
        const auto twice = database.run("INSERT INTO t VALUES(1)");
        ASSERT_FALSE(twice);
        EXPECT_EQ(twice.error().code, Errc::conflict);
    }
    ASSERT_TRUE(transaction.commit());
    EXPECT_EQ(count(database, "t"), 1);
}

constexpr Migration steps[] = {
    {1, "first", "CREATE TABLE a(x); INSERT INTO a VALUES(1);"},
    {2, "second", "CREATE TABLE b(x); INSERT INTO b SELECT x FROM a; DROP TABLE a;"},
};

TEST(SqliteMigrations, apply_each_step_once) {
    auto database = memory();
    ASSERT_TRUE(database.migrate(std::span(steps).first(1)));
    ASSERT_TRUE(database.migrate(steps));
    ASSERT_TRUE(database.migrate(steps));
    EXPECT_EQ(count(database, "b"), 1);
    EXPECT_EQ(count(database, "migrations"), 2);
}

TEST(SqliteMigrations, refuse_a_database_of_a_newer_program) {
    auto database = memory();
    ASSERT_TRUE(database.migrate(steps));
    const auto outcome = database.migrate(std::span(steps).first(1));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::invalid_input);
    EXPECT_NE(outcome.error().message.find("newer version"), std::string::npos);
}

TEST(SqliteMigrations, notice_an_edited_step) {
    auto database = memory();
    ASSERT_TRUE(database.migrate(std::span(steps).first(1)));
    constexpr Migration edited[] = {{1, "first", "CREATE TABLE a(x, y);"}};
    const auto outcome = database.migrate(edited);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::corrupt);
}

TEST(SqliteMigrations, a_broken_step_leaves_nothing_and_names_itself) {
    auto database = memory();
    constexpr Migration broken[] = {{1, "breaks", "CREATE TABLE a(x); SELECT * FROM missing;"}};
    const auto outcome = database.migrate(broken);
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().message.find("migration 1 (breaks)"), std::string::npos);
    EXPECT_EQ(count(database, "sqlite_master WHERE name = 'a'"), 0);
}

TEST(SqlitePowerCut, in_any_migration_write_leaves_whole_steps_only) {
    for (std::uint64_t operation = 1;; ++operation) {
        PowerCutDisk disk(operation);
        disk.cut_at(operation);
        {
            auto database = Database::open({.path = "x.db", .vfs = disk.name()});
            if (database && database->migrate(steps) && !disk.is_cut()) {
                EXPECT_GT(operation, 10u);
                return;
            }
        }
        disk.cut();
        disk.restore();
        auto database = Database::open({.path = "x.db", .vfs = disk.name()});
        ASSERT_TRUE(database) << operation << ": " << database.error().message;
        ASSERT_TRUE(database->check_integrity());
        ASSERT_TRUE(database->migrate(steps)) << operation;
        EXPECT_EQ(count(*database, "b"), 1) << operation;
    }
}

TEST(SqlitePowerCut, keeps_every_committed_row_and_no_other) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        PowerCutDisk disk(seed);
        std::int64_t committed = 0;
        {
            auto database = *Database::open({.path = "x.db", .vfs = disk.name()});
            ASSERT_TRUE(database.run("CREATE TABLE t(x INTEGER PRIMARY KEY, y)"));
            disk.cut_at(3 + seed * 5);
            while (database.run("INSERT INTO t(y) VALUES(randomblob(700))")) ++committed;
        }
        disk.restore();
        auto database = *Database::open({.path = "x.db", .vfs = disk.name()});
        ASSERT_TRUE(database.check_integrity()) << seed;
        const auto found = count(database, "t");
        EXPECT_GE(found, committed) << seed;
        EXPECT_LE(found, committed + 1) << seed;  // the one whose answer was lost with the power
    }
}

TEST(SqlitePowerCut, two_connections_share_the_log_index) {
    PowerCutDisk disk(7);
    auto writer = *Database::open({.path = "x.db", .vfs = disk.name()});
    ASSERT_TRUE(writer.run("CREATE TABLE t(x)"));
    auto reader = *Database::open({.path = "x.db", .vfs = disk.name(), .read_only = true});
    auto transaction = *Transaction::begin(writer);
    ASSERT_TRUE(writer.run("INSERT INTO t VALUES(1)"));
    EXPECT_EQ(count(reader, "t"), 0);
    ASSERT_TRUE(transaction.commit());
    EXPECT_EQ(count(reader, "t"), 1);
    EXPECT_FALSE(reader.run("INSERT INTO t VALUES(2)"));
}

}  // namespace
}  // namespace mw::sqlite
