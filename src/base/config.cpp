#include "base/config.h"

#include <algorithm>
#include <cmath>

#include "base/schema.h"

namespace mw::config {
namespace {

std::string key_of(const Section& section, std::string_view name) {
    return section.name().empty() ? std::string(name) : section.name() + "." + std::string(name);
}

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::boolean:
            return "true or false";
        case Kind::integer:
            return "a whole number";
        case Kind::number:
            return "a number";
        case Kind::text:
            return "text";
        case Kind::duration:
            return "a duration such as 250ms, 90s or 1h30m";
        case Kind::list:
            return "a list of texts";
        case Kind::objects:
            return "a list of objects";
    }
    return "a value";
}

// Whole numbers as integers: a schema's sizes must be.
Json number_json(double value) {
    bool whole = value == std::floor(value) && std::abs(value) < 9e15;
    return whole ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

// A bound as people would write it for that kind.
std::string bound_text(const Row& row, double bound) {
    if (row.kind == Kind::duration)
        return to_text(nanoseconds{static_cast<std::int64_t>(bound * 1e9)});
    std::string text = to_json(number_json(bound));
    if (row.kind == Kind::text) return text + " bytes long";
    if (row.kind == Kind::list || row.kind == Kind::objects) return text + " elements";
    return row.about.unit.empty() ? text : text + " " + row.about.unit;
}

Error wrong(const std::string& key, std::string what) {
    return Error{Errc::invalid_input, key + ": " + std::move(what)};
}

// The kind as it stands in the document; null when it is another.
bool fits(const Row& row, const Json& value) {
    switch (row.kind) {
        case Kind::boolean:
            return value.is_bool();
        case Kind::integer:
            return value.is_int64() || value.is_uint64();
        case Kind::number:
            return value.is_number();
        case Kind::text:
            return value.is_string();
        case Kind::duration:
            return value.is_string() || value == Json(0);
        case Kind::objects:
            return value.is_array() && std::ranges::all_of(value.as_array(), [](const Json& part) {
                       return part.is_object();
                   });
        case Kind::list:
            break;
    }
    return value.is_array() &&
           std::ranges::all_of(value.as_array(), [](const Json& part) { return part.is_string(); });
}

Result<double> measure(const Row& row, const Json& value) {
    switch (row.kind) {
        case Kind::boolean:
            return 0.0;
        case Kind::integer:
        case Kind::number:
            return value.to_number<double>();
        case Kind::text:
            return static_cast<double>(value.as_string().size());
        case Kind::list:
        case Kind::objects:
            return static_cast<double>(value.as_array().size());
        case Kind::duration:
            break;
    }
    TRY(auto duration, duration_from_json(value));
    return std::chrono::duration<double>(duration).count();
}

// "bridges[1].port: ..."
Result<> check_elements(const Row& row, const std::string& key, const Json& value) {
    std::size_t at = 0;
    for (const Json& element : value.as_array()) {
        if (auto good = row.check(element); !good) {
            const std::string where = key + "[" + std::to_string(at) + "].";
            return Error{Errc::invalid_input, where + good.error().message};
        }
        ++at;
    }
    return {};
}

Result<> check(const Row& row, const std::string& key, const Json& value) {
    if (!fits(row, value)) {
        std::string remedy = row.kind == Kind::duration && value.is_number()
                                 ? "; give the unit, for example " + to_json(value) + "s"
                                 : "";
        return wrong(
            key, "want " + std::string(kind_name(row.kind)) + ", got " + to_json(value) + remedy);
    }
    auto size = measure(row, value);
    if (!size) return wrong(key, size.error().message);
    if (row.about.min && *size < *row.about.min)
        return wrong(key,
                     to_json(value) + " is below the minimum, " + bound_text(row, *row.about.min));
    if (row.about.max && *size > *row.about.max)
        return wrong(key,
                     to_json(value) + " is above the maximum, " + bound_text(row, *row.about.max));
    if (row.kind == Kind::objects) return check_elements(row, key, value);
    const auto& choices = row.about.one_of;
    if (row.kind != Kind::text || choices.empty()) return {};
    std::string written{value.as_string()};
    if (std::ranges::find(choices, written) != choices.end()) return {};
    std::string message = "'" + written + "' is not one of";
    for (const auto& choice : choices) message += " " + choice;
    if (auto near = nearest_word(written, choices); !near.empty())
        message += "; did you mean '" + near + "'?";
    return wrong(key, std::move(message));
}

struct Found {
    const Row* row;
    std::string key;
    const Json* value;
};

// Walks the document against all rows: what is no key and no way to one is unknown.
class Walk {
 public:
    explicit Walk(std::span<const Section> sections) : sections_(sections) {
        for (const auto& section : sections)
            for (const auto& row : section.rows()) keys_.push_back(key_of(section, row.name));
    }

    Result<> into(const std::string& prefix, const JsonObject& object) {
        for (const auto& [name, value] : object) {
            std::string key = prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
            if (const Row* row = row_at(key)) {
                TRY_VOID(check(*row, key, value));
                found_.push_back({row, key, &value});
                continue;
            }
            if (!is_section(key)) return unknown(prefix, key);
            if (value.is_null()) continue;  // a section whose keys are all commented out
            if (!value.is_object())
                return wrong(key, "is a section; want keys under it, got " + to_json(value));
            TRY_VOID(into(key, value.as_object()));
        }
        return {};
    }
    const std::vector<Found>& found() const { return found_; }

 private:
    const Row* row_at(const std::string& key) const {
        for (const auto& section : sections_)
            for (const auto& row : section.rows())
                if (key_of(section, row.name) == key) return &row;
        return nullptr;
    }
    bool is_section(const std::string& key) const {
        return std::ranges::any_of(keys_,
                                   [&](auto& known) { return known.starts_with(key + "."); });
    }

    Error unknown(const std::string& prefix, const std::string& key) const {
        std::vector<std::string> here;  // keys and sections right under the prefix
        std::string lead = prefix.empty() ? "" : prefix + ".";
        for (const auto& known : keys_) {
            if (!known.starts_with(lead)) continue;
            std::string step = known.substr(lead.size());
            step = lead + step.substr(0, step.find('.'));
            if (std::ranges::find(here, step) == here.end()) here.push_back(step);
        }
        std::string near = nearest_word(key, here);
        if (near.empty()) near = nearest_word(key, keys_);
        // The right name in the wrong section.
        std::string last = key.substr(key.rfind('.') + 1);
        for (const auto& known : keys_)
            if (near.empty() && (known == last || known.ends_with("." + last))) near = known;
        if (!near.empty()) return wrong(key, "unknown key; did you mean '" + near + "'?");
        std::string message = "unknown key; known here:";
        for (const auto& step : here) message += " " + step;
        return wrong(key, std::move(message));
    }

    std::span<const Section> sections_;
    std::vector<std::string> keys_;
    std::vector<Found> found_;
};

JsonObject row_schema(const Row& row) {
    JsonObject out;
    std::string help = row.about.help;
    if (!row.about.unit.empty()) help += " [" + row.about.unit + "]";
    out["description"] = help;
    out["default"] = row.initial;
    auto bounds = [&](const char* min, const char* max) {
        if (row.about.min) out[min] = number_json(*row.about.min);
        if (row.about.max) out[max] = number_json(*row.about.max);
    };
    switch (row.kind) {
        case Kind::boolean:
            out["type"] = "boolean";
            break;
        case Kind::integer:
            out["type"] = "integer", bounds("minimum", "maximum");
            break;
        case Kind::number:
            out["type"] = "number", bounds("minimum", "maximum");
            break;
        case Kind::duration:
            out["type"] = JsonArray{"string", "integer"};
            break;
        case Kind::text:
            out["type"] = "string", bounds("minLength", "maxLength");
            break;
        case Kind::list:
            out["type"] = "array", out["items"] = JsonObject{{"type", "string"}};
            bounds("minItems", "maxItems");
            break;
        case Kind::objects:
            out["type"] = "array", out["items"] = schema(row.element);
            out["items"].as_object().erase("$schema");
            bounds("minItems", "maxItems");
            break;
    }
    if (!row.about.one_of.empty()) {
        JsonArray choices;
        for (const auto& choice : row.about.one_of) choices.emplace_back(choice);
        out["enum"] = std::move(choices);
    }
    return out;
}

std::string row_text(const Row& row) {
    std::string text = "  " + row.name;
    text.append(row.name.size() < 24 ? 24 - row.name.size() : 1, ' ');
    text += row.initial.is_string() ? std::string(row.initial.as_string()) : to_json(row.initial);
    if (row.initial.is_string() && row.initial.as_string().empty()) text += "\"\"";
    if (!row.about.unit.empty()) text += " " + row.about.unit;
    text += "\n      " + row.about.help + ".";
    if (row.about.min && row.about.max)
        text += " From " + bound_text(row, *row.about.min) + " to " +
                bound_text(row, *row.about.max) + ".";
    else if (row.about.min)
        text += " At least " + bound_text(row, *row.about.min) + ".";
    else if (row.about.max)
        text += " At most " + bound_text(row, *row.about.max) + ".";
    if (!row.about.one_of.empty()) {
        text += " One of";
        for (const auto& choice : row.about.one_of) text += " " + choice;
        text += ".";
    }
    text += row.about.reload ? " Takes effect on reload.\n" : "\n";
    if (row.kind != Kind::objects) return text;
    std::string inner = explain(row.element);  // each key of one, further in
    if (inner.starts_with("(top level)")) inner.replace(0, 11, "each");
    for (std::size_t at = 0; at < inner.size(); at = inner.find('\n', at), at += at < inner.size())
        if (inner[at] != '\n') inner.insert(at, "    ");
    return text + inner;
}

}  // namespace

