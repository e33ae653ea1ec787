#include "data/segments/sealed_columns.h"

#include <algorithm>

namespace mw::segments {
namespace {

using duckdb::Kind;
using duckdb::OutputChunk;
using Form = SealedColumn::Form;

constexpr SealedColumn point_table[] = {
    {"series", Kind::ubigint, Form::series},
    {"device_id", Kind::ubigint, Form::device_id},
    {"time", Kind::timestamp_ns, Form::time},
    {"device", Kind::varchar, Form::text, "", "", 0},
    {"signal", Kind::varchar, Form::text, "", "", 1},
    {"value", Kind::double_, Form::scaled, "m", "raw"},
    {"quality", Kind::utinyint, Form::byte, "quality"},
    {"unit", Kind::varchar, Form::text, "", "", 2},
    {"asset", Kind::varchar, Form::text, "", "", 3},
    {"site", Kind::varchar, Form::text, "", "", 4},
    {"text", Kind::varchar, Form::null},  // files that have some are left to DuckDB
    {"whole", Kind::bigint, Form::null},
};

constexpr SealedColumn rollup_table[] = {
    {"series", Kind::ubigint, Form::series},
    {"device_id", Kind::ubigint, Form::device_id},
    {"time", Kind::timestamp_ns, Form::time},
    {"device", Kind::varchar, Form::text, "", "", 0},
    {"signal", Kind::varchar, Form::text, "", "", 1},
    {"count", Kind::ubigint, Form::integer, "count"},
    {"good", Kind::ubigint, Form::integer, "good"},
    {"min", Kind::double_, Form::scaled, "min_m", "min_raw"},
    {"max", Kind::double_, Form::scaled, "max_m", "max_raw"},
    {"sum", Kind::double_, Form::scaled, "sum_m", "sum_raw"},
    {"first", Kind::double_, Form::scaled, "first_m", "first_raw"},
    {"last", Kind::double_, Form::scaled, "last_m", "last_raw"},
    {"first_time", Kind::timestamp_ns, Form::some_time, "first_time"},
    {"last_time", Kind::timestamp_ns, Form::some_time, "last_time"},
    {"unit", Kind::varchar, Form::text, "", "", 2},
    {"asset", Kind::varchar, Form::text, "", "", 3},
    {"site", Kind::varchar, Form::text, "", "", 4},
};

// Calls each(begin, end, value) for the runs that rows [begin, end) are in.
template <class F>
void runs_between(const RowRuns& runs, std::uint32_t begin, std::uint32_t end, F each) {
    for (std::size_t run = runs.find(begin); begin < end; ++run) {
        const std::uint32_t stop = std::min(end, runs.all()[run].end);
        each(begin, stop, runs.all()[run].value);
        begin = stop;
    }
}

// An INT64 column, required or not; rows without a value go to `missing`.
template <class F>
void optional_integers(const ColumnValues& column, std::uint32_t begin, std::uint32_t end,
                       std::int64_t* out, F missing) {
    const auto& present = column.page().present;
    if (!present) return column.integers(begin, end, out);
    runs_between(present->runs(), begin, end,
                 [&](std::uint32_t from, std::uint32_t to, std::uint32_t there) {
                     if (there == 0) return missing(from, to);
                     const std::uint32_t rank = present->rank(from);
                     column.integers(rank, rank + (to - from), out + (from - begin));
                 });
}

// Which rows have neither an integer nor a double is rare: only minutes without a good value.
void scaled_values(const GroupReader& reader, const SealedColumn& column, const RowPiece& piece,
                   OutputChunk& out, std::size_t at, std::size_t to) {
    const ColumnValues& scaled = reader[column.stored];
    const ColumnValues& raw = reader[column.raw];
    double* values = out.column<double>(at).data() + to;
    std::int64_t integers[duckdb::chunk_rows_max];
    const double divisor = piece.series->divisor;
    const auto divide = [&](const std::int64_t* from, std::uint32_t begin, std::uint32_t end) {
        double* into = values + (begin - piece.begin);
        for (std::uint32_t i = 0; i < end - begin; ++i)
            into[i] = static_cast<double>(from[i]) / divisor;
    };
    const auto raw_or_null = [&](std::uint32_t begin, std::uint32_t end) {
        runs_between(raw.page().present->runs(), begin, end,
                     [&](std::uint32_t from, std::uint32_t stop, std::uint32_t there) {
                         std::uint32_t rank = raw.page().present->rank(from);
                         for (std::uint32_t row = from; row < stop; ++row) {
                             if (there != 0)
                                 values[row - piece.begin] = raw.plain(rank++);
                             else
                                 out.set_null(at, to + row - piece.begin);
                         }
                     });
    };
    const Presence& present = *scaled.page().present;
    runs_between(present.runs(), piece.begin, piece.end,
                 [&](std::uint32_t begin, std::uint32_t end, std::uint32_t there) {
                     if (there == 0) return raw_or_null(begin, end);
                     const std::uint32_t rank = present.rank(begin);
                     if (const std::int64_t* flat = scaled.flat(rank))
                         return divide(flat, begin, end);
                     scaled.integers(rank, rank + (end - begin), integers);
                     divide(integers, begin, end);
                 });
}

void bytes_of_codes(const ColumnValues& column, const RowPiece& piece, std::uint8_t* out) {
    const Bytes& dictionary = column.page().dictionary;
    runs_between(column.page().codes, piece.begin, piece.end,
                 [&](std::uint32_t begin, std::uint32_t end, std::uint32_t code) {
                     std::fill_n(out + (begin - piece.begin), end - begin,
                                 dictionary[code * sizeof(std::int32_t)]);
                 });
}

// A damaged page must not be looked at beyond its dictionary.
Result<> check_codes(const ColumnValues& column, const char* name) {
    for (const RowRuns::Run& run : column.page().codes.all())
        if ((run.value + 1) * sizeof(std::int32_t) > column.page().dictionary.size())
            return Error{Errc::corrupt, std::string(name) + ": codes without an entry"};
    return {};
}

}  // namespace

std::span<const SealedColumn> sealed_columns(history::Table table) {
    if (table == history::Table::points) return point_table;
    return rollup_table;
}

Result<> SealedColumn::load(GroupReader& reader) const {
    if (*stored == '\0') return {};
    if (form == Form::byte) {
        TRY_VOID(reader.load(stored, Encoding::rle_dictionary));
        return check_codes(reader[stored], stored);
    }
    TRY_VOID(reader.load(stored, Encoding::delta_binary_packed));
    if (form != Form::scaled) return {};
    TRY_VOID(reader.load(raw, Encoding::plain));
    if (!reader[stored].page().present || !reader[raw].page().present)
        return Error{Errc::corrupt, std::string(stored) + ": it must be optional"};
    return {};
}

void SealedColumn::write(const GroupReader& reader, const RowPiece& piece, OutputChunk& out,
                         std::size_t at, std::size_t to) const {
    const std::uint32_t size = piece.size();
    switch (form) {
        case Form::series:
            std::fill_n(out.column<std::uint64_t>(at).begin() + to, size, piece.series->series);
            break;
        case Form::device_id:
            std::fill_n(out.column<std::uint64_t>(at).begin() + to, size, piece.series->device_id);
            break;
        case Form::text:
            out.fill_text(at, to, to + size, piece.directory->text(*piece.series, text));
            break;
        case Form::time:
            std::copy_n(piece.times + (piece.begin - piece.series->begin), size,
                        out.column<std::int64_t>(at).begin() + to);
            break;
        case Form::integer:
        case Form::some_time:
            optional_integers(reader[stored], piece.begin, piece.end,
                              out.column<std::int64_t>(at).data() + to,
                              [&](std::uint32_t from, std::uint32_t end) {
                                  for (; from < end; ++from)
                                      out.set_null(at, to + from - piece.begin);
                              });
            break;
        case Form::byte:
            bytes_of_codes(reader[stored], piece, out.column<std::uint8_t>(at).data() + to);
            break;
        case Form::null:
            for (std::size_t row = to; row < to + size; ++row) out.set_null(at, row);
            break;
        case Form::scaled:
            scaled_values(reader, *this, piece, out, at, to);
            break;
    }
}

}  // namespace mw::segments
