#include "insight/detectors/recording.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number.h"

namespace mw::detectors {
namespace {

constexpr std::size_t csv_values_max = 4'000'000;

Error bad_recording(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '"')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '"' || text.back() == '\r'))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view line, char separator) {
    std::vector<std::string_view> fields;
    for (;;) {
        const auto end = line.find(separator);
        fields.push_back(trim(line.substr(0, end)));
        if (end == std::string_view::npos) return fields;
        line.remove_prefix(end + 1);
    }
}

bool read_value(std::string_view text, double& value) {
    value = std::numeric_limits<double>::quiet_NaN();
    if (text.empty() || text == "nan" || text == "NaN") return true;
    return read_number(text, value);
}

Result<Timestamp> read_time(std::string_view text) {
    std::int64_t ns = 0;
    if (read_number(text, ns)) return Timestamp{ns};
    return parse_iso8601(text);
}

enum class Use { time, label, signal, nothing };

struct Reader {
    const CsvOptions& options;
    std::vector<Use> uses;
    Recording recording;

    Result<void> header(std::string_view line) {
        bool has_time = false, has_label = options.label.empty();
        for (const auto name : split(line, options.separator)) {
            Use use = Use::signal;
            if (name == options.time) use = Use::time;
            if (!options.label.empty() && name == options.label) use = Use::label;
            if (std::find(options.ignore.begin(), options.ignore.end(), name) !=
                options.ignore.end())
                use = Use::nothing;
            has_time |= use == Use::time;
            has_label |= use == Use::label;
            uses.push_back(use);
            if (use == Use::signal) recording.signals.emplace_back(name);
        }
        if (!has_time) return bad_recording("CSV: there is no column '" + options.time + "'");
        if (!has_label) return bad_recording("CSV: there is no column '" + options.label + "'");
        if (recording.signals.empty())
            return bad_recording("CSV: there is no column with a signal");
        return {};
    }

    Result<void> row(std::string_view line, std::size_t number) {
        const auto fields = split(line, options.separator);
        const auto where = [&](std::size_t column) {
            return "CSV line " + std::to_string(number) + ", column " + std::to_string(column + 1) +
                   ": ";
        };
        if (fields.size() != uses.size())
            return bad_recording("CSV line " + std::to_string(number) + " has " +
                                 std::to_string(fields.size()) + " fields, the header " +
                                 std::to_string(uses.size()));
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (uses[i] == Use::nothing) continue;
            if (uses[i] == Use::time) {
                auto time = read_time(fields[i]);
                if (!time) return bad_recording(where(i) + time.error().message);
                if (!recording.times.empty() && *time <= recording.times.back())
                    return bad_recording(where(i) + "the time is not later than the row before's");
                recording.times.push_back(*time);
                continue;
            }
            double value = 0;
            if (!read_value(fields[i], value))
                return bad_recording(where(i) + "'" + std::string(fields[i].substr(0, 40)) +
                                     "' is not a number");
            if (uses[i] == Use::label)
                recording.labels.push_back(value != 0);
            else
                recording.values.push_back(value);
        }
        if (recording.values.size() > csv_values_max)
            return bad_recording("CSV: more than " + std::to_string(csv_values_max) + " values");
        return {};
    }
};

}  // namespace

Recording Recording::part(std::size_t from, std::size_t to) const {
    to = std::min(to, rows());
    from = std::min(from, to);
    const auto cut = [](const auto& column, std::size_t begin, std::size_t end) {
        using Column = std::remove_cvref_t<decltype(column)>;
        if (column.empty()) return Column{};
        return Column(column.begin() + static_cast<std::ptrdiff_t>(begin),
                      column.begin() + static_cast<std::ptrdiff_t>(end));
    };
    return {signals, cut(times, from, to), cut(values, from * width(), to * width()),
            cut(quality, from * width(), to * width()), cut(labels, from, to)};
}

Result<RowReader> RowReader::open(const Recording& recording,
                                  const std::vector<std::string>& signals) {
    if (recording.values.size() != recording.rows() * recording.width() ||
        (!recording.quality.empty() && recording.quality.size() != recording.values.size()))
        return bad_recording("recording: its columns have different lengths");
    RowReader reader(recording);
    for (const auto& signal : signals) {
        const auto found = std::find(recording.signals.begin(), recording.signals.end(), signal);
        if (found == recording.signals.end())
            return bad_recording("recording: there is no signal '" + signal + "'");
        reader.columns_.push_back(static_cast<std::size_t>(found - recording.signals.begin()));
    }
    reader.values_.resize(signals.size());
    reader.quality_.resize(recording.quality.empty() ? 0 : signals.size());
    return reader;
}

features::Row RowReader::at(std::size_t row) {
    const std::size_t base = row * recording_->width();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        values_[i] = recording_->values[base + columns_[i]];
        if (!quality_.empty()) quality_[i] = recording_->quality[base + columns_[i]];
    }
    return {recording_->times[row], values_, quality_};
}

Result<Recording> read_csv(std::string_view text, const CsvOptions& options) {
    Reader reader{options, {}, {}};
    std::size_t number = 0;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++number;
        if (trim(line).empty()) continue;
        if (reader.uses.empty()) {
            TRY_VOID(reader.header(line));
        } else {
            TRY_VOID(reader.row(line, number));
        }
    }
    if (reader.recording.rows() == 0) return bad_recording("CSV: there are no rows");
    return std::move(reader.recording);
}

}  // namespace mw::detectors
