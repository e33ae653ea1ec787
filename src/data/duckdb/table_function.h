#pragma once
// Tables that we compute, visible to SQL: a TableFunction binds named parameters to a TableSource,
// which starts Scans over the columns that the statement needs. Sources are shared by DuckDB's
// threads and must not change while a statement runs; one Scan runs on one thread. A chunk holds at
// most 2048 rows.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/duckdb/database.h"

struct _duckdb_data_chunk;

namespace mw::duckdb {

inline constexpr std::size_t chunk_rows_max = 2048;

// Rows being written, column by column. Columns are numbered as projected.
class OutputChunk {
 public:
    explicit OutputChunk(_duckdb_data_chunk* raw) : raw_(raw) {}
    std::size_t columns() const;
    template <class T>
    std::span<T> column(std::size_t index) {
        return {static_cast<T*>(data(index)), chunk_rows_max};
    }
    void set_text(std::size_t index, std::size_t row, std::string_view text);
    void fill_text(std::size_t index, std::size_t begin, std::size_t end, std::string_view text);
    void set_null(std::size_t index, std::size_t row);
    // One bit per row, set where there is a value; rows beyond the words are valid.
    void set_validity(std::size_t index, std::span<const std::uint64_t> words);

 private:
    void* data(std::size_t index);
    _duckdb_data_chunk* raw_;
};

class Scan {
 public:
    virtual ~Scan() = default;
    // Writes up to chunk_rows_max rows and says how many; 0 ends the scan.
    virtual Result<std::size_t> fill(OutputChunk& out) = 0;
    // How many threads may scan: each fills chunks through its own fork, and forks share the rows
    // among them.
    virtual std::size_t threads() const { return 1; }
    virtual std::unique_ptr<Scan> fork() const { return nullptr; }
};

class TableSource {
 public:
    virtual ~TableSource() = default;
    // Scalars and enumerations; the codes of an enumeration are uint8, uint16 or uint32 by its
    // size.
    virtual std::vector<Column> columns() const = 0;
    virtual std::size_t row_count() const = 0;  // for the optimizer; may be an estimate
    // `wanted` names the columns of the OutputChunk: indexes into columns().
    virtual Result<std::unique_ptr<Scan>> scan(std::vector<std::size_t> wanted) const = 0;
};

struct Parameter {
    std::string name;
    Kind kind = Kind::bigint;  // boolean, bigint, ubigint, double_ or varchar
};
using Arguments = std::map<std::string, Value>;  // only those that were given

struct TableFunction {
    std::string name;
    std::vector<Parameter> parameters;
    std::function<Result<std::shared_ptr<const TableSource>>(const Arguments&)> bind;
};

// Fills a table of the same connection, chunk by chunk. Not for several threads.
class Appender {
 public:
    static Result<Appender> open(Connection& connection, const std::string& table);
    OutputChunk chunk();
    Result<> append(std::size_t rows);  // what was written into chunk()
    Result<> close();                   // flushes; without it, what was appended is lost

 private:
    std::shared_ptr<void> connection_;
    std::shared_ptr<void> raw_;
    std::shared_ptr<_duckdb_data_chunk> chunk_;
};

}  // namespace mw::duckdb
