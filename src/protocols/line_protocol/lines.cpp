#include "protocols/line_protocol/lines.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

namespace mw::line_protocol {
namespace {

constexpr std::int64_t latest_time_ns = 9'200'000'000'000'000'000;  // the year 2261
constexpr std::int64_t exact_whole_max = std::int64_t{1} << 53;
constexpr double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t whole_powers_of_ten[] = {1,      10,      100,       1'000,
                                                 10'000, 100'000, 1'000'000, 10'000'000};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Eight characters as a number: the first is the lowest byte.
std::uint64_t word_at(const char* text) {
    std::uint64_t word = 0;
    std::memcpy(&word, text, sizeof word);
    return word;
}

// Digits at the front of the eight; the sum's carry can only spoil what follows the first other.
unsigned leading_digits(std::uint64_t word) {
    const std::uint64_t away = word ^ 0x3030303030303030;
    const std::uint64_t others = ((away + 0x7676767676767676) | away) & 0x8080808080808080;
    return others == 0 ? 8 : static_cast<unsigned>(std::countr_zero(others)) / 8;
}

// The value of the first `count` digits, 1 to 8: pairs, fours, all eight at once (D. Lemire,
// "Number parsing at a gigabyte per second", 2021).
std::uint64_t value_of_digits(std::uint64_t word, unsigned count) {
    std::uint64_t digits = (word ^ 0x3030303030303030) << (8 * (8 - count));
    digits = digits * 10 + (digits >> 8);
    constexpr std::uint64_t pairs = 0x000000FF000000FF;
    return ((digits & pairs) * 0x000F424000000064 +
            ((digits >> 16) & pairs) * 0x0000271000000001) >>
           32;
}

struct Word {
    std::string_view text;
    double value;
};
constexpr std::uint8_t types_said = 15;
ValueType type_said(std::uint8_t said) {
    switch (said & types_said) {
        case 2:
            return ValueType::integer;
        case 4:
            return ValueType::boolean;
        case 8:
            return ValueType::text;
        default:
            return (said & 8) != 0 ? ValueType::mixed : ValueType::number;
    }
}

constexpr Word bool_words[] = {{"t", 1}, {"T", 1}, {"true", 1},  {"True", 1},  {"TRUE", 1},
                               {"f", 0}, {"F", 0}, {"false", 0}, {"False", 0}, {"FALSE", 0}};

}  // namespace

void Parser::Lines::parse(std::string_view text, const Context& context, Parsed& into) {
    memory_.forget_if_full();
    ++stamp_;
    count_ = 0;
    boxes_.clear();
    touched_.clear();
    has_key_ = false;
    into.devices = into.points = into.lines = into.refused = 0;
    into.errors.clear();
    context_ = &context;
    parsed_ = &into;
    at_ = text.data();
    end_ = at_ + text.size();
    line_number_ = context.lines_before;
    while (at_ != end_ && count_ < limits_.points) {
        ++line_number_;
        read_line();
    }
    into.consumed = static_cast<std::size_t>(at_ - text.data());
    into.last_line = line_number_;
    sort_into(into, context.now);
}

void Parser::Lines::read_line() {
    line_ = at_;
    line_points_ = count_;
    skip_spaces();
    if (at_ == end_) return;
    if (*at_ == '#') return skip_line();
    if (*at_ == '\r' || *at_ == '\n') {
        if (!end_line()) skip_line();
        return;
    }
    ++parsed_->lines;
    if (read_key() && read_fields() && read_time() && end_line()) {
        if (static_cast<std::size_t>(at_ - line_) <= limits_.line_bytes) return;
        fail(line_, "the line is longer than " + std::to_string(limits_.line_bytes) +
                        " bytes; send fewer fields on a line");
    }
    count_ = line_points_;
    at_ = line_;
    skip_line();
}

// `measurement,tags` up to a bare space: most likely the same bytes as in the line that followed
// the line before when they were seen last.
bool Parser::Lines::read_key() {
    const auto left = static_cast<std::size_t>(end_ - at_);
    if (has_key_) {
        const std::uint32_t next = memory_.keys[key_].next;
        const Key& likely = memory_.keys[next];
        const std::size_t size = likely.raw.size();
        if (size < left && at_[size] == ' ' && std::memcmp(at_, likely.raw.data(), size) == 0 &&
            (likely.fallback.empty() || likely.fallback == context_->device)) {
            key_ = next;
            at_ += size + 1;
            return true;
        }
    }
    const char* space = find_bare(at_, ' ');
    if (!space) return fail(at_, "no fields: want 'measurement,tag=x field=1 timestamp'");
    Misread why;
    std::uint32_t found = 0;
    const std::string_view raw(at_, static_cast<std::size_t>(space - at_));
    if (raw.empty() || raw.front() == ',') return fail(at_, "a line begins with its measurement");
    if (!memory_.find_key(raw, context_->device, found, why))
        return fail(at_ + why.at, std::move(why.message));
    if (has_key_) memory_.keys[key_].next = found;
    key_ = found;
    has_key_ = true;
    at_ = space + 1;
    return true;
}

bool Parser::Lines::read_fields() {
    skip_spaces();
    for (std::size_t count = 0;; ++count) {
        if (count == limits_.fields)
            return fail(at_, "more than " + std::to_string(limits_.fields) +
                                 " fields; send them on several lines");
        std::uint32_t series = 0;
        const auto& fields = memory_.keys[key_].fields;
        const auto left = static_cast<std::size_t>(end_ - at_);
        const Key::Field* likely = count < fields.size() ? &fields[count] : nullptr;
        if (likely && likely->mask != 0 && left >= 8 &&
            (word_at(at_) & likely->mask) == likely->word) {
            series = likely->series;
            at_ += likely->size + 1;
        } else if (likely && likely->size < left && at_[likely->size] == '=' &&
                   std::memcmp(at_, likely->raw.data(), likely->size) == 0) {
            series = likely->series;
            at_ += likely->size + 1;
        } else {
            const char* equals = find_bare(at_, '=');
            if (!equals) return fail(at_, "want a field as key=value");
            Misread why;
            const std::string_view raw(at_, static_cast<std::size_t>(equals - at_));
            for (std::size_t i = 0; i < raw.size(); ++i) {
                if (raw[i] == '\\')
                    ++i;
                else if (raw[i] == ' ' || raw[i] == ',')
                    return fail(at_,
                                "want a field as key=value; escape ',', '=' and ' ' in its "
                                "name with a backslash");
            }
            if (!memory_.find_field(key_, raw, series, why))
                return fail(at_, std::move(why.message));
            at_ = equals + 1;
        }
        if (!read_value(series)) return false;
        if (at_ == end_ || *at_ != ',') return true;
        ++at_;
    }
}

bool Parser::Lines::read_value(std::uint32_t series) {
    if (at_ == end_) return fail(at_, "the value is missing");
    const char c = *at_;
    if (is_digit(c) || c == '-' || c == '.' || c == '+') return read_number(series);
    if (c == '"') return read_text(series);
    return read_word(series);
}

// "-123.45": up to seven digits, a point and up to seven more, which is what most numbers are.
// False: it is another, nothing was read.
bool Parser::Lines::read_short_number(std::uint32_t series) {
    constexpr std::ptrdiff_t longest = 24;
    if (end_ - at_ < longest) return false;
    const bool negative = *at_ == '-';
    const char* from = at_ + negative;
    std::uint64_t word = word_at(from);
    const unsigned whole = leading_digits(word);
    if (whole == 0 || whole == 8) return false;
    std::uint64_t digits = value_of_digits(word, whole);
    from += whole;
    double value = static_cast<double>(digits);
    if (*from == '.') {
        word = word_at(++from);
        const unsigned decimals = leading_digits(word);
        if (decimals == 0 || decimals == 8) return false;
        digits = digits * whole_powers_of_ten[decimals] + value_of_digits(word, decimals);
        from += decimals;
        // Both fit into a double, so one division gives the nearest double of the text.
        value = static_cast<double>(digits) / powers_of_ten[decimals];
    }
    if (*from != ',' && *from != ' ') return false;
    add(series, negative ? -value : value, number);
    at_ = from;
    return true;
}

bool Parser::Lines::read_number(std::uint32_t series) {
    if (read_short_number(series)) return true;
    const char* begin = at_;
    const bool negative = *at_ == '-';
    if (negative || *at_ == '+') ++at_;
    std::uint64_t digits = 0;
    const char* first = at_;
    while (at_ != end_ && is_digit(*at_)) digits = digits * 10 + std::uint64_t(*at_++ - '0');
    auto count = at_ - first;
    std::size_t decimals = 0;
    if (at_ != end_ && *at_ == '.') {
        const char* point = ++at_;
        while (at_ != end_ && is_digit(*at_)) digits = digits * 10 + std::uint64_t(*at_++ - '0');
        decimals = static_cast<std::size_t>(at_ - point);
        count += at_ - point;
    } else if (at_ != end_ && (*at_ == 'i' || *at_ == 'u')) {
        return read_whole(series, begin);
    }
    // Both fit into a double, so one division gives the nearest double of the text.
    if (count > 0 && count <= 19 && digits <= std::uint64_t(exact_whole_max) &&
        decimals < std::size(powers_of_ten) && ends_here()) {
        const double value = static_cast<double>(digits) / powers_of_ten[decimals];
        add(series, negative ? -value : value, number);
        return true;
    }
    double value = 0;
    const auto read = std::from_chars(begin + (*begin == '+'), end_, value);
    if (read.ec == std::errc::result_out_of_range)
        return fail(begin, "the number does not fit into a double");
    at_ = read.ptr;
    if (read.ec != std::errc{} || count == 0 || !ends_here())
        return fail(begin, "want a number as 1.5, -2e3, 7i or 7u");
    add(series, value, number);
    return true;
}

// The digits of an `i` or `u` have been passed.
bool Parser::Lines::read_whole(std::uint32_t series, const char* begin) {
    const bool is_signed = *at_ == 'i';
    std::int64_t whole = 0;
    std::uint64_t natural = 0;
    const char* from = begin + (*begin == '+');
    const auto read =
        is_signed ? std::from_chars(from, at_, whole) : std::from_chars(from, at_, natural);
    if (read.ec != std::errc{} || read.ptr != at_)
        return fail(begin, is_signed ? "want a whole number of 64 bits before 'i'"
                                     : "want a whole number from 0 to 2^64-1 before 'u'");
    ++at_;
    if (!ends_here()) return fail(begin, "want ',', ' ' or the end of the line after a number");
    if (is_signed || natural <= std::uint64_t(std::numeric_limits<std::int64_t>::max())) {
        if (!is_signed) whole = static_cast<std::int64_t>(natural);
        add(series, fits_double(whole) ? static_cast<double>(whole) : boxes_.add(whole), integer);
        return true;
    }
    // Of those beyond 63 bits history keeps the nearest double, and says so.
    const auto nearest = static_cast<double>(natural);
    const bool exact = nearest < 0x1p64 && std::uint64_t(nearest) == natural;
    add(series, nearest, exact ? number : number | rounded);
    return true;
}

bool Parser::Lines::read_word(std::uint32_t series) {
    const char* begin = at_;
    while (!ends_here()) ++at_;
    const std::string_view text(begin, static_cast<std::size_t>(at_ - begin));
    for (const Word& word : bool_words)
        if (word.text == text) return add(series, word.value, boolean), true;
    return fail(begin, text.empty() ? "the value is missing"
                                    : "want a number, true or false, or a text in double quotes");
}

// Behind the closing quote; null: there is none, and that was said.
const char* Parser::Lines::end_of_text(const char* begin) {
    const char* at = begin + 1;
    while (at != end_ && *at != '"') {
        if (*at == '\\' && at + 1 != end_) ++at;
        ++at;
    }
    if (at != end_) return at + 1;
    fail(begin, "the text that begins here has no closing quote");
    return nullptr;
}

// A text that history can't keep is passed over and told about; the line's other fields stay.
bool Parser::Lines::read_text(std::uint32_t series) {
    const char* begin = at_;
    at_ = end_of_text(begin);
    if (!at_) return at_ = end_, false;
    if (!ends_here()) return fail(at_, "want ',', ' ' or the end of the line after a text");
    line_number_ += static_cast<std::size_t>(std::count(begin, at_, '\n'));
    unescaped_.clear();
    for (const char* c = begin + 1; c != at_ - 1; ++c) {
        if (*c == '\\' && (c[1] == '"' || c[1] == '\\')) ++c;
        unescaped_.push_back(*c);
    }
    if (unescaped_.size() > text_value_bytes_max)
        note(begin, "a text of " + std::to_string(unescaped_.size()) +
                        " bytes is not stored; at most " + std::to_string(text_value_bytes_max));
    else if (!is_utf8(unescaped_))
        note(begin, "the text is not UTF-8, it is not stored");
    else
        add(series, boxes_.add(unescaped_), text);
    return true;
}

bool Parser::Lines::read_time() {
    skip_spaces();
    std::int64_t time = context_->now.ns;
    if (at_ != end_ && *at_ != '\n' && *at_ != '\r') {
        std::int64_t ticks = 0;
        const char* begin = at_;
        const auto read = std::from_chars(at_, end_, ticks);
        at_ = read.ptr;
        if (read.ec == std::errc::invalid_argument || (read.ec == std::errc{} && !ends_here()))
            return fail(begin, "want a whole number as timestamp");
        if (read.ec != std::errc{} || ticks < 0 ||
            __builtin_mul_overflow(ticks, context_->unit_ns, &time) || time > latest_time_ns)
            return fail(begin, "the timestamp is outside of 1970 to 2261; check ?precision=");
        skip_spaces();
    }
    for (std::size_t i = line_points_; i < count_; ++i) points_[i].time = time;
    return true;
}

bool Parser::Lines::end_line() {
    if (at_ != end_ && *at_ == '\r') ++at_;
    if (at_ == end_) return true;
    if (*at_ != '\n') return fail(at_, "want the end of the line");
    ++at_;
    return true;
}

void Parser::Lines::skip_line() {
    const auto* newline =
        static_cast<const char*>(std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_)));
    at_ = newline ? newline + 1 : end_;
}

