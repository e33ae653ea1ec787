#include "data/datasets/card.h"

namespace mw::datasets {
namespace {

constexpr std::string_view not_said = "not stated";

Json value_at(const Json& from, std::string_view path) {
    const Json* found = find(from, path);
    return found ? *found : Json(nullptr);
}

// What a person reads in a card: texts plain, lists with commas.
std::string shown(const Json& card, std::string_view path) {
    const Json* value = find(card, path);
    if (!value || value->is_null()) return std::string(not_said);
    if (value->is_string()) return std::string(value->get_string());
    if (!value->is_array()) return to_json(*value);
    std::string text;
    for (const Json& item : value->get_array())
        text += (text.empty() ? "" : ", ") +
                (item.is_string() ? std::string(item.get_string()) : to_json(item));
    return text.empty() ? "none" : text;
}

// A cell of a Markdown table.
std::string cell_text(const Json& row, std::string_view key) {
    std::string text;
    for (const char c : shown(row, key)) {
        if (c == '|') text += '\\';
        text += c == '\n' ? ' ' : c;
    }
    return text;
}

void add_line(std::string& out, const char* name, const std::string& value) {
    out += "- **" + std::string(name) + "**: " + value + "\n";
}

void add_rows(std::string& out, const Json& card, const char* path,
              std::initializer_list<const char*> keys) {
    const Json* list = find(card, path);
    if (!list || !list->is_array() || list->get_array().empty()) return;
    out += "\n|";
    for (const char* key : keys) out += " " + std::string(key) + " |";
    out += "\n|";
    for (std::size_t i = 0; i < keys.size(); ++i) out += "---|";
    out += "\n";
    for (const Json& row : list->get_array()) {
        out += "|";
        for (const char* key : keys) out += " " + cell_text(row, key) + " |";
        out += "\n";
    }
}

}  // namespace

Result<Json> data_card(const Resource& dataset) {
    if (find_string(dataset.status, "state") != "frozen")
        return Error{Errc::conflict, "dataset '" + dataset.name + "' is " +
                                         find_string(dataset.status, "state").value_or("waiting") +
                                         ", not frozen"};
    const Json& spec = dataset.spec;
    const Json& status = dataset.status;
    JsonObject labels{{"signal", value_at(spec, "labels.signal")},
                      {"answers", find_bool(spec, "labels.answers").value_or(true)},
                      {"as_of", value_at(status, "answers_as_of")},
                      {"authors", value_at(status, "authors")},
                      {"labelled_rows", value_at(status, "labelled_rows")},
                      {"anomalous_rows", value_at(status, "anomalous_rows")}};
    JsonObject card{{"format", "millwright.data-card"},
                    {"version", 1},
                    {"name", dataset.name},
                    {"domain", dataset.domain},
                    {"description", value_at(spec, "description")},
                    {"purpose", value_at(spec, "purpose")},
                    {"sha256", value_at(status, "sha256")},
                    {"size", value_at(status, "size")},
                    {"frozen_at", value_at(status, "frozen_at")},
                    {"from", value_at(spec, "from")},
                    {"to", value_at(spec, "to")},
                    {"rows", value_at(status, "rows")},
                    {"devices", value_at(status, "devices")},
                    {"signals", value_at(status, "signals")},
                    {"quarantined_points", value_at(status, "quarantined_points")},
                    {"quality", value_at(status, "quality")},
                    {"labels", std::move(labels)},
                    {"contract", value_at(status, "contract")},
                    {"splits", value_at(status, "splits")},
                    {"split_rules", value_at(spec, "splits")},
                    {"leaks", value_at(status, "leaks")},
                    {"sql", value_at(status, "sql")},
                    {"read", value_at(status, "read")}};
    return Json(std::move(card));
}

std::string card_markdown(const Json& card) {
    std::string out = "# Dataset " + shown(card, "name") + "\n\n" + shown(card, "description") +
                      "\n\n## What it is\n";
    add_line(out, "purpose", shown(card, "purpose"));
    add_line(out, "rows", shown(card, "rows") + " of " + shown(card, "devices") + " devices");
    add_line(out, "when", shown(card, "from") + " to " + shown(card, "to"));
    add_line(out, "frozen", shown(card, "frozen_at"));
    add_line(out, "SHA-256 of dataset.csv", shown(card, "sha256"));
    out += "\n## From whom\n";
    add_line(out, "data product",
             shown(card, "contract.product") + ", contract version " +
                 shown(card, "contract.version") + " (generation " +
                 shown(card, "contract.generation") + ")");
    add_line(out, "owner", shown(card, "contract.owner"));
    add_line(out, "query", "`" + shown(card, "sql") + "`");
    out += "\n## What one may do with it\n";
    add_line(out, "classification",
             find_string(card, "contract.classification")
                 .value_or("internal (the default of a data product)"));
    add_line(out, "residency", shown(card, "contract.residency"));
    add_line(out, "usage", shown(card, "contract.usage"));
    add_line(out, "limitations", shown(card, "contract.limitations"));
    out += "\n## How good it is\n";
    add_line(out, "bad points left out", shown(card, "quarantined_points"));
    add_rows(out, card, "quality", {"signal", "points", "good", "uncertain", "missing"});
    out += "\n## Labels\n";
    add_line(out, "rows with a label",
             shown(card, "labels.labelled_rows") + ", anomalous " +
                 shown(card, "labels.anomalous_rows"));
    add_line(out, "signal", shown(card, "labels.signal"));
    add_line(out, "answers as of", shown(card, "labels.as_of"));
    add_line(out, "authors", shown(card, "labels.authors"));
    out += "\n## Splits\n";
    if (!find(card, "splits") || find(card, "splits")->is_null()) out += "none\n";
    add_rows(out, card, "splits", {"name", "rows", "devices", "labelled_rows", "anomalous_rows"});
    out += "\n## Leaks\n";
    if (!find(card, "leaks.told")) out += "none was found\n";
    add_rows(out, card, "leaks.told", {"kind", "device", "from", "to", "rows", "says"});
    return out;
}

}  // namespace mw::datasets
