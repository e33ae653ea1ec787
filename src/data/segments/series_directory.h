#pragma once
// Which rows of a row group belong to which series, and what these have in common. Immutable; any
// thread.

#include <cstdint>
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

    const std::vector<SeriesRows>& entries() const { return entries_; }
    // Device, signal, unit, asset, site.
    const std::vector<std::string>& texts(std::size_t which) const { return texts_[which]; }
    const std::string& text(const SeriesRows& rows, std::size_t which) const {
        return texts_[which][rows.texts[which]];
    }
    std::size_t bytes() const;

 private:
    std::vector<SeriesRows> entries_;
    std::vector<std::string> texts_[series_texts];
};

}  // namespace mw::segments
