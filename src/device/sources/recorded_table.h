#pragma once
// A recording: a time column and numbers. Read whole at open (limit 256 MB): a replay needs random
// access to go on after a restart and to look back.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/quality.h"

namespace mw::sources {

constexpr std::size_t recording_columns_max = 4096;

struct RecordingOptions {
    std::string time_column = {};  // empty: the first column; of Parquet the first timestamp
    std::vector<std::string> columns = {};  // empty: all but the time column
    // Of Parquet only:
    std::int64_t time_unit_ns = 1;  // of a time that is a number
    std::string device = {};        // only rows whose column `device` says this; empty: all
};

struct RecordedTable {
    std::vector<std::string> columns;
    std::vector<Timestamp> times;
    std::vector<double> values;    // row-major; NaN where there is no value
    std::vector<Quality> quality;  // as values; empty: all are good

    std::size_t rows() const { return times.size(); }
    double at(std::size_t row, std::size_t column) const {
        return values[row * columns.size() + column];
    }
    Quality quality_at(std::size_t row, std::size_t column) const {
        return quality.empty() ? Quality::good() : quality[row * columns.size() + column];
    }
};

// Its bytes; not_found, or invalid_input where it is too large.
Result<std::string> read_recording(const std::string& path);

}  // namespace mw::sources
