#include "base/json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <charconv>
#include <cmath>

namespace mw {
namespace {

std::string at_line_and_column(std::string_view text, std::size_t offset) {
    std::size_t line = 1, column = 1;
    for (char c : text.substr(0, offset)) {
        if (c == '\n')
            ++line, column = 1;
        else
            ++column;
    }
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

void indent(std::string& out, int depth) {
    out += '\n';
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

// Doubles in their shortest form that reads back as the same bits; JSON has no NaN and infinity.
void write_scalar(std::string& out, const Json& value) {
    if (!value.is_double()) {
        out += boost::json::serialize(value);
    } else if (!std::isfinite(value.get_double())) {
        out += "null";
    } else {
        char text[32];
        const auto end = std::to_chars(text, text + sizeof text, value.get_double()).ptr;
        out.append(text, end);
        // Still a double when it is read again.
        if (std::string_view(text, end).find_first_of(".e") == std::string_view::npos) out += ".0";
    }
}

void write_compact(std::string& out, const Json& value) {
    bool first = true;
    const auto separate = [&] {
        if (!std::exchange(first, false)) out += ',';
    };
    if (const auto* object = value.if_object()) {
        out += '{';
        for (const auto& [key, part] : *object) {
            separate();
            out += boost::json::serialize(boost::json::string(key)) += ':';
            write_compact(out, part);
        }
        out += '}';
    } else if (const auto* array = value.if_array()) {
        out += '[';
        for (const auto& part : *array) {
            separate();
            write_compact(out, part);
        }
        out += ']';
    } else {
        write_scalar(out, value);
    }
}

void write_pretty(std::string& out, const Json& value, int depth) {
    if (value.is_object() && !value.as_object().empty()) {
        out += '{';
        bool first = true;
        for (const auto& [key, part] : value.as_object()) {
            if (!first) out += ',';
            first = false;
            indent(out, depth + 1);
            out += boost::json::serialize(boost::json::string(key)) += ": ";
            write_pretty(out, part, depth + 1);
        }
        indent(out, depth);
        out += '}';
    } else if (value.is_array() && !value.as_array().empty()) {
        out += '[';
        bool first = true;
        for (const auto& part : value.as_array()) {
            if (!first) out += ',';
            first = false;
            indent(out, depth + 1);
            write_pretty(out, part, depth + 1);
        }
        indent(out, depth);
        out += ']';
    } else {
        write_compact(out, value);  // a scalar, or something empty
    }
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = 64;
    boost::json::stream_parser parser({}, options);
    boost::system::error_code error;
    std::size_t used = 0;
    try {
        used = parser.write_some(text.data(), text.size(), error);
        if (!error && used < text.size()) error = boost::json::error::extra_data;
        if (!error) parser.finish(error);
        if (!error) return parser.release();
    } catch (const std::exception& e) {
        return Error{Errc::invalid_input, std::string("JSON: ") + e.what()};
    }
    return Error{Errc::invalid_input,
                 "JSON: " + error.message() + " at " + at_line_and_column(text, used)};
}

std::string to_json(const Json& value) {
    std::string out;
    write_compact(out, value);
    return out;
}

std::string to_pretty_json(const Json& value) {
    std::string out;
    write_pretty(out, value, 0);
    return out;
}

const Json* find(const Json& value, std::string_view dotted_path) {
    const Json* at = &value;
    while (!dotted_path.empty()) {
        const auto dot = dotted_path.find('.');
        const auto* object = at->if_object();
        if (!object) return nullptr;
        at = object->if_contains(dotted_path.substr(0, dot));
        if (!at) return nullptr;
        dotted_path = dot == std::string_view::npos ? "" : dotted_path.substr(dot + 1);
    }
    return at;
}

std::optional<std::string> find_string(const Json& value, std::string_view dotted_path) {
    const Json* part = find(value, dotted_path);
    if (!part || !part->is_string()) return std::nullopt;
    return std::string(part->get_string());
}

std::optional<double> find_number(const Json& value, std::string_view dotted_path) {
    const Json* part = find(value, dotted_path);
    if (!part || !part->is_number()) return std::nullopt;
    return part->to_number<double>();
}

std::optional<std::int64_t> find_integer(const Json& value, std::string_view dotted_path) {
    const Json* part = find(value, dotted_path);
    if (!part || !part->is_number()) return std::nullopt;
    boost::system::error_code error;
    const auto number = part->to_number<std::int64_t>(error);
    if (error) return std::nullopt;
    return number;
}

std::optional<bool> find_bool(const Json& value, std::string_view dotted_path) {
    const Json* part = find(value, dotted_path);
    if (!part || !part->is_bool()) return std::nullopt;
    return part->get_bool();
}

Result<std::string> want_string(const Json& value, std::string_view dotted_path) {
    if (auto text = find_string(value, dotted_path)) return *text;
    return Error{Errc::invalid_input, "'" + std::string(dotted_path) + "' must be a string"};
}

void set(Json& value, std::string_view dotted_path, Json part) {
    Json* at = &value;
    for (;;) {
        if (!at->is_object()) *at = JsonObject{};
        const auto dot = dotted_path.find('.');
        Json& next = at->get_object()[dotted_path.substr(0, dot)];
        if (dot == std::string_view::npos) {
            next = std::move(part);
            return;
        }
        at = &next;
        dotted_path = dotted_path.substr(dot + 1);
    }
}

}  // namespace mw
