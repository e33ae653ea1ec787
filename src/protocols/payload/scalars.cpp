// The leaves of a message: numbers, times, codes and texts, and what to say when one is wrong.
#include "protocols/payload/parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace mw::payload {
namespace {

namespace on = simdjson::ondemand;

constexpr std::size_t time_text_max = 40;

std::string_view kind_of(char first) {
    switch (first) {
        case '{':
            return "an object";
        case '[':
            return "an array";
        case '"':
            return "a text";
        case 't':
        case 'f':
            return "a boolean";
        case 'n':
            return "null";
        default:
            return "a number of another kind";
    }
}

// The byte's two upper bits are OPC UA's; 128 to 191 are reserved there and mean doubt here.
Quality source_quality(std::uint64_t code) {
    if (code >= 192) return Quality::good();
    return code >= 64 ? Quality::uncertain(Reason::source_uncertain)
                      : Quality::bad(Reason::source_bad);
}

}  // namespace

Result<void> Decoder::Parser::read_number(Value value) {
    if (columns_.size() >= limits_.points)
        return fail("too many points in one message; send several messages");
    double number = 0;
    if (value.get_double().get(number) != simdjson::SUCCESS) return read_odd_number(value);
    if (std::abs(number) >= whole_double_max) [[unlikely]]
        number = exact(number);
    columns_.add(number);
    columns_.pad_quality();
    return {};
}

// What is not a plain number: null, "NaN", the infinities, true and false, texts.
Result<void> Decoder::Parser::read_odd_number(Value value) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr std::string_view wanted = "want a number, a text, true, false or null";
    on::json_type type{};
    if (const auto code = value.type().get(type)) return fail(code, wanted);
    if (type == on::json_type::null) {
        bool is_null = false;
        if (const auto code = value.is_null().get(is_null)) return fail(code, wanted);
        if (!is_null) return fail(wanted);
        columns_.add_bad(std::numeric_limits<double>::quiet_NaN());
        return {};
    }
    if (type == on::json_type::boolean) {
        bool flag = false;
        if (const auto code = value.get_bool().get(flag)) return fail(code, wanted);
        columns_.add_boolean(flag);
        columns_.pad_quality();
        return {};
    }
    if (type == on::json_type::number)
        return fail("not a number that a double can hold; its magnitude must be below 1.8e308");
    if (type != on::json_type::string) return fail(wanted);
    std::string_view text;
    if (const auto code = value.get_string().get(text)) return fail(code, wanted);
    if (text == "NaN")
        columns_.add_bad(std::numeric_limits<double>::quiet_NaN());
    else if (text == "Infinity")
        columns_.add_bad(infinity);
    else if (text == "-Infinity")
        columns_.add_bad(-infinity);
    else
        return read_text_value(text);
    return {};
}

Result<void> Decoder::Parser::read_text_value(std::string_view text) {
    if (text.size() > text_value_bytes_max)
        return fail("a text of " + std::to_string(text.size()) + " bytes; at most " +
                    std::to_string(text_value_bytes_max));
    columns_.add_text(text);
    columns_.pad_quality();
    return {};
}

// The value of a number so large that it may have been rounded: an integer is read again. simdjson
// stands behind it already, so the way goes back over its digits.
double Decoder::Parser::exact(double nearest) {
    const char* at = nullptr;
    if (document_.current_location().get(at) != simdjson::SUCCESS) return nearest;
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const char* const text = padded_.data();
    while (at > text && !is_digit(at[-1])) --at;
    const char* begin = at;
    while (begin > text && is_digit(begin[-1])) --begin;
    if (begin > text && begin[-1] == '-') --begin;
    const char before = begin > text ? begin[-1] : ' ';
    const bool is_part = before == '.' || before == '+' || before == 'e' || before == 'E';
    std::int64_t integer = 0;
    const auto read = std::from_chars(begin, at, integer);
    if (is_part || read.ec != std::errc{} || read.ptr != at) return nearest;
    return fits_double(integer) ? nearest : columns_.box(integer);
}

Result<Timestamp> Decoder::Parser::read_time(Value value) {
    constexpr std::string_view wanted =
        "want nanoseconds since 1970 as a whole number, or an ISO 8601 text";
    on::json_type type{};
    if (const auto code = value.type().get(type)) return fail(code, wanted);
    Timestamp time;
    if (type == on::json_type::string) {
        std::string_view text;
        if (const auto code = value.get_string().get(text)) return fail(code, wanted);
        if (text.size() > time_text_max) return fail(wanted);
        auto parsed = parse_iso8601(text);
        if (!parsed) return fail(parsed.error().message);
        time = *parsed;
    } else if (type == on::json_type::number) {
        if (const auto code = value.get_int64().get(time.ns)) return fail(code, wanted);
    } else {
        return fail(wanted);
    }
    if (time.ns < 0 || time.ns > latest_ns) return fail("the time is not from 1970 to 2261");
    return time;
}

Result<void> Decoder::Parser::read_sequence(Value value, Batch&) {
    std::uint64_t sequence = 0;
    if (const auto code = value.get_uint64().get(sequence))
        return fail(code, "want a whole number, not negative");
    if (sequence_ && *sequence_ != sequence)
        return fail("one message has one sequence number; this is a second one");
    sequence_ = sequence;
    return {};
}

