#pragma once
// A DuckDB instance, a connection, and results read chunk by chunk. Whoever opened it owns it; a
// Database may be used from any thread, a Connection by one at a time. Memory and threads are
// bounded by Options; nothing spills to disk, no extension is ever fetched, the configuration is
// locked.

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "data/duckdb/types.h"

struct _duckdb_database;
struct _duckdb_connection;
struct _duckdb_prepared_statement;

namespace mw::duckdb {

struct TableFunction;

struct Options {
    std::size_t memory_bytes = std::size_t{256} << 20;
    unsigned threads = 1;
    // What SQL may read and write; none means no file at all. Absolute paths.
    std::vector<std::string> directories = {};
};

using Value = std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string>;

// Rows of one chunk (at most 2048), valid until the next one is fetched.
class Chunk {
 public:
    std::size_t size() const { return size_; }
    Vector column(std::size_t index) const;

 private:
    friend class Rows;
    std::shared_ptr<void> raw_;
    const std::vector<Column>* columns_ = nullptr;
    std::size_t size_ = 0;
};

// A result, streamed: work is done as chunks are fetched. Destroying it stops the rest.
class Rows {
 public:
    const std::vector<Column>& columns() const { return *columns_; }
    // False at the end. invalid_input, cancelled (interrupted), overloaded (memory), io_failed.
    Result<bool> next(Chunk& chunk);

 private:
    friend class Statement;
    std::shared_ptr<void> connection_;
    std::shared_ptr<void> statement_;
    std::shared_ptr<void> raw_;
    std::unique_ptr<std::vector<Column>> columns_;  // its address stays when Rows moves
    std::shared_ptr<void> on_stop_;                 // goes first
};

class Statement {
 public:
    // Values bind to $1, $2, ... by number. A stop request interrupts it, while it executes and
    // while its rows are fetched: the outcome is then cancelled.
    Result<Rows> execute(const std::vector<Value>& values = {}, std::stop_token stop = {});

 private:
    friend class Connection;
    std::shared_ptr<_duckdb_connection> connection_;
    std::shared_ptr<_duckdb_prepared_statement> raw_;
};

class Connection {
 public:
    Result<Statement> prepare(std::string_view sql);  // exactly one statement
    Result<Rows> query(std::string_view sql, const std::vector<Value>& values = {},
                       std::stop_token stop = {});
    Result<> run(std::string_view sql, std::stop_token stop = {});  // to the end, rows dropped
    Result<std::string> text(std::string_view sql, const std::vector<Value>& values = {});  // 1x1
    _duckdb_connection* raw() const { return raw_.get(); }  // for this module's files

 private:
    friend class Database;
    std::shared_ptr<_duckdb_database> database_;
    std::shared_ptr<_duckdb_connection> raw_;
};

class Database {
 public:
    // About 20 ms and 18 MB the first time in a process, 9 ms and 3 MB after.
    static Result<Database> open(const Options& options);

    Result<Connection> connect();
    // Visible to every connection. Registering a name twice is a conflict.
    Result<> add(TableFunction function);

 private:
    std::shared_ptr<_duckdb_database> raw_;
};

}  // namespace mw::duckdb
