#pragma once
// UTC days and months, and the slices of 4 hours into which compaction cuts days. Pure. Numbers
// count from 1970, those of months from year 0, and may be negative; the outermost ones are cut to
// what a Timestamp can say.

#include <cstdint>
#include <string>

#include "data/history/segment.h"

namespace mw::history {

inline constexpr std::int64_t slices_per_day = 6;

std::int64_t day_of(Timestamp time);
std::int64_t slice_of(Timestamp time);
std::int64_t day_of_slice(std::int64_t slice);
Span span_of_day(std::int64_t day);
Span span_of_slice(std::int64_t slice);
std::int64_t month_of(Timestamp time);
Span span_of_month(std::int64_t month);

// "day=2026-11-22"
std::string day_folder(Timestamp time);

}  // namespace mw::history
