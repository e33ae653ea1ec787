#include "data/query/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace mw::query {
namespace {

template <class T>
void append_number(std::string& out, T value) {
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof text, value);
    out.append(text, end);
}

void append_padded(std::string& out, std::uint64_t value, int digits) {
    char text[20];
    for (int i = digits - 1; i >= 0; --i, value /= 10)
        text[i] = static_cast<char>('0' + value % 10);
    out.append(text, static_cast<std::size_t>(digits));
}

// A fraction without its trailing zeros, with its point; nothing for zero.
void append_fraction(std::string& out, std::uint64_t fraction, int digits) {
    if (fraction == 0) return;
    out += '.';
    append_padded(out, fraction, digits);
    while (out.back() == '0') out.pop_back();
}

struct Division {
    std::int64_t whole;
    std::int64_t rest;  // not negative
};
Division floored(std::int64_t value, std::int64_t by) {
    const std::int64_t rest = ((value % by) + by) % by;
    return {value / by - (value % by < 0 ? 1 : 0), rest};
}

}  // namespace

void append_integer(std::string& out, std::int64_t value) { append_number(out, value); }
void append_unsigned(std::string& out, std::uint64_t value) { append_number(out, value); }

void append_wide(std::string& out, duckdb::Int128 value, bool is_signed) {
    using Wide = unsigned __int128;
    Wide rest = (Wide{static_cast<std::uint64_t>(value.upper)} << 64) | value.lower;
    if (is_signed && value.upper < 0) {
        out += '-';
        rest = ~rest + 1;
    }
    char text[40];
    char* at = text + sizeof text;
    do {
        *--at = static_cast<char>('0' + static_cast<unsigned>(rest % 10));
        rest /= 10;
    } while (rest != 0);
    out.append(at, text + sizeof text);
}

void append_double(std::string& out, double value) { append_number(out, value); }
void append_float(std::string& out, float value) { append_number(out, value); }

void append_decimal(std::string& out, duckdb::Int128 value, unsigned scale) {
    std::string digits;
    append_wide(digits, value, true);
    const std::size_t sign = digits[0] == '-' ? 1 : 0;
    if (digits.size() - sign <= scale) digits.insert(sign, scale + 1 - (digits.size() - sign), '0');
    if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
    out += digits;
}

void append_date(std::string& out, std::int32_t days) {
    // Howard Hinnant's days_from_civil, backwards: proleptic Gregorian, any year.
    const std::int64_t shifted = std::int64_t{days} + 719'468;
    const auto [era, day_of_era] = floored(shifted, 146'097);
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const std::int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    if (year < 0) {
        out += '-';
        year = -year;
    }
    append_padded(out, static_cast<std::uint64_t>(year), year > 9999 ? 6 : 4);
    out += '-';
    append_padded(out, static_cast<std::uint64_t>(month), 2);
    out += '-';
    append_padded(out, static_cast<std::uint64_t>(day), 2);
}

namespace {
void append_clock(std::string& out, std::int64_t seconds_of_day) {
    append_padded(out, static_cast<std::uint64_t>(seconds_of_day / 3600), 2);
    out += ':';
    append_padded(out, static_cast<std::uint64_t>(seconds_of_day / 60 % 60), 2);
    out += ':';
    append_padded(out, static_cast<std::uint64_t>(seconds_of_day % 60), 2);
}
}  // namespace

void append_timestamp(std::string& out, std::int64_t units, unsigned digits) {
    constexpr std::int64_t infinite = std::numeric_limits<std::int64_t>::max();
    if (units == infinite || units == -infinite) {
        out += units > 0 ? "infinity" : "-infinity";
        return;
    }
    std::int64_t per_second = 1;
    for (unsigned i = 0; i < digits; ++i) per_second *= 10;
    const auto [seconds, fraction] = floored(units, per_second);
    const auto [days, seconds_of_day] = floored(seconds, 86'400);
    append_date(out, static_cast<std::int32_t>(days));
    out += 'T';
    append_clock(out, seconds_of_day);
    append_fraction(out, static_cast<std::uint64_t>(fraction), static_cast<int>(digits));
    out += 'Z';
}

void append_time_of_day(std::string& out, std::int64_t micros) {
    append_clock(out, micros / 1'000'000);
    append_fraction(out, static_cast<std::uint64_t>(micros % 1'000'000), 6);
}

void append_interval(std::string& out, const duckdb::Interval& interval) {
    out += 'P';
    const std::size_t empty = out.size();
    auto part = [&out](std::int64_t value, char unit) {
        if (value == 0) return;
        append_integer(out, value);
        out += unit;
    };
    part(interval.months / 12, 'Y');
    part(interval.months % 12, 'M');
    part(interval.days, 'D');
    const std::int64_t seconds = interval.micros / 1'000'000;
    const std::int64_t fraction = interval.micros % 1'000'000;
    if (interval.micros != 0) {
        out += 'T';
        part(seconds / 3600, 'H');
        part(seconds / 60 % 60, 'M');
        if (seconds % 60 != 0 || fraction != 0) {
            if (interval.micros < 0) out += '-';
            append_integer(out, std::abs(seconds % 60));
            append_fraction(out, static_cast<std::uint64_t>(std::abs(fraction)), 6);
            out += 'S';
        }
    }
    if (out.size() == empty) out += "T0S";
}

void append_uuid(std::string& out, duckdb::Int128 value) {
    static constexpr char hex[] = "0123456789abcdef";
    // DuckDB flips the top bit, so that UUIDs sort as signed numbers.
    const std::uint64_t halves[] = {
        static_cast<std::uint64_t>(value.upper) ^ (std::uint64_t{1} << 63), value.lower};
    for (int i = 0; i < 32; ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
        out += hex[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    }
}

}  // namespace mw::query
