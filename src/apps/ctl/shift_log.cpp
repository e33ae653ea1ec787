#include "apps/ctl/shift_log.h"

#include <algorithm>

#include "apps/ctl/csv.h"

namespace mw::ctl {
namespace {

constexpr std::string_view header = "device,from,to";

std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

Result<ShiftLog> ShiftLog::parse(std::string_view csv, Timestamp from, Timestamp to) {
    if (to <= from) return Error{Errc::invalid_input, "the period must end after it begins"};
    if (csv.starts_with("\xEF\xBB\xBF")) csv.remove_prefix(3);  // as spreadsheets write it
    if (const auto first = next_line(csv); first != header)
        return at_line(1, "want the header " + std::string(header) + ", got " +
                              std::string(first.substr(0, 60)));
    ShiftLog log;
    log.from_ = from;
    log.to_ = to;
    for (std::size_t number = 2; !csv.empty(); ++number) {
        const std::string_view line = next_line(csv);
        if (line.empty()) continue;
        TRY(const auto cells, csv_cells(line, number));
        if (cells.size() != 3 || cells[0].empty())
            return at_line(number, "want " + std::string(header));
        auto began = parse_iso8601(cells[1]);
        if (!began) return at_line(number, "from: " + began.error().message);
        auto ended = cells[2].empty() ? Result<Timestamp>(to) : parse_iso8601(cells[2]);
        if (!ended) return at_line(number, "to: " + ended.error().message);
        if (*ended < *began) return at_line(number, "the incident ends before it begins");
        log.incidents_[cells[0]].push_back({*began, *ended});
    }
    return log;
}

ShiftLog::Says ShiftLog::about(const std::string& device, Timestamp window_to) const {
    if (window_to < from_ || window_to >= to_) return Says::nothing;
    const auto found = incidents_.find(device);
    if (found == incidents_.end()) return Says::normal;
    const bool inside = std::ranges::any_of(found->second, [&](const Incident& incident) {
        return incident.from <= window_to && window_to <= incident.to;
    });
    return inside ? Says::event : Says::normal;
}

std::size_t ShiftLog::incidents() const {
    std::size_t n = 0;
    for (const auto& [device, list] : incidents_) n += list.size();
    return n;
}

}  // namespace mw::ctl
