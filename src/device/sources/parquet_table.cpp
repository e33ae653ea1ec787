#include "device/sources/parquet_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "protocols/parquet/parquet.h"

namespace mw::sources {
namespace {

using parquet::Leaf;
using parquet::Meaning;
using parquet::Physical;
using parquet::TableFile;

constexpr std::size_t recorded_cells_max = std::size_t{32} << 20;  // 256 MB of numbers
constexpr std::string_view quality_ending = ":quality";
constexpr std::size_t left_out = std::numeric_limits<std::size_t>::max();

Error bad_recording(std::string why) { return Error{Errc::invalid_input, std::move(why)}; }

bool is_time(const Leaf& leaf) {
    return leaf.type == Physical::int64 && leaf.meaning >= Meaning::time_ms &&
           leaf.meaning <= Meaning::time_ns;
}

bool is_number(const Leaf& leaf) {
    return !leaf.nested && leaf.type != Physical::int96 && leaf.type < Physical::byte_array &&
           !is_time(leaf) && leaf.meaning != Meaning::other;
}

std::int64_t unit_of(const Leaf& leaf, std::int64_t of_numbers) {
    if (!is_time(leaf)) return of_numbers;
    return leaf.meaning == Meaning::time_ms   ? 1'000'000
           : leaf.meaning == Meaning::time_us ? 1'000
                                              : 1;
}

// What of the file becomes a table.
class Reading {
 public:
    Reading(const TableFile& file, const RecordingOptions& options)
        : file_(file), options_(options) {}

    Result<RecordedTable> read() {
        TRY_VOID(choose());
        TRY_VOID(read_devices());
        TRY_VOID(read_times());
        const std::size_t cells = table_.rows() * table_.columns.size();
        if (cells > recorded_cells_max)
            return bad_recording("it has more than 33 million values; say which 'columns' count");
        table_.values.assign(cells, std::numeric_limits<double>::quiet_NaN());
        for (std::size_t i = 0; i < values_.size(); ++i) TRY_VOID(read_values(i));
        return std::move(table_);
    }

 private:
    Result<std::size_t> find(const std::string& name) const {
        if (const auto found = file_.find(name)) return *found;
        std::string known;
        for (const Leaf& leaf : file_.columns())
            if (!leaf.nested && known.size() < 500)
                known += (known.empty() ? "" : ", ") + leaf.name;
        return bad_recording("no column '" + name + "'; there are: " + known);
    }

    Result<> choose() {
        const auto& columns = file_.columns();
        if (!options_.time_column.empty()) {
            TRY(time_, find(options_.time_column));
        } else {
            const auto first = std::ranges::find_if(
                columns, [](const Leaf& leaf) { return !leaf.nested && is_time(leaf); });
            if (first == columns.end())
                return bad_recording("no column is a TIMESTAMP; say which is the 'time_column'");
            time_ = static_cast<std::size_t>(first - columns.begin());
        }
        if (!options_.columns.empty()) {
            for (const std::string& name : options_.columns) {
                TRY(const std::size_t column, find(name));
                if (!is_number(columns[column]))
                    return bad_recording("column '" + name + "' has no numbers");
                values_.push_back(column);
            }
        } else {
            for (std::size_t i = 0; i < columns.size(); ++i)
                if (i != time_ && is_number(columns[i]) && !is_beside(columns[i].name))
                    values_.push_back(i);
        }
        if (values_.empty()) return bad_recording("it has no column of numbers beside the time");
        if (values_.size() > recording_columns_max)
            return bad_recording("it has more than 4096 columns; say which 'columns' count");
        for (const std::size_t column : values_) table_.columns.push_back(columns[column].name);
        return {};
    }
    // Of a frozen dataset the label is no signal; a quality is part of its signal.
    bool is_beside(const std::string& name) const {
        if (name == "label" && file_.key_value("format") == "millwright.dataset") return true;
        return name.ends_with(quality_ending) &&
               file_.find(name.substr(0, name.size() - quality_ending.size()));
    }

