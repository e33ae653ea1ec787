#pragma once
// The door to embedded DuckDB (C API 1.4): databases, results, table functions. Its handles and
// exceptions stay inside this folder. Owners and threads: see the three headers. No state of its
// own.

#include "data/duckdb/database.h"
#include "data/duckdb/table_function.h"
#include "data/duckdb/types.h"
