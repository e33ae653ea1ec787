#pragma once
// A recording in CSV. The separator (; , or tab) is taken from the header line. Errors name line
// and column.

#include <string_view>

#include "device/sources/recorded_table.h"

namespace mw::sources {

Result<RecordedTable> parse_csv(std::string_view text, const RecordingOptions& options);
Result<RecordedTable> read_csv(const std::string& path, const RecordingOptions& options);

}  // namespace mw::sources