Result<Quality> Decoder::Parser::read_code(Value value) {
    std::uint64_t code_byte = 0;
    if (const auto code = value.get_uint64().get(code_byte))
        return fail(code, "want a quality byte from 0 to 255");
    if (code_byte > 255) return fail("want a quality byte from 0 to 255");
    return source_quality(code_byte);
}

Result<void> Decoder::Parser::read_quality(Value value, Shape& shape) {
    on::json_type type{};
    constexpr std::string_view wanted = "want a quality byte, or an object of signal and bytes";
    if (const auto code = value.type().get(type)) return fail(code, wanted);
    if (type != on::json_type::object) {
        TRY(shape.quality, read_code(value));
        return {};
    }
    on::object object;
    if (const auto code = value.get_object().get(object)) return fail(code, wanted);
    for (auto entry : object) {
        on::field field;
        if (const auto code = std::move(entry).get(field)) return fail(code, wanted);
        std::string_view name;
        if (const auto code = field.unescaped_key().get(name)) return fail(code, wanted);
        path_.signal = name;
        TRY(Note * note, note_for(name));
        if (note->has_quality) return fail("the signal is there twice");
        TRY_VOID(read_codes(field.value(), *note));
        path_.signal = {};
    }
    return {};
}

Result<void> Decoder::Parser::read_codes(Value value, Note& note) {
    note.has_quality = true;
    note.codes_begin = static_cast<std::uint32_t>(codes_.size());
    on::json_type type{};
    constexpr std::string_view wanted = "want a quality byte, or an array of them";
    if (const auto code = value.type().get(type)) return fail(code, wanted);
    if (type != on::json_type::array) {
        TRY(const auto quality, read_code(value));
        codes_.push_back(quality);
    } else {
        on::array array;
        if (const auto code = value.get_array().get(array)) return fail(code, wanted);
        for (auto element : array) {
            if (codes_.size() >= limits_.points) return fail("more codes than points may be");
            on::value inner;
            if (const auto code = std::move(element).get(inner)) return fail(code, wanted);
            TRY(const auto quality, read_code(inner));
            codes_.push_back(quality);
        }
    }
    note.codes_end = static_cast<std::uint32_t>(codes_.size());
    return {};
}

Result<void> Decoder::Parser::read_units(Value value) {
    constexpr std::string_view wanted = "want an object of signal and unit";
    on::object object;
    if (const auto code = value.get_object().get(object)) return fail(code, wanted);
    for (auto entry : object) {
        on::field field;
        if (const auto code = std::move(entry).get(field)) return fail(code, wanted);
        std::string_view name;
        if (const auto code = field.unescaped_key().get(name)) return fail(code, wanted);
        path_.signal = name;
        TRY(Note * note, note_for(name));
        if (note->unit) return fail("the signal is there twice");
        TRY(note->unit, read_text(field.value(), limits_.unit_bytes));
        path_.signal = {};
    }
    return {};
}

Result<Decoder::Parser::Note*> Decoder::Parser::note_for(std::string_view signal) {
    const auto before = note_names_.size();
    const auto index = note_names_.insert({signal, {}});
    if (index == NameTable::none) return fail("too many signals");
    if (index == before) notes_.push_back({.signal = signal});
    return &notes_[index];
}

Result<std::string_view> Decoder::Parser::read_text(Value value, std::size_t bytes_max) {
    std::string_view text;
    if (const auto code = value.get_string().get(text)) return fail(code, "want a text");
    if (auto good = check_name(text, bytes_max); !good) return fail(good.error().message);
    return text;
}

Error Decoder::Parser::fail(simdjson::error_code code, std::string_view wanted) {
    std::string text(wanted);
    const char* at = nullptr;
    const bool located = document_.current_location().get(at) == simdjson::SUCCESS;
    if (code == simdjson::INCORRECT_TYPE && located)
        text.append(", got ").append(kind_of(*at));
    else
        text.append("; ").append(simdjson::error_message(code));
    return fail(text);
}

Error Decoder::Parser::fail(std::string_view what) {
    return {Errc::invalid_input, where().append(": ").append(what)};
}

std::string Decoder::Parser::where() {
    constexpr std::size_t shown_max = 64;
    std::string text;
    if (path_.object >= 0) text.append("[").append(std::to_string(path_.object)).append("]");
    for (const auto part : {path_.key, path_.signal}) {
        if (part.empty()) continue;
        if (!text.empty()) text.push_back('.');
        std::size_t end = std::min(part.size(), shown_max);
        while (end < part.size() && (static_cast<unsigned char>(part[end]) & 0xc0) == 0x80) --end;
        for (const char c : part.substr(0, end))
            text.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
    }
    if (path_.element >= 0) text.append("[").append(std::to_string(path_.element)).append("]");
    if (text.empty()) text = "message";
    const char* at = nullptr;
    if (document_.current_location().get(at) == simdjson::SUCCESS)
        text.append(" (byte ").append(std::to_string(at - padded_.data())).append(")");
    return text;
}

}  // namespace mw::payload
