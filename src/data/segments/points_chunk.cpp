#include "data/segments/points_chunk.h"

#include <algorithm>

namespace mw::segments {

using duckdb::chunk_rows_max;
using duckdb::Kind;

namespace {

enum Column : std::size_t { series, device_key, time, m, d, raw, quality, first_text };
constexpr std::size_t absent = ~std::size_t{0};

}  // namespace

std::vector<duckdb::Column> point_file_columns(const PointDictionaries& dictionaries) {
    std::vector<duckdb::Column> columns{
        {"series", {.kind = Kind::ubigint}},    {"device_id", {.kind = Kind::ubigint}},
        {"time", {.kind = Kind::timestamp_ns}}, {"m", {.kind = Kind::bigint}},
        {"d", {.kind = Kind::double_}},         {"raw", {.kind = Kind::double_}},
        {"quality", {.kind = Kind::utinyint}}};
    const char* names[] = {"device", "signal", "unit", "asset", "site"};
    for (std::size_t i = 0; i < point_texts; ++i) {
        columns.push_back(
            {names[i], {.kind = Kind::enumeration, .names = dictionaries[i].texts()}});
    }
    return columns;
}

PointsChunk::PointsChunk(const PointDictionaries& dictionaries,
                         const std::vector<std::size_t>& wanted)
    : dictionaries_(dictionaries) {
    std::fill(std::begin(at_), std::end(at_), absent);
    for (std::size_t i = 0; i < wanted.size(); ++i) at_[wanted[i]] = i;
}

void PointsChunk::begin() { std::fill(std::begin(scaled_), std::end(scaled_), 0); }

void PointsChunk::write(duckdb::OutputChunk& out, std::size_t to, const RunKeys& keys,
                        const history::Columns& rows) {
    const std::size_t count = rows.size();
    auto constant = [&]<class T>(std::size_t column, T value) {
        if (at_[column] == absent) return;
        std::fill_n(out.column<T>(at_[column]).begin() + to, count, value);
    };
    constant(series, keys.series);
    constant(device_key, keys.device_key);
    for (std::size_t i = 0; i < point_texts; ++i) {
        const std::size_t size = dictionaries_[i].texts().size();
        const std::uint32_t code = keys.texts[i];
        // DuckDB keeps enumeration codes in the smallest type that holds the count.
        if (size <= 0xff)
            constant(first_text + i, static_cast<std::uint8_t>(code));
        else if (size <= 0xffff)
            constant(first_text + i, static_cast<std::uint16_t>(code));
        else
            constant(first_text + i, code);
    }
    if (at_[time] != absent) {
        std::transform(rows.times.begin(), rows.times.end(),
                       out.column<std::int64_t>(at_[time]).begin() + to,
                       [](Timestamp t) { return t.ns; });
    }
    if (at_[quality] != absent) {
        std::transform(rows.quality.begin(), rows.quality.end(),
                       out.column<std::uint8_t>(at_[quality]).begin() + to,
                       [](Quality q) { return q.code; });
    }
    write_values(out, to, keys.exponent, rows.values);
}

void PointsChunk::write_values(duckdb::OutputChunk& out, std::size_t to, int exponent,
                               std::span<const double> values) {
    if (at_[m] == absent || at_[d] == absent || at_[raw] == absent) return;
    auto integers = out.column<std::int64_t>(at_[m]);
    auto divisors = out.column<double>(at_[d]);
    auto doubles = out.column<double>(at_[raw]);
    const double divisor = exponent < 0 ? 1.0 : power_of_ten[exponent];
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double value = values[i];
        std::int64_t integer = 0;
        // Zero is an integer even in a raw series: +0.0 and -0.0 never meet in one column,
        // where a Parquet dictionary would take them for equal.
        const bool exact = (exponent >= 0 || value == 0) && scale(value, divisor, integer);
        integers[to + i] = integer;
        divisors[to + i] = divisor;
        doubles[to + i] = value;
        scaled_[(to + i) / 64] |= std::uint64_t{exact} << ((to + i) % 64);
    }
}

void PointsChunk::finish(duckdb::OutputChunk& out) const {
    if (at_[m] != absent) out.set_validity(at_[m], scaled_);
    std::uint64_t unscaled[chunk_rows_max / 64];
    std::transform(std::begin(scaled_), std::end(scaled_), unscaled,
                   [](std::uint64_t word) { return ~word; });
    if (at_[raw] != absent) out.set_validity(at_[raw], unscaled);
}

}  // namespace mw::segments
