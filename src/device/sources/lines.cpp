#include "device/sources/lines.h"

#include <algorithm>
#include <array>

#include "device/sources/gathering.h"
#include "device/sources/scalar.h"
#include "protocols/payload/payload.h"

namespace mw::sources {
namespace {

constexpr std::size_t columns_most = 1'000;

Error bad_format(const std::string& place, const std::string& what) {
    return Error{Errc::invalid_input, place + ": " + what};
}

Result<std::map<std::string, std::string>> names_by_name(const Json& csv, const char* key) {
    std::map<std::string, std::string> names;
    const Json* part = find(csv, key);
    if (!part) return names;
    const std::string place = std::string("csv.") + key;
    if (!part->is_object()) return bad_format(place, "want an object of texts");
    for (const auto& [name, text] : part->get_object()) {
        if (!text.is_string()) return bad_format(place + "." + std::string(name), "want a text");
        names.emplace(name, text.get_string());
    }
    return names;
}

Result<std::vector<std::string>> column_names(const Json& csv) {
    std::vector<std::string> names;
    const Json* part = find(csv, "names");
    if (!part) return names;
    const Error wrong = bad_format(
        "csv.names",
        "want a list of up to 1000 texts, the columns in order; \"\" for those to pass over");
    if (!part->is_array() || part->get_array().empty() || part->get_array().size() > columns_most)
        return wrong;
    for (const auto& each : part->get_array()) {
        if (!each.is_string()) return wrong;
        names.emplace_back(each.get_string());
    }
    return names;
}

Result<LineFormat> csv_format(const Json& csv) {
    if (!csv.is_object())
        return bad_format("csv", "want an object; {} when the first line names the columns");
    constexpr std::array<std::string_view, 5> known = {"names", "time", "time_unit", "signals",
                                                       "units"};
    for (const auto& [key, part] : csv.get_object())
        if (std::find(known.begin(), known.end(), key) == known.end())
            return bad_format("csv", "unknown key '" + std::string(key) +
                                         "' (want names, time, time_unit, signals, units)");
    LineFormat format;
    TRY(format.names, column_names(csv));
    format.time = find_string(csv, "time").value_or("");
    if (!format.names.empty() && !format.time.empty() &&
        std::find(format.names.begin(), format.names.end(), format.time) == format.names.end())
        return bad_format("csv.time", "'" + format.time + "' is not among csv.names");
    TRY(format.time_unit_ns,
        time_unit_of(find_string(csv, "time_unit").value_or(""), "csv.time_unit"));
    TRY(format.signals, names_by_name(csv, "signals"));
    TRY(format.units, names_by_name(csv, "units"));
    return format;
}

std::string_view bare(std::string_view cell) {
    while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
    while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"')
        return cell.substr(1, cell.size() - 2);
    return cell;
}

std::vector<std::string_view> cells_of(std::string_view line, char separator) {
    std::vector<std::string_view> cells;
    for (;;) {
        const auto end = line.find(separator);
        cells.push_back(bare(line.substr(0, end)));
        if (end == std::string_view::npos) return cells;
        line.remove_prefix(end + 1);
    }
}

}  // namespace

Result<LineFormat> line_format(const Json& description) {
    const Json* csv = find(description, "csv");
    const Json* json = find(description, "json");
    if ((csv != nullptr) == (json != nullptr))
        return Error{
            Errc::invalid_input,
            "want either csv or json, which says how a line is read; json: {} is points-json"};
    if (csv) return csv_format(*csv);
    LineFormat format;
    TRY(auto mapping, MqttMapping::of_lines(*json, "json"));
    format.json = std::move(mapping);
    return format;
}

LineReader::LineReader(LineFormat format) : format_(std::move(format)), names_(format_.names) {}

void LineReader::begin() {
    names_ = format_.names;
    open_.clear();
    skipping_ = false;
}

void LineReader::take(ByteView piece) {
    std::string_view text = text_of(piece);
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view part = text.substr(0, end);
        if (!skipping_ && open_.size() + part.size() > line_bytes_max) {
            skipping_ = true;
            open_.clear();
            ++figures_.too_long;
            refuse({Errc::invalid_input, "a line is longer than 64 KiB"});
        }
        if (!skipping_) open_.append(part);
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
        if (!open_.empty() && open_.back() == '\r') open_.pop_back();
        if (!open_.empty()) lines_.push_back(std::move(open_));
        open_.clear();
        skipping_ = false;
    }
}

