#include "business/kpi/days.h"

#include <algorithm>
#include <cmath>

namespace mw::kpi {
namespace {

Result<std::size_t> column(const Json& answer, std::string_view wanted) {
    const Json* columns = find(answer, "columns");
    std::string there;
    if (columns && columns->is_array())
        for (std::size_t i = 0; i < columns->get_array().size(); ++i) {
            const auto name = find_string(columns->get_array()[i], "name").value_or("");
            if (name == wanted) return i;
            there += (there.empty() ? "" : ", ") + name;
        }
    return Error{Errc::invalid_input, "the SQL gives no column " + std::string(wanted) +
                                          " (it gives " + (there.empty() ? "none" : there) +
                                          "); write ... AS " + std::string(wanted)};
}

Error wrong(std::size_t row, std::string_view what) {
    return {Errc::invalid_input, "row " + std::to_string(row + 1) + ": " + std::string(what)};
}

Result<Timestamp> time_of(const Json& value, std::size_t row) {
    if (!value.is_string())
        return wrong(row, "column day is not a time; write date_trunc('day', time) AS day");
    std::string text(value.get_string());
    if (text.size() == 10) text += "T00:00:00Z";
    auto time = parse_iso8601(text);
    if (!time) return wrong(row, "column day: " + time.error().message);
    return time;
}

Result<double> number_of(const Json& value, std::size_t row, const char* name) {
    if (value.is_number()) return value.to_number<double>();
    return wrong(row, "column " + std::string(name) + " is not a number");
}

}  // namespace

Result<std::vector<Day>> days_from(const Json& answer, bool with_exposure) {
    TRY(const auto day, column(answer, "day"));
    TRY(const auto value, column(answer, "value"));
    std::size_t exposure = 0;
    if (with_exposure) {
        TRY(exposure, column(answer, "exposure"));
    }
    std::vector<Day> days;
    const Json* rows = find(answer, "rows");
    if (!rows || !rows->is_array()) return days;
    for (std::size_t i = 0; i < rows->get_array().size(); ++i) {
        const auto& row = rows->get_array()[i].get_array();
        if (row[value].is_null() || row[day].is_null()) continue;
        if (with_exposure && row[exposure].is_null()) continue;
        Day read;
        TRY(read.at, time_of(row[day], i));
        TRY(read.value, number_of(row[value], i, "value"));
        if (with_exposure) {
            TRY(read.exposure, number_of(row[exposure], i, "exposure"));
        }
        if (with_exposure && (read.value < 0 || read.exposure < 0))
            return wrong(i, "a count and its exposure can't be below zero");
        days.push_back(read);
    }
    std::ranges::sort(days, {}, &Day::at);
    const auto twice = std::ranges::adjacent_find(days, {}, &Day::at);
    if (twice != days.end())
        return Error{Errc::invalid_input, "the SQL gives more than one row for " +
                                              to_iso8601(twice->at) + "; add GROUP BY day"};
    return days;
}

nanoseconds spacing_of(const std::vector<Day>& days) {
    if (days.size() < 2) return hours(24);
    std::vector<std::int64_t> gaps;
    for (std::size_t i = 1; i < days.size(); ++i)
        gaps.push_back((days[i].at - days[i - 1].at).count());
    const auto middle = gaps.begin() + std::ptrdiff_t(gaps.size() / 2);
    std::nth_element(gaps.begin(), middle, gaps.end());
    return nanoseconds{*middle};
}

}  // namespace mw::kpi
