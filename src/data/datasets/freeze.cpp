#include "data/datasets/freeze.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "base/number.h"
#include "base/sql_text.h"

namespace mw::datasets {
namespace {

Error bad_request(std::string message) { return {Errc::invalid_input, std::move(message)}; }

std::string in_list(std::string_view column, const std::vector<std::string>& names) {
    std::string sql = " AND " + std::string(column) + " IN (";
    for (std::size_t i = 0; i < names.size(); ++i) sql += (i > 0 ? ", " : "") + sql_text(names[i]);
    return sql + ")";
}

std::string instant(Timestamp time) { return "make_timestamp_ns(" + std::to_string(time.ns) + ")"; }

Result<std::vector<std::string>> texts_at(const Json& spec, std::string_view key) {
    std::vector<std::string> texts;
    const Json* list = find(spec, key);
    if (!list) return texts;
    if (!list->is_array()) return bad_request(std::string(key) + ": want a list");
    for (const Json& item : list->get_array()) {
        if (!item.is_string()) return bad_request(std::string(key) + ": want texts");
        texts.emplace_back(item.get_string());
    }
    return texts;
}

struct Point {
    std::int64_t time = 0;
    double value = 0;
    std::uint32_t device = 0;
    std::uint32_t signal = 0;
    Quality quality;

    bool same_place(const Point& other) const {
        return device == other.device && time == other.time && signal == other.signal;
    }
    // Of equal places the one with the better quality stands last, then the one with the greater
    // bits: which of them came first must not matter.
    bool operator<(const Point& other) const {
        if (device != other.device) return device < other.device;
        if (time != other.time) return time < other.time;
        if (signal != other.signal) return signal < other.signal;
        if (quality.code != other.quality.code) return quality.code < other.quality.code;
        return std::bit_cast<std::uint64_t>(value) < std::bit_cast<std::uint64_t>(other.value);
    }
};

// Numbers for names, ascending with the names.
class Names {
 public:
    std::uint32_t number_of(std::string_view name) {
        const auto [at, fresh] =
            numbers_.try_emplace(std::string(name), static_cast<std::uint32_t>(numbers_.size()));
        return at->second;
    }
    // Old number to new one; and the names by their new numbers.
    std::vector<std::uint32_t> sort(std::vector<std::string>& names) const {
        std::vector<std::uint32_t> order(numbers_.size());
        for (const auto& [name, number] : numbers_) {
            order[number] = static_cast<std::uint32_t>(names.size());
            names.push_back(name);
        }
        return order;
    }

