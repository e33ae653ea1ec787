#include "protocols/payload/encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace mw::payload {
namespace {

template <class Number>
void append_digits(Number number, std::string& out) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    out.append(text, static_cast<std::size_t>(end - text));
}

void append_text(std::string_view text, std::string& out);

void append_value(double value, const Boxes* boxes, std::string& out) {
    if (std::isfinite(value)) [[likely]]
        return append_digits(value, out);
    if (const auto text = boxes ? boxes->text(value) : std::nullopt) return append_text(*text, out);
    if (const auto integer = boxes ? boxes->integer(value) : std::nullopt)
        return append_digits(*integer, out);
    out.append(std::isnan(value) ? "null" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

void append_text(std::string_view text, std::string& out) {
    out.push_back('"');
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20) {
            constexpr char digits[] = "0123456789abcdef";
            out.append("\\u00").push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        } else {
            if (c == '"' || c == '\\') out.push_back('\\');
            out.push_back(c);
        }
    }
    out.push_back('"');
}

void append_header(const Header& header, std::string& out) {
    if (header.sequence > 0) {
        out.append("\"seq\":");
        append_digits(header.sequence, out);
        out.push_back(',');
    }
    if (header.replayed) out.append("\"replayed\":true,");
}

// What travels is the source's word: its class. That a value is no number says the value itself.
int source_code(Quality quality) {
    if (quality.is_good() || quality == Quality::bad(Reason::not_a_number)) return 192;
    return quality.is_uncertain() ? 64 : 0;
}

// ,"name":{"signal":part,...} of the parts that there are; nothing when there are none.
class Note {
 public:
    Note(std::string_view name, std::string& out) : name_(name), out_(out) {}
    ~Note() {
        if (opened_) out_.push_back('}');
    }
    // Before the part of a signal.
    void key(std::string_view signal) {
        if (opened_)
            out_.push_back(',');
        else
            out_.append(",\"").append(name_).append("\":{");
        opened_ = true;
        append_text(signal, out_);
        out_.push_back(':');
    }

 private:
    std::string_view name_;
    std::string& out_;
    bool opened_ = false;
};

template <class Signals>
void append_units(const Signals& signals, std::string& out) {
    Note note("units", out);
    for (const auto& each : signals) {
        if (each.unit.empty()) continue;
        note.key(each.signal);
        append_text(each.unit, out);
    }
}

template <class Signals>
void append_codes(const Signals& signals, std::string& out) {
    Note note("q", out);
    for (const auto& each : signals) {
        if (source_code(each.quality) == 192) continue;
        note.key(each.signal);
        append_digits(source_code(each.quality), out);
    }
}

void append_values(Header header, Timestamp time, std::span<const Sample> samples,
                   std::string& out) {
    out.push_back('{');
    append_header(header, out);
    out.append("\"t\":");
    append_digits(time.ns, out);
    out.append(",\"values\":{");
    for (const auto& sample : samples) {
        if (&sample != samples.data()) out.push_back(',');
        append_text(sample.signal, out);
        out.push_back(':');
        append_value(sample.value, sample.boxes, out);
    }
    out.push_back('}');
    append_units(samples, out);
    append_codes(samples, out);
    out.push_back('}');
}

// A run of a batch on its way out. Its samples' codes travel one by one where they differ.
struct Strip {
    std::string_view signal;
    std::string_view unit;
    std::span<const Timestamp> times;
    std::span<const double> values;
    std::span<const Quality> codes;
    const Boxes* boxes;
};

bool is_uniform(std::span<const Quality> codes) {
    return std::all_of(codes.begin(), codes.end(), [&](Quality each) {
        return source_code(each) == source_code(codes.front());
    });
}

void append_strip_codes(std::span<const Strip> strips, std::string& out) {
    Note note("q", out);
    for (const auto& strip : strips) {
        const bool uniform = is_uniform(strip.codes);
        if (uniform && source_code(strip.codes.front()) == 192) continue;
        note.key(strip.signal);
        if (!uniform) out.push_back('[');
        for (std::size_t i = 0; i < (uniform ? 1 : strip.codes.size()); ++i) {
            if (i > 0) out.push_back(',');
            append_digits(source_code(strip.codes[i]), out);
        }
        if (!uniform) out.push_back(']');
    }
}

void append_frame_values(std::string_view signal, std::span<const double> values,
                         const Boxes* boxes, std::string& out) {
    append_text(signal, out);
    out.append(":[");
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) out.push_back(',');
        append_value(values[i], boxes, out);
    }
    out.push_back(']');
}

