#include "data/segments/rollups_file.h"

#include <algorithm>

namespace mw::segments {
namespace {

constexpr auto scaled_type = ConvertedType::int_64;
constexpr auto no_type = ConvertedType::none;

constexpr auto rollup_schema = with_names({
    {"time", PhysicalType::int64, ConvertedType::timestamp_ns},
    {"count", PhysicalType::int64, ConvertedType::uint_64},
    {"good", PhysicalType::int64, ConvertedType::uint_64},
    {"d", PhysicalType::double_},
    {"min_m", PhysicalType::int64, scaled_type, true},
    {"min_raw", PhysicalType::double_, no_type, true},
    {"max_m", PhysicalType::int64, scaled_type, true},
    {"max_raw", PhysicalType::double_, no_type, true},
    {"sum_m", PhysicalType::int64, scaled_type, true},
    {"sum_raw", PhysicalType::double_, no_type, true},
    {"first_m", PhysicalType::int64, scaled_type, true},
    {"first_raw", PhysicalType::double_, no_type, true},
    {"last_m", PhysicalType::int64, scaled_type, true},
    {"last_raw", PhysicalType::double_, no_type, true},
    {"first_time", PhysicalType::int64, ConvertedType::timestamp_ns, true},
    {"last_time", PhysicalType::int64, ConvertedType::timestamp_ns, true},
});

}  // namespace

std::span<const ParquetColumn> RollupsFile::schema() { return rollup_schema; }

void RollupsFile::add(const history::Columns& rows, const ScaledSeries& scaled) {
    exponent_ = scaled.exponent();
    minutes_.add(rows, scaled);
}

Result<> RollupsFile::end_series(const SeriesNames& names) {
    minutes_.end_series();
    const MinuteColumns& rows = minutes_.closed();
    if (!rows.empty()) write(names, rows);
    minutes_.forget_closed();
    return rows_ < rollup_group_rows ? Result<>{} : end_group();
}

void RollupsFile::write(const SeriesNames& names, const MinuteColumns& rows) {
    const std::size_t count = rows.begin.size();
    const int exponent = std::max(exponent_, 0);
    const bool first_of_device = names_.add(names, count);
    times_.add(rows.begin, first_of_device);
    counts_.append(rows.count);
    goods_.append(rows.good);
    divisors_.add(static_cast<std::uint8_t>(exponent), power_of_ten[exponent], count);
    write_values(rows, first_of_device);
    rows_ += count;
}

void RollupsFile::write_values(const MinuteColumns& rows, bool first_of_device) {
    using Form = MinuteColumns::Form;
    for (const Form form : rows.form) {
        has_good_.add(form != Form::none, 1);
        has_scaled_.add(form == Form::scaled, 1);
        has_raw_.add(form == Form::raw, 1);
    }
    if (!rows.first_time.empty()) {
        first_times_.add(rows.first_time, first_of_device);
        last_times_.add(rows.last_time, first_of_device);
    }
    for (std::size_t i = 0; i < minute_values; ++i) {
        if (!rows.scaled[i].empty()) values_[i].scaled.append(rows.scaled[i]);
        values_[i].raw.insert(values_[i].raw.end(), rows.raw[i].begin(), rows.raw[i].end());
    }
}

void RollupsFile::add_values(Values& values) {
    ParquetChunk scaled;
    has_scaled_.describe(scaled);
    scaled.values = values.scaled.finish();
    if (!scaled.values.empty()) scaled.encoding = Encoding::delta_binary_packed;
    file_.add_chunk(scaled);
    ParquetChunk raw;
    has_raw_.describe(raw);
    raw.values = plain_bytes(values.raw);
    file_.add_chunk(raw);
}

Result<> RollupsFile::end_group() {
    const auto rows = static_cast<std::uint32_t>(rows_);
    const auto plain_deltas = [&](DeltaEncoder& column) {
        file_.add_chunk(
            {.values = column.finish(), .encoding = Encoding::delta_binary_packed, .rows = rows});
    };
    const auto good_times = [&](TimeColumn& column) {
        ParquetChunk chunk = column.chunk();
        chunk.range.reset();
        has_good_.describe(chunk);
        file_.add_chunk(chunk);
    };
    names_.add_keys(file_);
    file_.add_chunk(times_.chunk());
    plain_deltas(counts_);
    plain_deltas(goods_);
    file_.add_chunk(divisors_.chunk());
    for (Values& values : values_) add_values(values);
    good_times(first_times_);
    good_times(last_times_);
    names_.add_texts(file_);
    TRY_VOID(file_.end_row_group(rows));
    rows_total_ += rows_;
    clear();
    return {};
}

void RollupsFile::clear() {
    rows_ = 0;
    names_.clear();
    for (TimeColumn* column : {&times_, &first_times_, &last_times_}) column->clear();
    counts_.clear();
    goods_.clear();
    divisors_.clear();
    for (Levels* levels : {&has_good_, &has_scaled_, &has_raw_}) levels->clear();
    for (Values& values : values_) {
        values.scaled.clear();
        values.raw.clear();
    }
}

Result<std::uint64_t> RollupsFile::finish() {
    if (rows_ > 0) TRY_VOID(end_group());
    TRY_VOID(file_.finish(
        {{"format", "millwright.rollups"}, {"version", "2"}, {"writer", "millwright"}}));
    return rows_total_;
}

}  // namespace mw::segments
