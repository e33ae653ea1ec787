#include "data/query/result_text.h"

#include <cmath>

#include "base/bytes.h"
#include "base/sql_text.h"
#include "data/query/value_text.h"

namespace mw::query {

using duckdb::Int128;
using duckdb::Kind;
using duckdb::Vector;

namespace {

Int128 widened(std::int64_t value) {
    return {static_cast<std::uint64_t>(value), value < 0 ? -1 : 0};
}

Int128 decimal_at(const Vector& vector, std::size_t row) {
    // DuckDB stores decimals in the smallest integer that holds their width.
    const unsigned width = vector.type().width;
    if (width <= 4) return widened(vector.data<std::int16_t>()[row]);
    if (width <= 9) return widened(vector.data<std::int32_t>()[row]);
    if (width <= 18) return widened(vector.data<std::int64_t>()[row]);
    return vector.data<Int128>()[row];
}

std::string_view enumeration_at(const Vector& vector, std::size_t row) {
    const auto& names = vector.type().names;
    if (names.size() <= 0xff) return names[vector.data<std::uint8_t>()[row]];
    if (names.size() <= 0xffff) return names[vector.data<std::uint16_t>()[row]];
    return names[vector.data<std::uint32_t>()[row]];
}

// Numbers and booleans, which need no quotes. False: it is none of them.
bool append_bare(std::string& out, const Vector& vector, std::size_t row) {
    switch (vector.type().kind) {
        case Kind::boolean:
            out += vector.data<bool>()[row] ? "true" : "false";
            return true;
        case Kind::tinyint:
            append_integer(out, vector.data<std::int8_t>()[row]);
            return true;
        case Kind::smallint:
            append_integer(out, vector.data<std::int16_t>()[row]);
            return true;
        case Kind::integer:
            append_integer(out, vector.data<std::int32_t>()[row]);
            return true;
        case Kind::bigint:
            append_integer(out, vector.data<std::int64_t>()[row]);
            return true;
        case Kind::utinyint:
            append_unsigned(out, vector.data<std::uint8_t>()[row]);
            return true;
        case Kind::usmallint:
            append_unsigned(out, vector.data<std::uint16_t>()[row]);
            return true;
        case Kind::uinteger:
            append_unsigned(out, vector.data<std::uint32_t>()[row]);
            return true;
        case Kind::ubigint:
            append_unsigned(out, vector.data<std::uint64_t>()[row]);
            return true;
        case Kind::hugeint:
            append_wide(out, vector.data<Int128>()[row], true);
            return true;
        case Kind::uhugeint:
            append_wide(out, vector.data<Int128>()[row], false);
            return true;
        case Kind::real:
            append_float(out, vector.data<float>()[row]);
            return true;
        case Kind::double_:
            append_double(out, vector.data<double>()[row]);
            return true;
        case Kind::decimal:
            append_decimal(out, decimal_at(vector, row), vector.type().scale);
            return true;
        default:
            return false;
    }
}

// Times and the like: text without anything to escape. False: it is none of them.
bool append_plain(std::string& out, const Vector& vector, std::size_t row) {
    switch (vector.type().kind) {
        case Kind::date:
            append_date(out, vector.data<std::int32_t>()[row]);
            return true;
        case Kind::time:
            append_time_of_day(out, vector.data<std::int64_t>()[row]);
            return true;
        case Kind::timestamp_s:
            append_timestamp(out, vector.data<std::int64_t>()[row], 0);
            break;
        case Kind::timestamp_ms:
            append_timestamp(out, vector.data<std::int64_t>()[row], 3);
            break;
        case Kind::timestamp_us:
        case Kind::timestamp_tz:
            append_timestamp(out, vector.data<std::int64_t>()[row], 6);
            break;
        case Kind::timestamp_ns:
            append_timestamp(out, vector.data<std::int64_t>()[row], 9);
            break;
        case Kind::interval:
            append_interval(out, vector.data<duckdb::Interval>()[row]);
            break;
        case Kind::uuid:
            append_uuid(out, vector.data<Int128>()[row]);
            break;
        case Kind::blob:
            out += to_base64(bytes_of(vector.text(row)));
            break;
        default:
            return false;
    }
    return true;
}

bool is_finite(const Vector& vector, std::size_t row) {
    if (vector.type().kind == Kind::double_) return std::isfinite(vector.data<double>()[row]);
    if (vector.type().kind == Kind::real) return std::isfinite(vector.data<float>()[row]);
    return true;
}

void append_list(std::string& out, const Vector& vector, std::uint64_t offset,
                 std::uint64_t length) {
    const Vector child = vector.child(0);
    out += '[';
    for (std::uint64_t i = 0; i < length; ++i) {
        if (i > 0) out += ',';
        append_json(out, child, offset + i);
    }
    out += ']';
}

void append_struct(std::string& out, const Vector& vector, std::size_t row) {
    const auto& names = vector.type().names;
    out += '{';
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) out += ',';
        append_json_text(out, names[i]);
        out += ':';
        append_json(out, vector.child(i), row);
    }
    out += '}';
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += hex[c >> 4 & 15];
            out += hex[c & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_json(std::string& out, const Vector& vector, std::size_t row) {
    if (!vector.valid(row) || !is_finite(vector, row)) {
        out += "null";
        return;
    }
    if (append_bare(out, vector, row)) return;
    switch (vector.type().kind) {
        case Kind::varchar:
            return append_json_text(out, vector.text(row));
        case Kind::enumeration:
            return append_json_text(out, enumeration_at(vector, row));
        case Kind::structure:
            return append_struct(out, vector, row);
        case Kind::array: {
            const std::uint64_t size = vector.type().size;
            return append_list(out, vector, row * size, size);
        }
        case Kind::list:
        case Kind::map: {
            const auto entry = vector.data<duckdb::ListEntry>()[row];
            return append_list(out, vector, entry.offset, entry.length);
        }
        default:
            break;
    }
    out += '"';
    const std::size_t before = out.size();
    if (append_plain(out, vector, row)) {
        out += '"';
    } else {
        out.resize(before - 1);
        out += "null";
    }
}

ResultText::ResultText(ResultFormat format, const std::vector<duckdb::Column>& columns)
    : format_(format), columns_(columns) {
    if (format == ResultFormat::json) {
        out_ = "{\"columns\":[";
        for (const duckdb::Column& column : columns) {
            if (out_.back() == '}') out_ += ',';
            out_ += "{\"name\":";
            append_json_text(out_, column.name);
            out_ += ",\"type\":";
            append_json_text(out_, column.type.text());
            out_ += '}';
        }
        out_ += "],\"rows\":[";
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
        std::string& key = keys_.emplace_back();
        append_json_text(key, columns[i].name);
        key += ':';
        if (format != ResultFormat::csv) continue;
        if (i > 0) out_ += ',';
        out_ += columns[i].name.find_first_of(",\"\r\n") == std::string::npos
                    ? columns[i].name
                    : sql_name(columns[i].name);
    }
    if (format == ResultFormat::csv) out_ += "\r\n";
}

void ResultText::add(const duckdb::Chunk& chunk, std::size_t rows) {
    std::vector<Vector> vectors;
    for (std::size_t i = 0; i < columns_.size(); ++i) vectors.push_back(chunk.column(i));
    for (std::size_t i = 0; i < rows; ++i) row(vectors, i);
}

void ResultText::row(const std::vector<Vector>& vectors, std::size_t row) {
    if (format_ == ResultFormat::csv) {
        for (std::size_t i = 0; i < vectors.size(); ++i) {
            if (i > 0) out_ += ',';
            csv_value(vectors[i], row);
        }
        out_ += "\r\n";
        return;
    }
    const bool lines = format_ == ResultFormat::ndjson;
    if (!lines && !first_row_) out_ += ',';
    first_row_ = false;
    out_ += lines ? '{' : '[';
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        if (i > 0) out_ += ',';
        if (lines) out_ += keys_[i];
        append_json(out_, vectors[i], row);
    }
    out_ += lines ? "}\n" : "]";
}

// RFC 4180. NULL is an empty field, an empty text is "".
void ResultText::csv_value(const Vector& vector, std::size_t row) {
    if (!vector.valid(row)) return;
    if (append_bare(out_, vector, row) || append_plain(out_, vector, row)) return;
    std::string text;
    if (vector.type().kind == Kind::varchar)
        text = vector.text(row);
    else if (vector.type().kind == Kind::enumeration)
        text = enumeration_at(vector, row);
    else
        append_json(text, vector, row);
    const bool bare = !text.empty() && text.find_first_of(",\"\r\n") == std::string::npos;
    out_ += bare ? text : sql_name(text);
}

std::string ResultText::finish(bool truncated) {
    if (format_ == ResultFormat::json) {
        out_ += "],\"truncated\":";
        out_ += truncated ? "true}" : "false}";
    }
    return std::move(out_);
}

std::string_view ResultText::content_type(ResultFormat format) {
    switch (format) {
        case ResultFormat::json:
            return "application/json";
        case ResultFormat::ndjson:
            return "application/x-ndjson";
        case ResultFormat::csv:
            return "text/csv; charset=utf-8; header=present";
        case ResultFormat::parquet:
            return "application/vnd.apache.parquet";
    }
    return "application/octet-stream";
}

}  // namespace mw::query
