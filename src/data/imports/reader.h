#pragma once
// The rows of a planned file as batches.

#include <map>
#include <optional>

#include "data/duckdb/duckdb.h"
#include "data/imports/plan.h"
#include "domain/point.h"

namespace mw::imports {

class Reader {
 public:
    static Result<Reader> open(Plan plan);

    // The next batches, marked as replayed, each with one device's points in the order of the file;
    // none at the end. Cells without a value are no points; rows without a time are counted.
    Result<std::vector<Batch>> next();

    std::uint64_t rows() const { return rows_; }          // read so far
    std::uint64_t left_out() const { return left_out_; }  // without time, device or name

 private:
    struct Rows {
        std::vector<Timestamp> times;
        std::vector<double> values;
        std::vector<Quality> quality;
    };
    using Signals = std::map<std::pair<std::string, std::string>, Rows>;  // by signal and unit

    Reader(Plan plan, duckdb::Database database, duckdb::Connection connection, duckdb::Rows rows);
    void take_row(const duckdb::Chunk& chunk, std::size_t row);
    std::vector<Batch> batches();

    Plan plan_;
    std::vector<std::string> signals_;  // of the columns behind the fixed ones
    duckdb::Database database_;
    duckdb::Connection connection_;
    duckdb::Rows source_;
    duckdb::Chunk chunk_;  // of it, and the row in it that comes next
    std::size_t row_ = 0;
    std::map<std::string, Signals> devices_;
    std::size_t points_ = 0;
    std::uint64_t rows_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace mw::imports
