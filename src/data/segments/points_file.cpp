#include "data/segments/points_file.h"

namespace mw::segments {
namespace {

constexpr auto point_schema = with_names({
    {"time", PhysicalType::int64, ConvertedType::timestamp_ns},
    {"m", PhysicalType::int64, ConvertedType::int_64, true},
    {"d", PhysicalType::double_},
    {"raw", PhysicalType::double_, ConvertedType::none, true},
    {"quality", PhysicalType::int32, ConvertedType::uint_8},
});

constexpr auto boxed_point_schema = [] {
    constexpr std::size_t size = point_schema.size();
    std::array<ParquetColumn, size + 2> columns{};
    std::copy(point_schema.begin(), point_schema.end(), columns.begin());
    columns[size] = {"text", PhysicalType::byte_array, ConvertedType::utf8, true};
    columns[size + 1] = {"whole", PhysicalType::int64, ConvertedType::int_64, true};
    return columns;
}();

}  // namespace

std::span<const ParquetColumn> PointsFile::schema(bool boxed) {
    if (boxed) return boxed_point_schema;
    return point_schema;
}

Result<> PointsFile::add(const SeriesNames& names, const history::Columns& rows,
                         const ScaledSeries& scaled) {
    const std::size_t size = rows.size();
    const int exponent = std::max(scaled.exponent(), 0);
    for (std::size_t begin = 0; begin < size;) {
        if (rows_ >= group_rows_max / 2 && size - begin > group_rows_max - rows_)
            TRY_VOID(end_group());
        const std::size_t count = std::min(size - begin, group_rows_max - rows_);
        const bool first = names_.add(names, count);
        times_.add(nanoseconds_of(rows.times.subspan(begin, count)), first);
        if (boxed_) [[unlikely]]
            add_values(rows, scaled, begin, begin + count);
        else
            values_.add(scaled, rows.values, begin, begin + count);
        divisors_.add(static_cast<std::uint8_t>(exponent), power_of_ten[exponent], count);
        add_quality(rows.quality.subspan(begin, count));
        rows_ += count;
        begin += count;
    }
    return {};
}

void PointsFile::add_values(const history::Columns& rows, const ScaledSeries& scaled,
                            std::size_t begin, std::size_t end) {
    while (begin < end) {
        if (rows.boxes && is_box(rows.values[begin])) {
            add_boxed(*rows.boxes, rows.values[begin++]);
            continue;
        }
        std::size_t stop = rows.boxes ? begin + 1 : end;
        while (stop < end && !is_box(rows.values[stop])) ++stop;
        values_.add(scaled, rows.values, begin, stop);
        texts_.add_nulls(stop - begin);
        integers_.add_nulls(stop - begin);
        begin = stop;
    }
}

void PointsFile::add_boxed(const Boxes& boxes, double value) {
    values_.add_nulls(1);
    if (const auto text = boxes.text(value))
        texts_.add(*text);
    else
        texts_.add_nulls(1);
    if (const auto integer = boxes.integer(value))
        integers_.add(*integer);
    else
        integers_.add_nulls(1);
}

void PointsFile::add_quality(std::span<const Quality> quality) {
    for (std::size_t i = 0; i < quality.size();) {
        const std::uint8_t code = quality[i].code;
        std::size_t stop = i + 1;
        while (stop < quality.size() && quality[stop].code == code) ++stop;
        quality_.add(code, std::int32_t{code}, stop - i);
        i = stop;
    }
}

Result<> PointsFile::end_group() {
    names_.add_keys(file_);
    file_.add_chunk(times_.chunk());
    file_.add_chunk(values_.scaled_chunk());
    file_.add_chunk(divisors_.chunk());
    file_.add_chunk(values_.raw_chunk());
    file_.add_chunk(quality_.ranged_chunk());
    names_.add_texts(file_);
    if (boxed_) {
        file_.add_chunk(texts_.chunk());
        file_.add_chunk(integers_.chunk());
    }
    TRY_VOID(file_.end_row_group(static_cast<std::uint32_t>(rows_)));
    rows_total_ += rows_;
    clear();
    return {};
}

void PointsFile::clear() {
    rows_ = 0;
    names_.clear();
    times_.clear();
    values_.clear();
    divisors_.clear();
    quality_.clear();
    texts_.clear();
    integers_.clear();
}

Result<std::uint64_t> PointsFile::finish() {
    if (rows_ > 0) TRY_VOID(end_group());
    TRY_VOID(file_.finish(
        {{"format", "millwright.points"}, {"version", "1"}, {"writer", "millwright"}}));
    return rows_total_;
}

}  // namespace mw::segments
