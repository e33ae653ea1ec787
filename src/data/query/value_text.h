#pragma once
// Single values as text, appended to a buffer: the leaves of every result format. Pure.

#include <cstdint>
#include <string>

#include "data/duckdb/duckdb.h"

namespace mw::query {

void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);
void append_wide(std::string& out, duckdb::Int128 value, bool is_signed);
void append_double(std::string& out, double value);  // shortest round trip; nan, inf, -inf
void append_float(std::string& out, float value);
void append_decimal(std::string& out, duckdb::Int128 value, unsigned scale);
// Since 1970 in units of 10^-digits seconds; digits is 0, 3, 6 or 9. "2026-11-22T12:00:00.5Z"
void append_timestamp(std::string& out, std::int64_t units, unsigned digits);
void append_date(std::string& out, std::int32_t days);
void append_time_of_day(std::string& out, std::int64_t micros);
void append_interval(std::string& out, const duckdb::Interval& interval);  // ISO 8601: P1DT2H
void append_uuid(std::string& out, duckdb::Int128 value);

}  // namespace mw::query
