#include "data/history/slices.h"

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

}  // namespace

std::int64_t day_of(Timestamp time) { return floor_divide(time.ns, day_ns); }
std::int64_t slice_of(Timestamp time) { return floor_divide(time.ns, slice_ns); }
std::int64_t day_of_slice(std::int64_t slice) { return floor_divide(slice, slices_per_day); }
Span span_of_day(std::int64_t day) { return span_of(day, day_ns); }
Span span_of_slice(std::int64_t slice) { return span_of(slice, slice_ns); }

std::string day_folder(Timestamp time) { return "day=" + to_iso8601(time).substr(0, 10); }

}  // namespace mw::history