std::optional<Batch> LineReader::next(Timestamp now, std::size_t lines_max) {
    Gathering gathering;
    Batch batch;
    for (; !lines_.empty() && lines_max > 0; --lines_max) {
        const std::string& line = lines_.front();
        const bool names = !format_.json && names_.empty();
        line_.clear();
        // Lines that came together have times that differ, or they would be one point to the hub.
        if (!names) now = last_ = std::max(now, last_ + nanoseconds{1});
        auto read = names          ? read_names(line)
                    : format_.json ? format_.json->decode_line(bytes_of(line), now, line_)
                                   : read_csv(line, now, line_);
        if (read && !gathering.has_room(line_)) break;  // it is read again
        ++figures_.lines;
        if (read) {
            if (batch.size() == 0) batch.replayed = line_.replayed;
            gathering.add(line_);
            figures_.points += line_.size();
        } else {
            refuse(std::move(read).error());
        }
        lines_.pop_front();
    }
    gathering.finish(batch);
    if (batch.size() == 0) return std::nullopt;
    return batch;
}

void LineReader::refuse(Error error) {
    ++figures_.refused;
    figures_.refusal = std::move(error.message);
}

Result<> LineReader::read_names(std::string_view line) {
    for (const char c : {';', '\t', ','}) {
        separator_ = c;
        if (line.find(c) != std::string_view::npos) break;
    }
    for (const auto cell : cells_of(line, separator_)) names_.emplace_back(cell);
    const bool timed = format_.time.empty() ||
                       std::find(names_.begin(), names_.end(), format_.time) != names_.end();
    if (timed && names_.size() <= columns_most) return {};
    names_.clear();  // perhaps the next line is the one
    return Error{Errc::invalid_input,
                 timed ? "more than 1000 columns in the line of names"
                       : "the line of names has no column '" + format_.time + "'"};
}

Result<> LineReader::read_csv(std::string_view line, Timestamp now, Batch& batch) {
    if (!format_.names.empty())
        for (const char c : {';', '\t', ','}) {
            separator_ = c;
            if (line.find(c) != std::string_view::npos) break;
        }
    const auto cells = cells_of(line, separator_);
    if (cells.size() != names_.size())
        return Error{Errc::invalid_input, "a line has " + std::to_string(cells.size()) +
                                              " cells, there are " + std::to_string(names_.size()) +
                                              " columns"};
    Timestamp time = now;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (format_.time.empty() || names_[i] != format_.time) continue;
        auto read = time_of(cells[i], format_.time_unit_ns);
        if (!read) return std::move(read).error().context("column '" + names_[i] + "'");
        time = *read;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool passed = names_[i].empty() || cells[i].empty();  // nothing is known of it now
        if (passed || (!format_.time.empty() && names_[i] == format_.time)) continue;
        auto scalar = scalar_of(cells[i]);
        if (!scalar && cells[i].size() <= text_value_bytes_max)
            scalar = Scalar{no_value, Quality::good(), ValueType::text, cells[i], {}};
        const auto renamed = format_.signals.find(names_[i]);
        const std::string& signal = renamed == format_.signals.end() ? names_[i] : renamed->second;
        const auto unit = format_.units.find(signal);
        if (!scalar)
            return Error{Errc::invalid_input,
                         "column '" + names_[i] + "': a text has at most 1024 bytes"};
        TRY_VOID(add_point(batch, signal, unit == format_.units.end() ? "" : unit->second, time,
                           *scalar));
    }
    return {};
}

}  // namespace mw::sources