void append_frame_start(Header header, Timestamp start, std::int64_t step, std::string& out) {
    out.push_back('{');
    append_header(header, out);
    out.append("\"t0\":");
    append_digits(start.ns, out);
    out.append(",\"dt\":");
    append_digits(step, out);
    out.append(",\"frame\":{");
}

// The step of equally spaced times that grow; 0 when they are not.
std::int64_t step_of(std::span<const Timestamp> times) {
    if (times.size() < 2) return 0;
    const std::int64_t step = times[1].ns - times[0].ns;
    if (step <= 0) return 0;
    for (std::size_t i = 2; i < times.size(); ++i)
        if (times[i].ns - times[i - 1].ns != step) return 0;
    return step;
}

void append_strips_as_frame(Header header, std::int64_t step, std::span<const Strip> strips,
                            std::string& out) {
    append_frame_start(header, strips[0].times[0], step, out);
    for (const auto& strip : strips) {
        if (&strip != strips.data()) out.push_back(',');
        append_frame_values(strip.signal, strip.values, strip.boxes, out);
    }
    out.push_back('}');
    append_units(strips, out);
    append_strip_codes(strips, out);
    out.push_back('}');
}

void append_strips_as_rows(Header header, std::span<const Strip> strips, std::string& out) {
    std::vector<Sample> row(strips.size());
    for (std::size_t i = 0; i < strips[0].times.size(); ++i) {
        for (std::size_t s = 0; s < strips.size(); ++s)
            row[s] = {strips[s].signal, strips[s].values[i], strips[s].unit, strips[s].codes[i],
                      strips[s].boxes};
        if (i > 0) out.push_back(',');
        append_values(i > 0 ? Header{} : header, strips[0].times[i], row, out);
    }
}

// Strips that can share an object: the same times, and no signal twice.
std::size_t group_end(std::span<const Strip> strips, std::size_t begin) {
    std::size_t end = begin + 1;
    const auto fits = [&](const Strip& strip) {
        return std::equal(strip.times.begin(), strip.times.end(), strips[begin].times.begin(),
                          strips[begin].times.end()) &&
               std::none_of(strips.begin() + begin, strips.begin() + end,
                            [&](const Strip& other) { return other.signal == strip.signal; });
    };
    while (end < strips.size() && fits(strips[end])) ++end;
    return end;
}

std::vector<Strip> strips_of(const Batch& batch) {
    std::vector<Strip> strips;
    for (const auto& run : batch.runs) {
        if (run.begin == run.end) continue;
        const std::size_t count = run.end - run.begin;
        strips.push_back({run.signal, run.unit, std::span(batch.times).subspan(run.begin, count),
                          std::span(batch.values).subspan(run.begin, count),
                          std::span(batch.quality).subspan(run.begin, count),
                          run.boxed ? &batch.boxes : nullptr});
    }
    return strips;
}

}  // namespace

void encode_values(Header header, Timestamp time, std::span<const Sample> samples,
                   std::string& out) {
    append_values(header, time, samples, out);
}

void encode_frame(Header header, Timestamp start, nanoseconds step, std::span<const Column> columns,
                  std::string& out) {
    append_frame_start(header, start, step.count(), out);
    for (const auto& column : columns) {
        if (&column != columns.data()) out.push_back(',');
        append_frame_values(column.signal, column.values, nullptr, out);
    }
    out.push_back('}');
    append_units(columns, out);
    append_codes(columns, out);
    out.push_back('}');
}

void encode(const Batch& batch, std::string& out) {
    const auto strips = strips_of(batch);
    Header header{batch.position.sequence, batch.replayed};
    const std::size_t start = out.size();
    std::size_t objects = 0;
    out.push_back('[');
    for (std::size_t begin = 0; begin < strips.size();) {
        const std::size_t end = group_end(strips, begin);
        const auto group = std::span(strips).subspan(begin, end - begin);
        if (objects > 0) out.push_back(',');
        const std::int64_t step = step_of(group[0].times);
        objects += step > 0 ? 1 : group[0].times.size();
        if (step > 0)
            append_strips_as_frame(header, step, group, out);
        else
            append_strips_as_rows(header, group, out);
        header = {};
        begin = end;
    }
    if (objects == 1)
        out.erase(start, 1);
    else
        out.push_back(']');
}

void encode(const Decision& decision, std::string& out) { out.append(to_json(to_json(decision))); }

}  // namespace mw::payload
