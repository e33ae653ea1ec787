#pragma once
// SQLite, tamed: a Database in WAL mode with full synchronisation, prepared statements,
// transactions and numbered migrations. All calls block, so they belong on a worker thread; a
// Database and what it prepared are used by one thread at a time. Limits: one text or blob up to 64
// MiB.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "platform/sqlite/power_cut_disk.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mw::sqlite {

struct Options {
    std::string path{};  // ":memory:" keeps everything in this Database
    std::string vfs{};   // empty: the system's files; else a registered one (PowerCutDisk)
    milliseconds busy_timeout{5'000};
    bool read_only = false;
};

// One step of a database's history. Steps are applied in order, each in one transaction, and never
// edited once released: the checksum of an applied step is compared on every open.
struct Migration {
    int number;  // 1, 2, 3 ...
    std::string_view name;
    std::string_view sql;
};

// A prepared statement. Parameters count from 1, columns from 0. Text and blobs read from a column
// live until the next step() or reset(). Binding errors surface at step().
class Statement {
 public:
    Statement(Statement&&) noexcept;
    Statement& operator=(Statement&&) noexcept;
    ~Statement();

    Statement& bind(int parameter, std::string_view text);
    Statement& bind(int parameter, const char* text) {
        return bind(parameter, std::string_view(text));
    }
    Statement& bind(int parameter, const std::string& text) {
        return bind(parameter, std::string_view(text));
    }
    Statement& bind(int parameter, std::int64_t value);
    Statement& bind(int parameter, std::uint64_t value);  // above 2^63 - 1 is an error
    Statement& bind(int parameter, int value) { return bind(parameter, std::int64_t{value}); }
    Statement& bind(int parameter, double value);
    Statement& bind(int parameter, ByteView blob);
    Statement& bind(int parameter, std::nullptr_t);

    Result<bool> step();  // true: a row is there; false: done (the statement is reset)
    Result<> run();       // steps to the end, ignoring rows, and resets
    void reset();         // keeps bindings

    std::int64_t integer(int column) const;
    double real(int column) const;
    std::string_view text(int column) const;
    ByteView blob(int column) const;
    bool is_null(int column) const;

 private:
    friend class Database;
    explicit Statement(sqlite3_stmt* handle);
    void note(int code);
    struct Finalize {
        void operator()(sqlite3_stmt* handle) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
    int bind_code_ = 0;
};

class Database {
 public:
    // Errors: io_failed (names the path), corrupt (not a database), denied (permissions).
    static Result<Database> open(const Options& options);
    Database(Database&&) noexcept;
    Database& operator=(Database&&) noexcept;
    ~Database();

    Result<> run(std::string_view sql);  // one or more statements without parameters
    Result<Statement> prepare(std::string_view sql);
    // Brings the database to the last step. invalid_input: it was written by a newer program;
    // corrupt: an applied step differs from ours.
    Result<> migrate(std::span<const Migration> steps);

    std::int64_t changes() const;  // rows touched by the last statement
    std::int64_t last_insert_id() const;
    // SQLite's own full check of pages and indexes; corrupt names the first finding.
    Result<> check_integrity();

 private:
    explicit Database(sqlite3* handle);
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

// BEGIN IMMEDIATE on construction; rolled back when it goes without commit().
class Transaction {
 public:
    static Result<Transaction> begin(Database& database);
    Transaction(Transaction&& other) noexcept : database_(other.database_) {
        other.database_ = nullptr;
    }
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Result<> commit();

 private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

// A step inside a transaction that can be undone alone.
class Savepoint {
 public:
    static Result<Savepoint> begin(Database& database);
    Savepoint(Savepoint&& other) noexcept : database_(other.database_) {
        other.database_ = nullptr;
    }
    Savepoint& operator=(Savepoint&&) = delete;
    ~Savepoint();  // undone when neither keep() nor undo() was called
    Result<> keep();
    Result<> undo();

 private:
    explicit Savepoint(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace mw::sqlite