// On this line and without a backslash before it; null.
const char* Parser::Lines::find_bare(const char* from, char wanted) const {
    for (; from != end_ && *from != '\n'; ++from) {
        if (*from == wanted) return from;
        if (*from == '\\' && from + 1 != end_ && from[1] != '\n') ++from;
    }
    return nullptr;
}

bool Parser::Lines::fail(const char* at, std::string message) {
    note(at, std::move(message));
    return false;
}

void Parser::Lines::note(const char* at, std::string message) {
    ++parsed_->refused;
    if (parsed_->errors.size() >= limits_.errors) return;
    parsed_->errors.push_back(
        {line_number_, static_cast<std::size_t>(at - line_) + 1, std::move(message)});
}

void Parser::Lines::sort_into(Parsed& into, Timestamp arrival) {
    for (const Point& point : std::span(points_).first(count_)) {
        Series& series = memory_.series[point.series];
        if (series.stamp != stamp_) {
            series.stamp = stamp_;
            series.count = 0;
            Device& device = memory_.devices[series.device];
            if (device.stamp != stamp_) {
                device.stamp = stamp_;
                device.series.clear();
                touched_.push_back(series.device);
            }
            device.series.push_back(point.series);
        }
        ++series.count;
        if ((point.said & ~series.said) != 0) {
            series.said |= point.said;
            memory_.devices[series.device].form = 0;  // a run of it has another type now
        }
    }
    place_runs(into, arrival);
    for (const Point& point : std::span(points_).first(count_)) {
        Series& series = memory_.series[point.series];
        *series.times++ = {point.time};
        *series.values++ = point.value;
        *series.quality++ = (point.said & rounded) == 0
                                ? Quality::good()
                                : Quality::uncertain(Reason::source_uncertain);
    }
    if (!boxes_.empty()) place_boxes(into);
    into.points = count_;
}

