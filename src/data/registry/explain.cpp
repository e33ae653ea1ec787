// Schemas as people read them: a tree on the terminal, a page of Markdown.
#include <algorithm>
#include <functional>

#include "data/registry/kinds.h"

namespace mw::registry {
namespace {

std::string number_text(const Json& value) {
    return value.is_double() && value.get_double() == double(std::int64_t(value.get_double()))
               ? std::to_string(std::int64_t(value.get_double()))
               : to_json(value);
}

std::string type_of(const Json& schema) {
    if (const Json* choices = find(schema, "enum")) {
        std::string text;
        for (const auto& choice : choices->get_array())
            text += (text.empty() ? "" : " | ") +
                    (choice.is_string() ? std::string(choice.get_string()) : to_json(choice));
        return text;
    }
    if (const auto kind = find_string(schema, "x-refers-to")) return "name of a " + *kind;
    if (const auto format = find_string(schema, "x-format")) return *format;
    const Json* type = find(schema, "type");
    if (!type) return "anything";
    if (type->is_array()) {
        std::string text;
        for (const auto& one : type->get_array())
            text += (text.empty() ? "" : " or ") + std::string(one.get_string());
        return text;
    }
    if (*type == "array") {
        const Json* items = find(schema, "items");
        return "list of " + (items ? type_of(*items) : "anything");
    }
    const bool map = *type == "object" && !find(schema, "properties");
    return map ? "map" : std::string(type->get_string());
}

// "required", bounds and the default, as far as the schema has them.
std::string notes_of(const Json& schema, bool required) {
    std::string text;
    const auto add = [&](const std::string& note) { text += (text.empty() ? "" : ", ") + note; };
    if (required) add("required");
    constexpr std::pair<const char*, const char*> bounds[] = {
        {"minimum", "at least "}, {"exclusiveMinimum", "above "},
        {"maximum", "at most "},  {"exclusiveMaximum", "below "},
        {"maxItems", "at most "}, {"maxProperties", "at most "}};
    for (const auto& [key, words] : bounds)
        if (const Json* bound = find(schema, key)) add(words + number_text(*bound));
    if (const Json* fallback = find(schema, "default")) add("default " + to_json(*fallback));
    return text;
}

bool is_required(const Json& schema, std::string_view key) {
    const Json* required = find(schema, "required");
    if (!required || !required->is_array()) return false;
    const auto& names = required->get_array();
    return std::any_of(names.begin(), names.end(),
                       [&](const Json& name) { return name.get_string() == key; });
}

struct Line {
    int depth;
    std::string key;
    const Json* schema;
    bool required;
};

// The keys of a schema and of what it holds, depth first.
void walk(const Json& schema, int depth, std::vector<Line>& lines) {
    if (const Json* properties = find(schema, "properties"))
        for (const auto& [key, part] : properties->get_object()) {
            lines.push_back({depth, std::string(key), &part, is_required(schema, key)});
            walk(part, depth + 1, lines);
        }
    const Json* others = find(schema, "additionalProperties");
    if (others && others->is_object() && !others->get_object().empty()) {
        const bool deeper = find(*others, "properties") || find(*others, "items");
        if (deeper) lines.push_back({depth, "NAME", others, false});
        walk(*others, depth + (deeper ? 1 : 0), lines);
    }
    if (const Json* items = find(schema, "items")) walk(*items, depth, lines);
}

// Follows "kpis.target" from a schema; lists and maps are looked into.
const Json* part_at(const Json& schema, std::string_view path) {
    if (path.empty()) return &schema;
    const auto dot = std::min(path.find('.'), path.size());
    const auto key = path.substr(0, dot);
    const auto rest = path.substr(std::min(dot + 1, path.size()));
    if (const Json* properties = find(schema, "properties"))
        if (const Json* part = properties->get_object().if_contains(key))
            return part_at(*part, rest);
    for (const char* inner : {"items", "additionalProperties"})
        if (const Json* part = find(schema, inner); part && part->is_object())
            if (const Json* found = part_at(*part, path)) return found;
    return nullptr;
}

std::string tree(const Json& schema) {
    std::vector<Line> lines;
    walk(schema, 1, lines);
    std::size_t widest = 0;
    for (const auto& line : lines)
        widest = std::max(widest, std::size_t(line.depth) * 2 + line.key.size());
    std::string text;
    for (const auto& line : lines) {
        std::string row(std::size_t(line.depth) * 2, ' ');
        row += line.key;
        row.append(widest + 2 - row.size(), ' ');
        row += type_of(*line.schema);
        if (const auto notes = notes_of(*line.schema, line.required); !notes.empty())
            row += " (" + notes + ")";
        if (const auto says = find_string(*line.schema, "description")) row += ". " + *says;
        text += row + "\n";
    }
    return text;
}

std::string escaped(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.insert(at, "\\");
    return text;
}

}  // namespace

Result<std::string> explain(const Kind& kind, std::string_view path) {
    const Json* part = part_at(kind.schema.source(), path);
    if (!part)
        return Error{Errc::invalid_input, kind.name + " has no key '" + std::string(path) +
                                              "'; see: millwright explain " + kind.name};
    std::string text = kind.name + (path.empty() ? "" : "." + std::string(path)) + "  (" +
                       kind.plural + ")  " + find_string(*part, "description").value_or("") + "\n";
    // The envelope is the same for all: the spec is what people write.
    return text + tree(path.empty() ? *find(*part, "properties.spec") : *part);
}

std::string kinds_markdown() {
    std::string text =
        "# Kinds\n\nWritten by `millwright explain --markdown`; a test compares. Every resource "
        "has "
        "`kind`, `name`, `domain`,\n`labels`, `spec` (below), and from the hub `status`, "
        "`generation`, `revision`, `created`, `updated`.\n";
    for (const auto& kind : kinds()) {
        text += "\n## " + kind.name + "\n" + kind.description + "\n\n`/v1/" + kind.plural +
                "`\n\n| key | type | bounds | what it is |\n|---|---|---|---|\n";
        std::vector<Line> lines;
        walk(*find(kind.schema.source(), "properties.spec"), 0, lines);
        std::vector<std::string> path;
        for (const auto& line : lines) {
            path.resize(std::size_t(line.depth));
            path.push_back(line.key);
            std::string whole;
            for (const auto& key : path) whole += (whole.empty() ? "" : ".") + key;
            text += "| `" + whole + "` | " + escaped(type_of(*line.schema)) + " | " +
                    escaped(notes_of(*line.schema, line.required)) + " | " +
                    escaped(find_string(*line.schema, "description").value_or("")) + " |\n";
        }
        if (lines.empty()) text += "| (any) | | | |\n";
    }
    return text;
}

}  // namespace mw::registry
