#include "device/sources/scalar.h"

#include <array>
#include <charconv>
#include <cmath>

#include "protocols/payload/payload.h"

namespace mw::sources {
namespace {

constexpr std::int64_t latest_ns = 9'200'000'000'000'000'000;  // the year 2261, as points-json

}  // namespace

Scalar integer_scalar(std::int64_t integer) {
    Scalar scalar{static_cast<double>(integer), Quality::good(), ValueType::number, {}, {}};
    if (!fits_double(integer)) scalar.integer = integer;
    return scalar;
}

std::optional<Scalar> scalar_of(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return std::nullopt;
    text = text.substr(first, text.find_last_not_of(blank) - first + 1);
    if (text == "true") return Scalar{1, Quality::good(), ValueType::boolean};
    if (text == "false") return Scalar{0, Quality::good(), ValueType::boolean};
    if (text == "null")
        return Scalar{no_value, Quality::bad(Reason::not_a_number), ValueType::none};
    Scalar scalar;
    const auto end = text.data() + text.size();
    std::int64_t integer = 0;
    const auto whole = std::from_chars(text.data(), end, integer);
    if (whole.ec == std::errc() && whole.ptr == end) return integer_scalar(integer);
    const auto [at, code] = std::from_chars(text.data(), end, scalar.value);
    if (code != std::errc() || at != end || !std::isfinite(scalar.value)) return std::nullopt;
    return scalar;
}

Result<> add_point(Batch& batch, std::string signal, const std::string& unit, Timestamp time,
                   Scalar scalar) {
    if (auto fine = payload::check_name(signal, payload::Limits{}.name_bytes); !fine)
        return std::move(fine).error().context("signal '" + signal + "'");
    const auto at = static_cast<std::uint32_t>(batch.times.size());
    if (scalar.integer) scalar.value = batch.boxes.add(*scalar.integer);
    if (scalar.type == ValueType::text) scalar.value = batch.boxes.add(scalar.text);
    batch.runs.push_back({std::move(signal), unit, at, at + 1, scalar.type, is_box(scalar.value)});
    batch.times.push_back(time);
    batch.values.push_back(scalar.value);
    batch.quality.push_back(scalar.quality);
    return {};
}

Result<std::int64_t> time_unit_of(std::string_view unit, const std::string& place) {
    constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> units = {
        {{"", 1}, {"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}}};
    for (const auto& [name, ns] : units)
        if (name == unit) return ns;
    return Error{Errc::invalid_input,
                 place + ": want ns, us, ms or s, got '" + std::string(unit) + "'"};
}

Result<Timestamp> checked_time(Timestamp time) {
    if (time.ns >= 0 && time.ns <= latest_ns) return time;
    return Error{Errc::invalid_input,
                 "the time is not from 1970 to 2261; time_unit says what "
                 "a number counts: ns, us, ms or s"};
}

Result<Timestamp> time_of_number(double number, std::int64_t unit_ns) {
    const double ns = number * static_cast<double>(unit_ns);
    return checked_time({ns >= 0 && ns < 9.2e18 ? std::llround(ns) : -1});
}

Result<Timestamp> time_of(std::string_view text, std::int64_t unit_ns) {
    const auto end = text.data() + text.size();
    std::int64_t whole = 0;
    const auto as_whole = std::from_chars(text.data(), end, whole);
    if (as_whole.ec == std::errc() && as_whole.ptr == end) {
        Timestamp time;
        if (__builtin_mul_overflow(whole, unit_ns, &time.ns)) time.ns = -1;
        return checked_time(time);
    }
    double number = 0;
    const auto as_number = std::from_chars(text.data(), end, number);
    if (as_number.ec == std::errc() && as_number.ptr == end) return time_of_number(number, unit_ns);
    TRY(const Timestamp time, parse_iso8601(text));
    return checked_time(time);
}

}  // namespace mw::sources
