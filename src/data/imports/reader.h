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
    struct Device {
        std::vector<Rows> columns;                                    // as signals_
        std::map<std::pair<std::string, std::string>, Rows> by_name;  // signal, unit
    };

    Reader(Plan plan, duckdb::Database database, duckdb::Connection connection, duckdb::Rows rows);
    Result<bool> next_chunk();
    void take_row(std::size_t row);
    Device& device_of(std::string_view name);
    static void add(std::vector<Batch>& all, const std::string& device, const std::string& signal,
                    const std::string& unit, const Rows& rows);
    std::vector<Batch> batches();

    Plan plan_;
    std::vector<std::string> signals_;  // of the columns behind the fixed ones
    duckdb::Database database_;
    duckdb::Connection connection_;
    duckdb::Rows source_;
    duckdb::Chunk chunk_;                // of it,
    std::vector<duckdb::Vector> cells_;  // its columns,
    std::size_t row_ = 0;                // and the row that comes next
    std::map<std::string, Device, std::less<>> devices_;
    std::pair<const std::string, Device>* latest_ = nullptr;  // of them
    std::size_t points_ = 0;
    std::uint64_t rows_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace mw::imports
