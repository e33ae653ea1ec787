#pragma once
// Inside imports: a DuckDB that sees the folder of one file and nothing else.

#include <string>

#include "data/duckdb/duckdb.h"

namespace mw::imports {

Result<std::string> full_path(const std::string& path);  // not_found
Result<duckdb::Database> open_beside(const std::string& full_path);

}  // namespace mw::imports
