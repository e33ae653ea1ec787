#pragma once
// A recording in Parquet: one row a moment, one column a signal, as `millwright dataset export` and
// pandas write it. A column NAME:quality is the quality of NAME. Errors name the column.

#include "base/bytes.h"
#include "device/sources/recorded_table.h"

namespace mw::sources {

Result<RecordedTable> parse_parquet(ByteView bytes, const RecordingOptions& options);
Result<RecordedTable> read_parquet(const std::string& path, const RecordingOptions& options);

}  // namespace mw::sources