Json duration_to_json(nanoseconds duration) {
    return duration.count() == 0 ? Json("0s") : Json(to_text(duration));
}

Result<nanoseconds> duration_from_json(const Json& value) {
    if (value == Json(0)) return nanoseconds{0};
    if (!value.is_string()) return Error{Errc::invalid_input, "want a duration such as 90s"};
    return parse_duration(value.as_string());
}

Result<> read(const Json& document, std::span<const Section> sections) {
    if (document.is_null()) return {};
    if (!document.is_object())
        return Error{Errc::invalid_input, "configuration: want keys and sections at the top level"};
    Walk walk{sections};
    TRY_VOID(walk.into("", document.as_object()));
    for (const auto& [row, key, value] : walk.found())
        if (auto assigned = row->assign(*value); !assigned)
            return wrong(key, assigned.error().message);
    return {};
}

Result<> read(std::string_view yaml, std::span<const Section> sections) {
    TRY(auto documents, parse_yaml(yaml));
    if (documents.empty()) return {};
    if (documents.size() > 1)
        return Error{Errc::invalid_input, "configuration: want one YAML document, got several"};
    return read(documents[0], sections);
}

Json schema(std::span<const Section> sections) {
    JsonObject root{{"$schema", "http://json-schema.org/draft-07/schema#"}};
    auto close = [](JsonObject& object) {
        object["type"] = "object";
        object["additionalProperties"] = false;
        if (!object.contains("properties")) object["properties"] = JsonObject{};
    };
    for (const auto& section : sections) {
        JsonObject* at = &root;
        close(*at);
        std::string_view rest = section.name();
        while (!rest.empty()) {
            auto step = rest.substr(0, rest.find('.'));
            rest.remove_prefix(std::min(rest.size(), step.size() + 1));
            Json& next = (*at)["properties"].as_object()[step];
            if (!next.is_object()) next = JsonObject{};
            at = &next.as_object();
            close(*at);
        }
        if (!section.help().empty() && !section.name().empty())
            (*at)["description"] = section.help();
        for (const auto& row : section.rows())
            (*at)["properties"].as_object()[row.name] = row_schema(row);
    }
    return root;
}

std::string explain(std::span<const Section> sections, std::string_view only) {
    std::string text;
    for (const auto& section : sections) {
        std::string rows;
        bool whole = only.empty() || section.name() == only ||
                     section.name().starts_with(std::string(only) + ".");
        for (const auto& row : section.rows())
            if (whole || key_of(section, row.name) == only) rows += row_text(row);
        if (rows.empty()) continue;
        if (!text.empty()) text += '\n';
        text += (section.name().empty() ? std::string("(top level)") : section.name());
        text += (section.help().empty() ? "" : ": " + section.help()) + "\n" + rows;
    }
    return text;
}

}  // namespace mw::config