    // Which rows count: the place in the table by the row of the file.
    Result<> read_devices() {
        place_.assign(file_.rows(), options_.device.empty() ? 0 : left_out);
        if (!options_.device.empty()) {
            TRY(const std::size_t column, find("device"));
            TRY_VOID(file_.read(column, [&](const TableFile::Cell& cell) -> Result<> {
                if (cell.text == options_.device) place_[cell.row] = 0;
                return {};
            }));
        }
        std::size_t next = 0;
        for (std::size_t& place : place_)
            if (place != left_out) place = next++;
        if (next > 0) {
            table_.times.resize(next);
            return {};
        }
        return bad_recording(options_.device.empty()
                                 ? "it has no rows"
                                 : "no row is of device '" + options_.device + "'");
    }

    Result<> read_times() {
        const Leaf& leaf = file_.columns()[time_];
        const std::int64_t unit = unit_of(leaf, options_.time_unit_ns);
        std::int64_t before = std::numeric_limits<std::int64_t>::min();
        return file_.read(time_, [&](const TableFile::Cell& cell) -> Result<> {
            const std::size_t place = place_[cell.row];
            if (place == left_out) return {};
            std::int64_t ns = 0;
            if (!time_of(cell, unit, ns))
                return bad_recording("row " + std::to_string(cell.row + 1) +
                                     ": it is no time between 1824 and 2116");
            if (ns < before)
                return bad_recording("row " + std::to_string(cell.row + 1) +
                                     ": time goes back; sort by it, or say which 'device'");
            table_.times[place] = {before = ns};
            return {};
        });
    }
    static bool time_of(const TableFile::Cell& cell, std::int64_t unit, std::int64_t& ns) {
        constexpr std::int64_t limit = std::int64_t{1} << 62;  // as everywhere: 146 years from 1970
        if (cell.integer)
            return !__builtin_mul_overflow(*cell.integer, unit, &ns) && ns < limit && ns > -limit;
        if (!cell.number) return false;
        const double exact = std::round(*cell.number * static_cast<double>(unit));
        if (!(std::abs(exact) < static_cast<double>(limit))) return false;
        ns = static_cast<std::int64_t>(exact);
        return true;
    }

    Result<> read_values(std::size_t column) {
        const std::size_t width = values_.size();
        TRY_VOID(file_.read(values_[column], [&](const TableFile::Cell& cell) -> Result<> {
            const std::size_t place = place_[cell.row];
            if (place != left_out && cell.number)
                table_.values[place * width + column] = *cell.number;
            return {};
        }));
        const auto quality = file_.find(table_.columns[column] + std::string(quality_ending));
        if (!quality || !is_number(file_.columns()[*quality])) return {};
        table_.quality.resize(table_.values.size(), Quality::good());
        return file_.read(*quality, [&](const TableFile::Cell& cell) -> Result<> {
            const std::size_t place = place_[cell.row];
            if (place != left_out && cell.integer)
                table_.quality[place * width + column] = {static_cast<std::uint8_t>(*cell.integer)};
            return {};
        });
    }

    const TableFile& file_;
    const RecordingOptions& options_;
    std::size_t time_ = 0;
    std::vector<std::size_t> values_;  // columns of the file
    std::vector<std::size_t> place_;
    RecordedTable table_;
};

}  // namespace

Result<RecordedTable> parse_parquet(ByteView bytes, const RecordingOptions& options) {
    TRY(const TableFile file, TableFile::open(bytes));
    return Reading(file, options).read();
}

Result<RecordedTable> read_parquet(const std::string& path, const RecordingOptions& options) {
    TRY(const std::string content, read_recording(path));
    return parse_parquet(bytes_of(content), options).context("reading '" + path + "'");
}

}  // namespace mw::sources
