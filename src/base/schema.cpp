#include "base/schema.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <regex>
#define VALIJSON_USE_EXCEPTIONS 1  // otherwise it ends the process on a broken schema
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace mw {
namespace {

constexpr std::size_t faults_max = 20;
constexpr std::size_t shown_bytes = 60;
constexpr std::size_t matched_max = 1024;  // bytes of a text that a pattern is run on

using Path = std::vector<std::string>;  // keys as they are, elements as "[2]"

std::string dotted(const Path& path) {
    std::string text;
    for (const auto& step : path) {
        if (!text.empty() && !step.starts_with('[')) text += '.';
        text += step;
    }
    return text;
}

std::string shown(const Json& value) {
    std::string text = to_json(value);
    if (text.size() > shown_bytes) text.resize(shown_bytes), text += "...";
    return text;
}

std::string type_name(const Json& value) {
    switch (value.kind()) {
        case boost::json::kind::null:
            return "null";
        case boost::json::kind::bool_:
            return "boolean";
        case boost::json::kind::int64:
        case boost::json::kind::uint64:
            return "integer";
        case boost::json::kind::double_:
            return "number";
        case boost::json::kind::string:
            return "string";
        case boost::json::kind::array:
            return "array";
        case boost::json::kind::object:
            return "object";
    }
    return "value";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

const JsonObject* object_at(const JsonObject& schema, std::string_view key) {
    const Json* part = schema.if_contains(key);
    return part && part->is_object() ? &part->as_object() : nullptr;
}

// "#/definitions/x" inside the same document; others are left alone.
const JsonObject* resolved(const JsonObject* schema, const Json& root) {
    for (int hops = 0; schema && hops < 16; ++hops) {
        const Json* reference = schema->if_contains("$ref");
        if (!reference || !reference->is_string()) return schema;
        std::string_view text{reference->as_string()};
        if (!text.starts_with("#/")) return schema;
        boost::system::error_code failed;
        const Json* target = root.find_pointer(text.substr(1), failed);
        schema = target && target->is_object() ? &target->as_object() : nullptr;
    }
    return schema;
}

// The schema of a key or element, where plain keywords give it; null under anyOf and the like.
const JsonObject* step_into(const JsonObject& schema, const std::string& step, bool element,
                            const Json& root) {
    if (element) return resolved(object_at(schema, "items"), root);
    if (const auto* properties = object_at(schema, "properties"))
        if (const auto* property = object_at(*properties, step)) return resolved(property, root);
    return resolved(object_at(schema, "additionalProperties"), root);
}

const Json* value_at(const Json& document, const Path& path) {
    const Json* at = &document;
    for (const auto& step : path) {
        if (at->is_array()) {
            auto index = static_cast<std::size_t>(std::stoul(step.substr(1)));
            at = index < at->as_array().size() ? &at->as_array()[index] : nullptr;
        } else {
            at = at->is_object() ? at->as_object().if_contains(step) : nullptr;
        }
        if (!at) return nullptr;
    }
    return at;
}

bool is_a(const Json& value, std::string_view type) {
    std::string actual = type_name(value);
    if (type == "integer" && value.is_double()) {
        double number = value.as_double();
        return number == std::floor(number) && std::abs(number) < 9e15;
    }
    return actual == type || (type == "number" && actual == "integer");
}

std::vector<std::string> types_of(const JsonObject& schema) {
    std::vector<std::string> types;
    const Json* type = schema.if_contains("type");
    if (type && type->is_string()) types.emplace_back(type->as_string());
    if (type && type->is_array())
        for (const auto& each : type->as_array())
            if (each.is_string()) types.emplace_back(each.as_string());
    return types;
}

std::optional<double> number_at(const JsonObject& schema, std::string_view key) {
    const Json* part = schema.if_contains(key);
    if (!part || !part->is_number()) return {};
    return part->to_number<double>();
}

std::string number_text(double value) {
    bool whole = value == std::floor(value) && std::abs(value) < 9e15;
    return to_json(whole ? Json(static_cast<std::int64_t>(value)) : Json(value));
}

void explain_type(const JsonObject& schema, const Json& value, std::vector<std::string>& out) {
    auto types = types_of(schema);
    if (!types.empty() &&
        std::ranges::none_of(types, [&](auto& type) { return is_a(value, type); }))
        out.push_back("want " + joined(types) + ", got " + type_name(value) + " " + shown(value));
}

void explain_choice(const JsonObject& schema, const Json& value, std::vector<std::string>& out) {
    if (const Json* only = schema.if_contains("const"); only && *only != value)
        out.push_back("must be " + shown(*only) + ", got " + shown(value));
    const Json* choices = schema.if_contains("enum");
    if (!choices || !choices->is_array()) return;
    if (std::ranges::find(choices->as_array(), value) != choices->as_array().end()) return;
    std::vector<std::string> words;
    for (const auto& choice : choices->as_array())
        words.push_back(choice.is_string() ? std::string(choice.as_string()) : shown(choice));
    std::string message = shown(value) + " is not one of " + joined(words);
    std::string near = value.is_string() ? nearest_word(value.as_string(), words) : "";
    if (!near.empty()) message += "; did you mean '" + near + "'?";
    out.push_back(std::move(message));
}

void explain_number(const JsonObject& schema, const Json& value, std::vector<std::string>& out) {
    if (!value.is_number()) return;
    auto number = value.to_number<double>();
    auto low = number_at(schema, "minimum"), above = number_at(schema, "exclusiveMinimum");
    auto high = number_at(schema, "maximum"), below = number_at(schema, "exclusiveMaximum");
    if (low && number < *low)
        out.push_back(shown(value) + " is below the minimum, " + number_text(*low));
    if (above && number <= *above)
        out.push_back(shown(value) + " must be greater than " + number_text(*above));
    if (high && number > *high)
        out.push_back(shown(value) + " is above the maximum, " + number_text(*high));
    if (below && number >= *below)
        out.push_back(shown(value) + " must be less than " + number_text(*below));
}

void explain_size(const JsonObject& schema, const Json& value, std::vector<std::string>& out) {
    struct Sized {
        bool applies;
        std::size_t size;
        const char *min, *max, *noun;
    };
    const Sized sized =
        value.is_string()
            ? Sized{true, value.as_string().size(), "minLength", "maxLength", "characters"}
        : value.is_array()
            ? Sized{true, value.as_array().size(), "minItems", "maxItems", "elements"}
        : value.is_object()
            ? Sized{true, value.as_object().size(), "minProperties", "maxProperties", "keys"}
            : Sized{};
    if (!sized.applies) return;
    auto min = number_at(schema, sized.min), max = number_at(schema, sized.max);
    auto has = [&] { return "has " + std::to_string(sized.size) + " " + sized.noun; };
    if (min && static_cast<double>(sized.size) < *min)
        out.push_back(has() + ", want at least " + number_text(*min));
    if (max && static_cast<double>(sized.size) > *max)
        out.push_back(has() + ", want at most " + number_text(*max));
}

}  // namespace

struct Schema::Compiled {
    Json source;
    valijson::Schema parsed;
};

namespace {

// valijson says that an object failed; people want to know which key and what to write instead. So
// the plain keywords are explained from the schema, and valijson's words serve for the rest.
class Explainer {
 public:
    Explainer(const Json& schema, const Json& document) : root_(schema), document_(document) {}

    void add(const Path& path, const std::string& fallback) {
        const Json* value = value_at(document_, path);
        const JsonObject* schema =
            root_.is_object() ? resolved(&root_.as_object(), root_) : nullptr;
        Path walked;
        for (const auto& step : path) {
            const Json* at = schema ? value_at(document_, walked) : nullptr;
            schema = at ? step_into(*schema, step, at->is_array(), root_) : nullptr;
            walked.push_back(step);
        }
        auto before = faults_.size();
        if (value && schema) explain(path, *schema, *value);
        if (faults_.size() == before && !covered(path)) keep({dotted(path), fallback});
    }
    std::vector<SchemaFault> take() { return std::move(faults_); }
    bool full() const { return faults_.size() >= faults_max; }

 private:
    void explain(const Path& path, const JsonObject& schema, const Json& value) {
        std::vector<std::string> messages;
        explain_type(schema, value, messages);
        if (messages.empty()) {
            explain_choice(schema, value, messages);
            explain_number(schema, value, messages);
            explain_size(schema, value, messages);
        }
        for (auto& message : messages) keep({dotted(path), std::move(message)});
        if (value.is_object()) explain_keys(path, schema, value.as_object());
        explain_pattern(path, schema, value);
    }

    void explain_keys(const Path& path, const JsonObject& schema, const JsonObject& value) {
        std::vector<std::string> known;
        const auto* properties = object_at(schema, "properties");
        if (properties)
            for (const auto& property : *properties) known.emplace_back(property.key());
        if (const Json* required = schema.if_contains("required"); required && required->is_array())
            for (const auto& key : required->as_array())
                if (key.is_string() && !value.contains(key.as_string())) {
                    Path missing = path;
                    missing.emplace_back(key.as_string());
                    keep({dotted(missing), "is required" + wanted(properties, key.as_string())});
                }
        const Json* others = schema.if_contains("additionalProperties");
        if (!others || *others != Json(false) || schema.contains("patternProperties")) return;
        for (const auto& [key, part] : value) {
            if (std::ranges::find(known, std::string(key)) != known.end()) continue;
            Path unknown = path;
            unknown.emplace_back(key);
            std::string near = nearest_word(key, known);
            std::string remedy = !near.empty()   ? "; did you mean '" + near + "'?"
                                 : known.empty() ? "; no keys are allowed here"
                                                 : "; known keys: " + joined(known);
            keep({dotted(unknown), "unknown key '" + std::string(key) + "'" + remedy});
        }
    }

    // " (string: what the schema's description says)"
    std::string wanted(const JsonObject* properties, std::string_view key) const {
        const auto* property = properties ? resolved(object_at(*properties, key), root_) : nullptr;
        if (!property) return "";
        std::string text = joined(types_of(*property));
        const Json* description = property->if_contains("description");
        if (description && description->is_string())
            text += (text.empty() ? "" : ": ") + std::string(description->as_string());
        return text.empty() ? "" : " (" + text + ")";
    }

    void explain_pattern(const Path& path, const JsonObject& schema, const Json& value) {
        const Json* pattern = schema.if_contains("pattern");
        if (!pattern || !pattern->is_string() || !value.is_string()) return;
        if (covered(path) || matches(pattern->as_string(), value.as_string())) return;
        std::string message = shown(value) + " does not match " + std::string(pattern->as_string());
        const Json* description = schema.if_contains("description");
        if (description && description->is_string())
            message += " (" + std::string(description->as_string()) + ")";
        keep({dotted(path), std::move(message)});
    }

    static bool matches(std::string_view pattern, std::string_view text) {
        return std::regex_search(text.begin(), text.end(), std::regex{std::string(pattern)});
    }

    // valijson also reports every parent of what failed.
    bool covered(const Path& path) const {
        std::string prefix = dotted(path);
        return std::ranges::any_of(faults_, [&](const SchemaFault& fault) {
            return fault.path.starts_with(prefix) &&
                   (prefix.empty() || fault.path.size() == prefix.size() ||
                    fault.path[prefix.size()] == '.' || fault.path[prefix.size()] == '[');
        });
    }

    void keep(SchemaFault fault) {
        for (const auto& known : faults_)
            if (known.path == fault.path && known.message == fault.message) return;
        if (!full()) faults_.push_back(std::move(fault));
    }

    const Json& root_;
    const Json& document_;
    std::vector<SchemaFault> faults_;
};

// valijson writes "<root>", "[key]" and "[3]" alike; the document tells which is which.
Path to_path(const std::vector<std::string>& context, const Json& document) {
    Path path;
    const Json* at = &document;
    for (const auto& step : context) {
        if (step == "<root>" || step.size() < 3) continue;
        std::string inside = step.substr(1, step.size() - 2);
        bool element = at && at->is_array();
        path.push_back(element ? step : inside);
        at = value_at(document, path);
    }
    return path;
}

// std::regex recurses once per character, so a long text against a pattern would end the process.
// The limit holds where plain keywords lead to the pattern; write schemas so.
void find_long_texts(const Json& root, const JsonObject& schema, const Json& value, Path& path,
                     std::vector<SchemaFault>& out) {
    bool keys = schema.contains("patternProperties");
    if (value.is_string() && schema.contains("pattern") && value.as_string().size() > matched_max)
        out.push_back({dotted(path), "is longer than " + std::to_string(matched_max) + " bytes"});
    auto descend = [&](std::string step, const Json& part) {
        if (keys && step.size() > matched_max)
            out.push_back({dotted(path), "has a key longer than " + std::to_string(matched_max)});
        if (const auto* inner = step_into(schema, step, value.is_array(), root);
            inner && out.size() < faults_max) {
            path.push_back(std::move(step));
            find_long_texts(root, *inner, part, path, out);
            path.pop_back();
        }
    };
    if (value.is_object())
        for (const auto& [key, part] : value.as_object()) descend(std::string(key), part);
    if (value.is_array())
        for (std::size_t i = 0; i < value.as_array().size(); ++i)
            descend("[" + std::to_string(i) + "]", value.as_array()[i]);
}

// valijson reads texts as C strings: what follows a zero byte would pass unchecked.
bool has_zero_byte(const Json& value) {
    auto in = [](std::string_view text) { return text.find('\0') != text.npos; };
    if (value.is_string()) return in(value.as_string());
    if (value.is_array()) return std::ranges::any_of(value.as_array(), has_zero_byte);
    if (!value.is_object()) return false;
    return std::ranges::any_of(value.as_object(), [&](const auto& pair) {
        return in(pair.key()) || has_zero_byte(pair.value());
    });
}

// Optimal string alignment: two letters that changed places cost one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                                   cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest_word(std::string_view written, const std::vector<std::string>& known) {
    std::string nearest;
    if (written.size() > 100) return nearest;
    std::size_t least = 3;
    for (const auto& word : known) {
        if (word.size() > 100) continue;
        std::size_t distance = edit_distance(written, word);
        if (distance < least && distance * 3 <= std::max(written.size(), word.size()))
            least = distance, nearest = word;
    }
    return nearest;
}

Result<Schema> Schema::compile(Json schema) {
    auto compiled = std::make_shared<Compiled>();
    compiled->source = std::move(schema);
    try {
        valijson::SchemaParser parser{valijson::SchemaParser::kDraft7};
        valijson::adapters::BoostJsonAdapter adapter{compiled->source};
        parser.populateSchema(adapter, compiled->parsed);
    } catch (const std::exception& failed) {
        return Error{Errc::invalid_input, std::string("JSON schema: ") + failed.what()};
    }
    return Schema{std::move(compiled)};
}

std::vector<SchemaFault> Schema::faults(const Json& document) const {
    try {
        if (has_zero_byte(document)) return {{"", "holds a text with a zero byte; remove it"}};
        std::vector<SchemaFault> too_long;
        Path path;
        if (compiled_->source.is_object())
            find_long_texts(compiled_->source, compiled_->source.as_object(), document, path,
                            too_long);
        if (!too_long.empty()) return too_long;
        // Keeps the patterns that it compiled: few, those of our own schemas.
        thread_local valijson::Validator validator;
        valijson::ValidationResults results;
        valijson::adapters::BoostJsonAdapter adapter{document};
        if (validator.validate(compiled_->parsed, adapter, &results)) return {};
        Explainer explainer{compiled_->source, document};
        for (const auto& error : results) {
            if (explainer.full()) break;
            explainer.add(to_path(error.context, document), error.description);
        }
        return explainer.take();
    } catch (const std::exception& failed) {  // a pattern that std::regex cannot run, for one
        return {{"", std::string("could not be checked: ") + failed.what()}};
    }
}

Result<> Schema::check(const Json& document) const {
    auto found = faults(document);
    if (found.empty()) return {};
    std::string message = found[0].message;
    if (!found[0].path.empty()) message = found[0].path + ": " + message;
    if (found.size() > 1) message += " (and " + std::to_string(found.size() - 1) + " more)";
    return Error{Errc::invalid_input, std::move(message)};
}

const Json& Schema::source() const { return compiled_->source; }

}  // namespace mw
