#pragma once
// The file of a frozen dataset (docs/formats/dataset.md): CSV in one canonical form, so that the
// same rows give the same bytes and the same hash. Pure. Limits: 4 million cells, 1,000 signals.

#include <string>
#include <string_view>
#include <vector>

#include "insight/detectors/detectors.h"

namespace mw::datasets {

constexpr std::size_t cells_max = 4'000'000;  // rows x signals
constexpr std::size_t signals_max = 1000;
constexpr std::size_t splits_max = 20;

struct DeviceRows {
    std::string device;
    detectors::Recording recording;      // labels: one per row, 0 where nobody knows
    std::vector<std::uint8_t> labelled;  // per row, 1: its label is known
    // Per row the number of its split in Content::splits, from 1; 0: none. Without splits empty.
    std::vector<std::uint8_t> split{};
};

struct Content {
    std::vector<std::string> signals;  // the columns of every recording
    std::vector<DeviceRows> devices;   // by name
    std::vector<std::string> splits{};
    std::size_t quarantined = 0;  // bad points that were left out; not in the file

    std::size_t rows() const;
    std::size_t labelled_rows() const;
    std::size_t anomalous_rows() const;
};

// invalid_input: a name that has no place in a line of CSV (control characters), or too many cells.
Result<std::string> write_dataset(const Content& content);
// Only what write_dataset() gives is read. Errors name the line.
Result<Content> read_dataset(std::string_view text);

// Rows to be trained on: stretches without a row that is known to be anomalous. Windows never span
// two of them. With `split` only its rows; not_found: there is none of that name.
Result<std::vector<detectors::Recording>> normal_rows(const Content& content,
                                                      std::string_view split);
std::vector<detectors::Recording> normal_rows(const Content& content);
// Rows whose label is known, with it: for those who learn from labels. A split as above, or "".
Result<std::vector<detectors::Recording>> labelled_rows(const Content& content,
                                                        std::string_view split);

}  // namespace mw::datasets
