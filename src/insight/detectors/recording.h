#pragma once
// Recording: rows of one device, with labels where somebody knows better. Plain data.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "insight/features/features.h"

namespace mw::detectors {

// One uninterrupted recording of one device. Windows never span two recordings.
struct Recording {
    std::vector<std::string> signals;  // the columns
    std::vector<Timestamp> times;      // ascending
    std::vector<double> values;        // row by row; NaN: missing
    std::vector<Quality> quality;      // row by row; empty: all good
    std::vector<std::uint8_t> labels;  // per row, 1: anomalous; empty: unlabelled

    std::size_t rows() const { return times.size(); }
    std::size_t width() const { return signals.size(); }
    // Rows [from, to).
    Recording part(std::size_t from, std::size_t to) const;
};

// Picks some signals of a recording, in the order wanted: what an aligner does on the edge.
class RowReader {
 public:
    static Result<RowReader> open(const Recording& recording,
                                  const std::vector<std::string>& signals);
    // The view holds until the next call.
    features::Row at(std::size_t row);

 private:
    explicit RowReader(const Recording& recording) : recording_(&recording) {}

    const Recording* recording_;
    std::vector<std::size_t> columns_;
    std::vector<double> values_;
    std::vector<Quality> quality_;
};

struct CsvOptions {
    char separator = ',';
    std::string time = "time";  // ISO 8601 or integer nanoseconds since 1970
    std::string label = {};     // this column holds labels; other than 0 is anomalous
    std::vector<std::string> ignore = {};
};

// Errors name line and column. An empty field is a missing value. At most 4 million values.
Result<Recording> read_csv(std::string_view text, const CsvOptions& options);

}  // namespace mw::detectors
