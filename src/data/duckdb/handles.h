#pragma once
// Deleters for the raw handles, for this folder only.

#include <duckdb.h>

#include <memory>
#include <type_traits>

#include "base/result.h"
#include "data/duckdb/types.h"

namespace mw::duckdb {

struct DestroyLogicalType {
    void operator()(duckdb_logical_type raw) const { duckdb_destroy_logical_type(&raw); }
};
using LogicalType = std::unique_ptr<_duckdb_logical_type, DestroyLogicalType>;

struct DestroyValue {
    void operator()(duckdb_value raw) const { duckdb_destroy_value(&raw); }
};
using OwnedValue = std::unique_ptr<_duckdb_value, DestroyValue>;

struct DestroyChunk {
    void operator()(duckdb_data_chunk raw) const { duckdb_destroy_data_chunk(&raw); }
};

LogicalType logical_type(const Type& type);  // scalars and enumerations
Type described(duckdb_logical_type raw);

// An error of ours as a message that error_from() knows again, whatever DuckDB writes before it.
std::string through_duckdb(const Error& error);
// DuckDB's message as our error: its class ("Out of Memory Error: ...") picks the code.
Error error_from(const char* message);

}  // namespace mw::duckdb
