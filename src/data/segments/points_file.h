#pragma once
// Sorted points as a Parquet file (docs/formats/segment.md). What is constant in a series costs a
// run, not a row; times, values and quality pass once from the series to encoded pages.

#include <cstdint>
#include <string>

#include "data/history/history.h"
#include "data/segments/parquet_file.h"

namespace mw::segments {

// Rows of a group; a group ends before a series that would not fit, if it is at least half full.
inline constexpr std::size_t group_rows_max = 122'880;

// Makes `path`, which must not exist, and gives the number of rows. After an error there is no
// file. Memory: a row group and the longest series.
Result<std::uint64_t> write_points_file(files::Files& files, const std::string& path,
                                        history::SortedPoints& points, Compressor& zstd);

}  // namespace mw::segments