// Values of a parse become those of a device's batch.
void Parser::Lines::place_boxes(Parsed& into) {
    for (std::size_t i = 0; i < into.devices; ++i) {
        Batch& batch = into.batches[i];
        for (Run& run : batch.runs)
            for (std::uint32_t row = run.begin; row < run.end; ++row) {
                if (!is_box(batch.values[row])) continue;
                batch.values[row] = batch.boxes.adopt(batch.values[row], boxes_);
                run.boxed = true;
            }
    }
}

// A batch that had this form already keeps its names: they are not even looked at.
void Parser::Lines::name_runs(Device& device, Batch& batch) const {
    if (device.form == 0 || device.series != device.form_series) {
        device.form = new_form();
        device.form_series = device.series;
    }
    if (batch.form == device.form) return;
    batch.form = device.form;
    batch.device.text.assign(device.name);
    batch.position = {};
    batch.replayed = false;
    batch.runs.resize(device.series.size());
    for (std::size_t r = 0; r < device.series.size(); ++r) {
        const Series& series = memory_.series[device.series[r]];
        batch.runs[r].signal.assign(series.signal);
        batch.runs[r].unit.clear();
        batch.runs[r].type = type_said(series.said);
    }
}

void Parser::Lines::place_runs(Parsed& into, Timestamp arrival) {
    if (into.batches.size() < touched_.size()) into.batches.resize(touched_.size());
    into.devices = touched_.size();
    for (std::size_t i = 0; i < touched_.size(); ++i) {
        Device& device = memory_.devices[touched_[i]];
        Batch& batch = into.batches[i];
        name_runs(device, batch);
        batch.arrival = arrival;
        batch.boxes.clear();
        std::uint32_t rows = 0;
        for (std::size_t r = 0; r < device.series.size(); ++r) {
            const std::uint32_t begin = rows;
            rows += memory_.series[device.series[r]].count;
            Run& run = batch.runs[r];
            if (run.begin != begin) run.begin = begin;  // another core may have read it:
            if (run.end != rows) run.end = rows;        // what is the same is not written
            if (run.boxed) run.boxed = false;
        }
        batch.times.resize(rows);
        batch.values.resize(rows);
        batch.quality.resize(rows);
        for (std::size_t r = 0; r < device.series.size(); ++r) {
            Series& series = memory_.series[device.series[r]];
            const std::uint32_t begin = batch.runs[r].begin;
            series.times = batch.times.data() + begin;
            series.values = batch.values.data() + begin;
            series.quality = batch.quality.data() + begin;
        }
    }
}

}  // namespace mw::line_protocol
