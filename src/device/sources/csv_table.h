#pragma once
// A recording in CSV: one time column, numbers in the others. Read whole at open (limit 256 MB):
// a replay needs random access to go on after a restart and to look back.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mw::sources {

struct CsvOptions {
    std::string time_column;           // empty: the first column
    std::vector<std::string> columns;  // empty: all but the time column
};

struct CsvTable {
    std::vector<std::string> columns;
    std::vector<Timestamp> times;
    std::vector<double> values;  // row-major; NaN where the cell is empty

    std::size_t rows() const { return times.size(); }
    double at(std::size_t row, std::size_t column) const {
        return values[row * columns.size() + column];
    }
};

// The separator (; , or tab) is taken from the header line. Errors name line and column.
Result<CsvTable> parse_csv(std::string_view text, const CsvOptions& options);
Result<CsvTable> read_csv(const std::string& path, const CsvOptions& options);

}  // namespace mw::sources
