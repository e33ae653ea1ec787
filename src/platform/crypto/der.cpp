#include "platform/crypto/der.h"

#include <algorithm>

namespace mw::crypto::der {
namespace {

Error wrong(std::string_view what, std::string_view why) {
    return Error{Errc::invalid_input, std::string(what) + ": " + std::string(why)};
}

int two_digits(ByteView text, std::size_t at) {
    if (text[at] < '0' || text[at] > '9' || text[at + 1] < '0' || text[at + 1] > '9') return -1;
    return (text[at] - '0') * 10 + text[at + 1] - '0';
}

}  // namespace

Result<Element> Reader::next(std::string_view what) {
    if (rest_.size() < 2) return wrong(what, "the DER ends too early");
    std::uint8_t tag = rest_[0];
    if ((tag & 0x1f) == 0x1f) return wrong(what, "has a DER tag of more than one byte");
    std::size_t length = rest_[1], header = 2;
    if (length >= 0x80) {
        std::size_t bytes = length & 0x7f;
        if (bytes == 0) return wrong(what, "has an indefinite length; DER allows none");
        if (bytes > 4 || rest_.size() < 2 + bytes) return wrong(what, "the DER ends too early");
        length = 0;
        for (std::size_t i = 0; i < bytes; ++i) length = length << 8 | rest_[2 + i];
        if (length < 0x80 || length < std::size_t{1} << 8 * (bytes - 1))
            return wrong(what, "has a length that is not minimal");
        header += bytes;
    }
    if (rest_.size() - header < length) return wrong(what, "the DER ends too early");
    Element element{tag, rest_.subspan(header, length), rest_.first(header + length)};
    rest_ = rest_.subspan(header + length);
    return element;
}

Result<Element> Reader::want(std::uint8_t tag, std::string_view what) {
    TRY(auto element, next(what));
    if (element.tag == tag) return element;
    return wrong(what, "want DER tag " + to_hex(ByteView{&tag, 1}) + ", got " +
                           to_hex(ByteView{&element.tag, 1}));
}

Result<std::optional<Element>> Reader::maybe(std::uint8_t tag, std::string_view what) {
    if (rest_.empty() || rest_[0] != tag) return std::optional<Element>{};
    TRY(auto element, next(what));
    return std::optional<Element>{element};
}

Result<> Reader::want_end(std::string_view what) const {
    if (rest_.empty()) return {};
    return wrong(what, std::to_string(rest_.size()) + " bytes after the end");
}

Result<ByteView> whole_bits(const Element& element, std::string_view what) {
    if (element.content.empty() || element.content[0] != 0)
        return wrong(what, "want a bit string of whole bytes");
    return element.content.subspan(1);
}

Result<Timestamp> time(const Element& element, std::string_view what) {
    ByteView text = element.content;
    std::size_t year_digits = element.tag == utc_time ? 2 : element.tag == generalized_time ? 4 : 0;
    if (year_digits == 0) return wrong(what, "want a time");
    if (text.size() != year_digits + 11 || text.back() != 'Z')
        return wrong(what, "want a time of the form YYMMDDHHMMSSZ");
    int year = two_digits(text, 0);
    if (year_digits == 4) year = year * 100 + two_digits(text, 2);
    if (year_digits == 2) year += year < 50 ? 2000 : 1900;
    int field[5];  // month, day, hour, minute, second
    for (std::size_t i = 0; i < 5; ++i) field[i] = two_digits(text, year_digits + 2 * i);
    std::chrono::year_month_day day{std::chrono::year{year},
                                    std::chrono::month{static_cast<unsigned>(field[0])},
                                    std::chrono::day{static_cast<unsigned>(field[1])}};
    if (std::ranges::min(field) < 0 || !day.ok() || field[2] > 23 || field[3] > 59 || field[4] > 59)
        return wrong(what, "is not a time");
    std::int64_t days = std::chrono::sys_days{day}.time_since_epoch().count();
    std::int64_t seconds = ((days * 24 + field[2]) * 60 + field[3]) * 60 + field[4];
    // "99991231235959Z" (no expiry) lies past what nanoseconds can count.
    constexpr std::int64_t last = 9'223'372'036;
    return Timestamp{std::clamp(seconds, -last, last) * 1'000'000'000};
}

Bytes element(std::uint8_t tag, std::initializer_list<ByteView> parts) {
    std::size_t length = 0;
    for (const auto& part : parts) length += part.size();
    Bytes out;
    out.reserve(length + 5);
    out.push_back(tag);
    if (length < 0x80) {
        out.push_back(static_cast<std::uint8_t>(length));
    } else {
        int bytes = length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
        ASSERT(length < 0x100000000);
        out.push_back(static_cast<std::uint8_t>(0x80 | bytes));
        while (bytes-- > 0) out.push_back(static_cast<std::uint8_t>(length >> 8 * bytes));
    }
    for (const auto& part : parts) append(out, part);
    return out;
}

Bytes element(std::uint8_t tag, std::string_view text) { return element(tag, {bytes_of(text)}); }

Bytes time(Timestamp time) {
    auto since = std::chrono::floor<seconds>(nanoseconds{time.ns});
    auto days = std::chrono::floor<std::chrono::days>(since);
    std::chrono::year_month_day day{std::chrono::sys_days{days}};
    std::chrono::hh_mm_ss clock{since - days};
    int year = static_cast<int>(day.year());
    char text[24];
    std::snprintf(
        text, sizeof text, "%04d%02u%02u%02d%02d%02dZ", year, static_cast<unsigned>(day.month()),
        static_cast<unsigned>(day.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    bool utc = year >= 1950 && year < 2050;
    return element(utc ? utc_time : generalized_time, std::string_view{text + (utc ? 2 : 0)});
}

void append(Bytes& to, ByteView part) { to.insert(to.end(), part.begin(), part.end()); }

}  // namespace mw::crypto::der
