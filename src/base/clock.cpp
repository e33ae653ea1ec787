#include "base/clock.h"

#include <time.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace mw {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;

std::int64_t read_clock(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);
    return t.tv_sec * ns_per_s + t.tv_nsec;
}

// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "days_from_civil").
std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) {
    y -= m <= 2;
    const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
    const unsigned yoe = static_cast<unsigned>(y - era * 400);
    const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

class Cursor {
 public:
    explicit Cursor(std::string_view text) : text_(text) {}

    bool digits(int count, std::int64_t& out) {
        if (text_.size() < static_cast<std::size_t>(count)) return false;
        auto [end, error] = std::from_chars(text_.data(), text_.data() + count, out);
        if (error != std::errc{} || end != text_.data() + count || text_[0] == '-') return false;
        text_.remove_prefix(count);
        return true;
    }
    bool accept(char c) {
        if (text_.empty() || text_[0] != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    bool at_end() const { return text_.empty(); }
    char peek() const { return text_.empty() ? '\0' : text_[0]; }
    void skip() { text_.remove_prefix(1); }

 private:
    std::string_view text_;
};

bool parse_fraction(Cursor& in, std::int64_t& ns) {
    ns = 0;
    if (!in.accept('.') && !in.accept(',')) return true;
    int count = 0;
    for (std::int64_t scale = ns_per_s / 10; in.peek() >= '0' && in.peek() <= '9'; scale /= 10) {
        ns += (in.peek() - '0') * scale;
        in.skip();
        if (++count > 9) return false;
    }
    return count > 0;
}

bool parse_offset(Cursor& in, std::int64_t& offset_s) {
    offset_s = 0;
    if (in.at_end() || in.accept('Z')) return true;
    const bool negative = in.peek() == '-';
    if (!in.accept('+') && !in.accept('-')) return false;
    std::int64_t h = 0, m = 0;
    if (!in.digits(2, h)) return false;
    in.accept(':');
    if (!in.at_end() && !in.digits(2, m)) return false;
    if (h > 23 || m > 59) return false;
    offset_s = (h * 3600 + m * 60) * (negative ? -1 : 1);
    return true;
}

struct Unit {
    std::string_view name;
    std::int64_t ns;
};
constexpr std::array units = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", ns_per_s},
    Unit{"m", 60 * ns_per_s},
    Unit{"h", 3600 * ns_per_s},
    Unit{"d", 86400 * ns_per_s},
};

}  // namespace

std::string to_iso8601(Timestamp time) {
    std::int64_t s = time.ns / ns_per_s, ns = time.ns % ns_per_s;
    if (ns < 0) ns += ns_per_s, --s;
    const time_t whole = s;
    tm parts{};
    gmtime_r(&whole, &parts);
    char text[80];
    int n =
        std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900,
                      parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    std::string out(text, n);
    if (ns != 0) {
        std::snprintf(text, sizeof text, ".%09lld", static_cast<long long>(ns));
        out += text;
        while (out.back() == '0') out.pop_back();
    }
    return out + 'Z';
}

Result<Timestamp> parse_iso8601(std::string_view text) {
    const auto refuse = [&] {
        return Error{Errc::invalid_input, "not a time: '" + std::string(text.substr(0, 64)) +
                                              "' (want 2026-11-22T12:00:00Z)"};
    };
    Cursor in(text);
    std::int64_t y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, ns = 0, offset = 0;
    if (!in.digits(4, y) || !in.accept('-') || !in.digits(2, mo) || !in.accept('-') ||
        !in.digits(2, d))
        return refuse();
    if (!in.at_end()) {
        if (!in.accept('T') && !in.accept(' ') && !in.accept('t')) return refuse();
        if (!in.digits(2, h) || !in.accept(':') || !in.digits(2, mi)) return refuse();
        if (in.accept(':') && !in.digits(2, s)) return refuse();
        if (!parse_fraction(in, ns) || !parse_offset(in, offset) || !in.at_end()) return refuse();
    }
    // Nanoseconds in 64 bits end in 2262.
    if (y < 1678 || y > 2261 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60)
        return refuse();
    const std::int64_t days =
        days_from_civil(y, static_cast<unsigned>(mo), static_cast<unsigned>(d));
    return Timestamp{(days * 86400 + h * 3600 + mi * 60 + s - offset) * ns_per_s + ns};
}

Result<nanoseconds> parse_duration(std::string_view text) {
    const auto refuse = [&] {
        return Error{Errc::invalid_input, "not a duration: '" + std::string(text.substr(0, 64)) +
                                              "' (want for example 250ms, 90s, 1h30m, 7d)"};
    };
    if (text == "0") return nanoseconds{0};
    if (text.empty()) return refuse();
    double total = 0;
    for (std::string_view rest = text; !rest.empty();) {
        double number = 0;
        auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number,
                                            std::chars_format::fixed);
        if (error != std::errc{} || number < 0) return refuse();
        rest.remove_prefix(end - rest.data());
        const Unit* best = nullptr;
        for (const Unit& unit : units)
            if (rest.starts_with(unit.name) && (!best || unit.name.size() > best->name.size()))
                best = &unit;
        if (!best) return refuse();
        rest.remove_prefix(best->name.size());
        total += number * static_cast<double>(best->ns);
        if (total > 9.2e18) return refuse();
    }
    return nanoseconds{static_cast<std::int64_t>(total)};
}

std::string to_text(nanoseconds duration) {
    std::int64_t rest = duration.count();
    if (rest == 0) return "0s";
    std::string text = rest < 0 ? "-" : "";
    if (rest < 0) rest = -rest;
    for (std::size_t i = units.size(); i-- > 0;) {
        if (const std::int64_t count = rest / units[i].ns; count > 0) {
            text += std::to_string(count) += units[i].name;
            rest %= units[i].ns;
        }
    }
    return text;
}

Timestamp RealClock::now() const { return {read_clock(CLOCK_REALTIME)}; }
SteadyTime RealClock::steady() const { return {read_clock(CLOCK_MONOTONIC)}; }

}  // namespace mw