 private:
    std::map<std::string, std::uint32_t, std::less<>> numbers_;
};

// The next cell of a CSV line; quoted ones are unquoted into `scratch`.
std::string_view take_cell(std::string_view& line, std::string& scratch) {
    if (line.empty() || line.front() != '"') {
        const auto end = line.find(',');
        const auto cell = line.substr(0, end);
        line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
        return cell;
    }
    scratch.clear();
    std::size_t i = 1;
    for (; i < line.size(); ++i) {
        if (line[i] != '"') {
            scratch += line[i];
        } else if (i + 1 < line.size() && line[i + 1] == '"') {
            scratch += '"', ++i;
        } else {
            break;
        }
    }
    line.remove_prefix(std::min(i + 2, line.size()));
    return scratch;
}

struct Points {
    std::vector<Point> all;  // sorted, one per place
    std::vector<std::string> devices;
    std::vector<std::string> signals;
};

Result<Point> read_point(std::string_view line, Names& devices, Names& signals) {
    std::string scratch;
    Point point;
    if (!read_number(take_cell(line, scratch), point.time))
        return bad_request("t is not a whole number");
    point.device = devices.number_of(take_cell(line, scratch));
    point.signal = signals.number_of(take_cell(line, scratch));
    const auto value = take_cell(line, scratch);
    if (value.empty() || value == "nan")
        point.value = std::numeric_limits<double>::quiet_NaN();
    else if (!read_number(value, point.value))
        return bad_request("'" + std::string(value.substr(0, 40)) + "' is not a number");
    unsigned quality = 0;
    if (!read_number(take_cell(line, scratch), quality) || quality > 255)
        return bad_request("quality is not 0 to 255");
    point.quality = Quality{static_cast<std::uint8_t>(quality)};
    return point;
}

Result<Points> read_points(std::string_view csv) {
    Points points;
    Names devices, signals;
    std::size_t number = 0;
    while (!csv.empty()) {
        const auto end = csv.find('\n');
        std::string_view line = csv.substr(0, end);
        csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (++number == 1 || line.empty()) continue;
        auto point = read_point(line, devices, signals);
        if (!point)
            return std::move(point).error().context("line " + std::to_string(number) +
                                                    " of the query's answer");
        points.all.push_back(*point);
    }
    const auto device_order = devices.sort(points.devices);
    const auto signal_order = signals.sort(points.signals);
    for (Point& point : points.all) {
        point.device = device_order[point.device];
        point.signal = signal_order[point.signal];
    }
    std::sort(points.all.begin(), points.all.end());
    // The last of equal places stays.
    const auto kept = std::unique(points.all.rbegin(), points.all.rend(),
                                  [](const Point& a, const Point& b) { return a.same_place(b); });
    points.all.erase(points.all.begin(), kept.base());
    return points;
}

// For each signal's number: its column, or -1 for the label's and unwanted ones.
Result<std::vector<int>> columns_of(const Points& points, const Order& order,
                                    std::vector<std::string>& signals) {
    signals = order.signals;
    if (signals.empty())
        std::copy_if(points.signals.begin(), points.signals.end(), std::back_inserter(signals),
                     [&](const std::string& name) { return name != order.label_signal; });
    for (const auto& signal : signals)
        if (!std::binary_search(points.signals.begin(), points.signals.end(), signal))
            return Error{Errc::not_found, "no point of signal '" + signal + "' in that range"};
    std::vector<int> columns;
    for (const auto& name : points.signals) {
        const auto at = std::find(signals.begin(), signals.end(), name);
        columns.push_back(at == signals.end() ? -1 : static_cast<int>(at - signals.begin()));
    }
    return columns;
}

struct Truth {
    std::int64_t time;
    bool anomalous;
};

void add_row(DeviceRows& rows, std::int64_t time) {
    detectors::Recording& recording = rows.recording;
    const std::size_t width = recording.width();
    recording.times.push_back({time});
    recording.values.resize(recording.values.size() + width,
                            std::numeric_limits<double>::quiet_NaN());
    recording.quality.resize(recording.quality.size() + width, Quality::bad(Reason::not_a_number));
    recording.labels.push_back(0);
    rows.labelled.push_back(0);
}

void set_labels(DeviceRows& rows, std::int64_t from, std::int64_t to, bool anomalous) {
    auto& times = rows.recording.times;
    const auto first = std::lower_bound(times.begin(), times.end(), Timestamp{from});
    const auto last = std::upper_bound(first, times.end(), Timestamp{to});
    for (auto at = first; at != last; ++at) {
        const auto row = static_cast<std::size_t>(at - times.begin());
        rows.recording.labels[row] = anomalous;
        rows.labelled[row] = 1;
    }
}

}  // namespace

Result<Order> order_of(const Json& spec) {
    Order order;
    TRY(order.product, want_string(spec, "product"));
    TRY(const std::string purpose, want_string(spec, "purpose"));
    order.golden = purpose == "golden";
    TRY(const std::string from, want_string(spec, "from"));
    TRY(const std::string to, want_string(spec, "to"));
    TRY(order.from, parse_iso8601(from).context("from"));
    TRY(order.to, parse_iso8601(to).context("to"));
    if (order.from >= order.to) return bad_request("to: must be later than from");
    TRY(order.devices, texts_at(spec, "devices"));
    TRY(order.signals, texts_at(spec, "signals"));
    order.label_signal = find_string(spec, "labels.signal").value_or("");
    order.answers = find_bool(spec, "labels.answers").value_or(true);
    if (std::find(order.signals.begin(), order.signals.end(), order.label_signal) !=
        order.signals.end())
        return bad_request("signals: '" + order.label_signal +
                           "' carries the label; a model must not see it");
    if (const auto as_of = find_string(spec, "labels.as_of")) {
        TRY(order.as_of, parse_iso8601(*as_of).context("labels.as_of"));
    }
    TRY(order.splits, splits_of(spec, order.from, order.to));
    order.allow_leaks = find_bool(spec, "allow_leaks").value_or(false);
    return order;
}

std::string sql_of(const Order& order) {
    std::string sql = "SELECT epoch_ns(time) AS t, device, signal, value, quality FROM " +
                      sql_name(order.product) + " WHERE time >= " + instant(order.from) +
                      " AND time < " + instant(order.to) + " AND text IS NULL";
    if (!order.devices.empty()) sql += in_list("device", order.devices);
    if (!order.signals.empty()) {
        auto signals = order.signals;
        if (!order.label_signal.empty()) signals.push_back(order.label_signal);
        sql += in_list("signal", signals);
    }
    return sql + " ORDER BY device, t, signal";
}

Result<Content> assemble(std::string_view csv, const Order& order, labels::Labels answers) {
    TRY(const Points points, read_points(csv));
    Content content;
    TRY(const auto columns, columns_of(points, order, content.signals));
    std::map<std::uint32_t, std::vector<Truth>> truths;
    std::uint32_t device = std::numeric_limits<std::uint32_t>::max();
    for (const Point& point : points.all) {
        const auto& signal = points.signals[point.signal];
        if (signal == order.label_signal && std::isfinite(point.value) && !point.quality.is_bad())
            truths[point.device].push_back({point.time, point.value > 0.5});
        const int column = columns[point.signal];
        if (column < 0) continue;
        if (point.quality.is_bad()) {
            ++content.quarantined;
            continue;
        }
        if (point.device != device) {
            device = point.device;
            content.devices.push_back(
                {points.devices[device], {content.signals, {}, {}, {}, {}}, {}});
        }
        DeviceRows& rows = content.devices.back();
        if (rows.recording.times.empty() || rows.recording.times.back().ns != point.time)
            add_row(rows, point.time);
        const std::size_t at = rows.recording.values.size() - content.signals.size() +
                               static_cast<std::size_t>(column);
        rows.recording.values[at] = point.value;
        rows.recording.quality[at] = point.quality;
    }
    for (const auto& [number, all] : truths) {
        const auto rows = std::find_if(
            content.devices.begin(), content.devices.end(),
            [&](const DeviceRows& one) { return one.device == points.devices[number]; });
        if (rows == content.devices.end()) continue;
        for (const Truth& truth : all) set_labels(*rows, truth.time, truth.time, truth.anomalous);
    }
    std::sort(answers.begin(), answers.end(), [](const labels::Label& a, const labels::Label& b) {
        return a.labelled_at != b.labelled_at ? a.labelled_at < b.labelled_at : a.number < b.number;
    });
    for (const labels::Label& answer : answers)
        for (DeviceRows& rows : content.devices)
            if (rows.device == answer.device)
                set_labels(rows, answer.window_from.ns, answer.window_to.ns, answer.label);
    return content;
}

}  // namespace mw::datasets
