#pragma once
// Which rows of a row group belong to which series, and what these have in common. Immutable; any
// thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/segments/column_page.h"
#include "data/segments/point_columns.h"

namespace mw::segments {

// Rows that share series, divisor and names: usually all of a series.
struct SeriesRows {
    std::uint32_t begin = 0, end = 0;
    std::uint32_t texts[series_texts] = {};  // numbers in the directory's texts
    std::uint64_t series = 0;
    std::uint64_t device_id = 0;
    double divisor = 1;
};

class SeriesDirectory {
 public:
    // Pages of the columns series, device_id, d and the five names.
    struct Pages {
        ColumnPage series, device_id, divisor;
        ColumnPage texts[series_texts];
    };
    // corrupt: codes without an entry, dictionaries that end early.
    static Result<SeriesDirectory> make(const Pages& pages);

    // Names that are asked for, sorted, each once; nullopt: all.
    using Names = std::optional<std::vector<std::string>>;
    // In the order of rows. Few of many devices cost what they are, as files are sorted by device.
    std::vector<SeriesRows> choose(const Names& devices, const Names& signals) const;
    // Device, signal, unit, asset, site.
    const std::vector<std::string>& texts(std::size_t which) const { return texts_[which]; }
    const std::string& text(const SeriesRows& rows, std::size_t which) const {
        return texts_[which][rows.texts[which]];
    }
    std::size_t bytes() const;

 private:
    // 40 bytes instead of 64: all directories of a history should fit into what is kept.
    struct Entry {
        std::uint32_t begin = 0;  // its end is the next one's begin
        std::uint32_t texts[series_texts] = {};
        std::uint32_t device_id = 0;  // numbers in the dictionaries below
        std::uint32_t divisor = 0;
        std::uint64_t series = 0;
    };
    SeriesRows rows_of(std::size_t entry) const;
    void index_devices();
    void choose_between(std::size_t first, std::size_t end, const std::vector<bool>& devices,
                        const std::vector<bool>& signals, std::vector<SeriesRows>& out) const;

    std::vector<Entry> entries_;  // and one behind the last
    std::vector<std::uint64_t> device_ids_;
    std::vector<double> divisors_;
    std::vector<std::string> texts_[series_texts];
    std::vector<std::uint32_t> first_of_device_;  // entry, by device; empty: not sorted by device
};

}  // namespace mw::segments
