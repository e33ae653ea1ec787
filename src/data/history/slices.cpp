#include "data/history/slices.h"

#include <chrono>

namespace mw::history {
namespace {

constexpr std::int64_t slice_ns = 14'400'000'000'000;
constexpr std::int64_t day_ns = slices_per_day * slice_ns;

std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
    return value / by - (value % by < 0 ? 1 : 0);
}

Span span_of(std::int64_t number, std::int64_t length) {
    auto from =
        number == floor_divide(time_lowest.ns, length) ? time_lowest : Timestamp{number * length};
    auto to = number == floor_divide(time_highest.ns, length)
                  ? time_highest
                  : Timestamp{(number + 1) * length - 1};
    return {from, to};
}

// Of the Gregorian calendar.
std::int64_t first_day_of(std::int64_t month) {
    const std::chrono::year_month_day first{
        std::chrono::year(static_cast<int>(floor_divide(month, 12))),
        std::chrono::month(static_cast<unsigned>(month - floor_divide(month, 12) * 12 + 1)),
        std::chrono::day(1)};
    return std::chrono::sys_days(first).time_since_epoch().count();
}

}  // namespace

std::int64_t day_of(Timestamp time) { return floor_divide(time.ns, day_ns); }
std::int64_t slice_of(Timestamp time) { return floor_divide(time.ns, slice_ns); }
std::int64_t day_of_slice(std::int64_t slice) { return floor_divide(slice, slices_per_day); }
Span span_of_day(std::int64_t day) { return span_of(day, day_ns); }
Span span_of_slice(std::int64_t slice) { return span_of(slice, slice_ns); }

std::int64_t month_of(Timestamp time) {
    const std::chrono::sys_days day{std::chrono::days(static_cast<int>(day_of(time)))};
    const std::chrono::year_month_day date{day};
    return std::int64_t{static_cast<int>(date.year())} * 12 + static_cast<unsigned>(date.month()) -
           1;
}
// Months at the ends of time have fewer days.
Span span_of_month(std::int64_t month) {
    const auto first = std::max(first_day_of(month), day_of(time_lowest));
    const auto last = std::min(first_day_of(month + 1) - 1, day_of(time_highest));
    return {span_of_day(first).from, span_of_day(last).to};
}

std::string day_folder(Timestamp time) { return "day=" + to_iso8601(time).substr(0, 10); }

}  // namespace mw::history
