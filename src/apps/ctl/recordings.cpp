#include "apps/ctl/recordings.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "apps/ctl/csv.h"
#include "base/number.h"

namespace mw::ctl {
namespace {

struct Cells {
    std::string device, signal;
    Timestamp time;
    double value = 0;
    Quality quality;
};

Result<Cells> read_line(std::string_view line, std::size_t number) {
    TRY(auto cells, csv_cells(line, number));
    if (cells.size() != 5) return at_line(number, "want t,device,signal,value,quality");
    Cells point;
    point.device = std::move(cells[1]);
    point.signal = std::move(cells[2]);
    unsigned quality = 0;
    if (!read_number(cells[0], point.time.ns))
        return at_line(number, "t must be whole nanoseconds");
    if (cells[3].empty() || cells[3] == "nan" || cells[3] == "NULL")
        point.value = std::numeric_limits<double>::quiet_NaN();
    else if (!read_number(cells[3], point.value))
        return at_line(number, "value must be a number");
    if (!read_number(cells[4], quality) || quality > 255)
        return at_line(number, "quality must be 0 to 255");
    point.quality = Quality{static_cast<std::uint8_t>(quality)};
    return point;
}

detectors::Recording pivot(const std::vector<Cells>& points, std::vector<std::string> signals) {
    detectors::Recording recording;
    recording.signals = std::move(signals);
    const std::size_t width = recording.signals.size();
    std::map<std::int64_t, std::size_t> row_of;
    for (const Cells& point : points) row_of.emplace(point.time.ns, 0);
    for (auto& [ns, row] : row_of) {
        row = recording.times.size();
        recording.times.push_back({ns});
    }
    recording.values.assign(row_of.size() * width, std::numeric_limits<double>::quiet_NaN());
    recording.quality.assign(row_of.size() * width, Quality::bad(Reason::not_a_number));
    for (const Cells& point : points) {
        const auto found =
            std::find(recording.signals.begin(), recording.signals.end(), point.signal);
        if (found == recording.signals.end()) continue;
        const std::size_t at = row_of[point.time.ns] * width +
                               static_cast<std::size_t>(found - recording.signals.begin());
        recording.values[at] = point.value;
        recording.quality[at] = point.quality;
    }
    return recording;
}

}  // namespace

Result<std::vector<detectors::Recording>> recordings_from_csv(
    std::string_view csv, const std::vector<std::string>& signals) {
    std::vector<std::pair<std::string, std::vector<Cells>>> devices;
    std::set<std::string> seen;
    std::size_t number = 0;
    while (!csv.empty()) {
        const auto end = csv.find('\n');
        std::string_view line = csv.substr(0, end);
        csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (++number == 1 || line.empty()) continue;
        TRY(Cells point, read_line(line, number));
        seen.insert(point.signal);
        if (devices.empty() || devices.back().first != point.device)
            devices.emplace_back(point.device, std::vector<Cells>{});
        devices.back().second.push_back(std::move(point));
    }
    if (devices.empty())
        return Error{Errc::not_found,
                     "the query gave no rows to train on. Next step: check "
                     "--product, --device, --from and --to"};
    const std::vector<std::string> columns =
        signals.empty() ? std::vector<std::string>(seen.begin(), seen.end()) : signals;
    for (const auto& signal : signals)
        if (!seen.contains(signal))
            return Error{Errc::not_found, "no point of signal '" + signal + "' in that range"};
    std::vector<detectors::Recording> recordings;
    for (const auto& [device, points] : devices) recordings.push_back(pivot(points, columns));
    return recordings;
}

}  // namespace mw::ctl
