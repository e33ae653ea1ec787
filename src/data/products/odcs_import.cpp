#include <algorithm>
#include <cmath>
#include <regex>
#include <set>

#include "data/products/odcs.h"
#include "data/products/odcs_terms.h"
#include "data/registry/registry.h"

namespace mw::products {
namespace {

constexpr std::size_t paths_max = 200;  // of what is kept, that are told one by one

Error bad_contract(std::string_view path, std::string_view what) {
    return {Errc::invalid_input, std::string(path) + ": " + std::string(what)};
}

bool is_level(const Json& value) {
    for (const char* level : {"public", "internal", "confidential", "restricted"})
        if (value == Json(level)) return true;
    return false;
}

bool is_text_list(const Json& value) {
    return value.is_array() && std::ranges::all_of(value.get_array(), [](const Json& element) {
               return element.is_string();
           });
}

bool is_resource_name(const std::string& text) {
    static const std::regex pattern("[a-z0-9][a-z0-9._-]{0,62}");
    return text.size() <= 63 && std::regex_match(text, pattern);
}

bool is_empty(const Json& value) {
    return (value.is_object() && value.get_object().empty()) ||
           (value.is_array() && value.get_array().empty());
}

// Takes a key out of an object when its value has the form that we know.
template <class Fits>
std::optional<Json> take(JsonObject& from, std::string_view key, Fits fits) {
    Json* value = from.if_contains(key);
    if (!value || !fits(*value)) return std::nullopt;
    Json taken = std::move(*value);
    from.stable_erase(key);
    return taken;
}

bool is_text(const Json& value) { return value.is_string(); }
bool is_number(const Json& value) { return value.is_number(); }

// The form that a key's value must have to be ours.
bool fits_key(std::string_view ours, const Json& value) {
    if (ours == "required" || ours == "critical") return value.is_bool();
    if (ours == "classification") return is_level(value);
    if (ours == "tags" || ours == "residency") return is_text_list(value);
    if (ours == "select") return value.is_object();
    if (ours == "consumers")
        return value.is_array() && std::ranges::all_of(value.get_array(), [](const Json& one) {
                   return find_string(one, "name").has_value();
               });
    if (ours == "spike" || ours == "max_rate" || ours == "good_ratio") return value.is_number();
    if (ours == "max_gap" || ours == "late_p99" || ours == "stuck_after")
        return value.is_string() && parse_duration(value.get_string()).ok();
    return value.is_string();
}

void take_keys(std::span<const SameKey> keys, JsonObject& from, JsonObject& to) {
    for (const auto& key : keys)
        if (auto value =
                take(from, key.theirs, [&](const Json& v) { return fits_key(key.ours, v); }))
            to[key.ours] = std::move(*value);
}

// What is left of an element that is otherwise ours goes with it.
void keep_rest(JsonObject rest, JsonObject& ours) {
    if (!rest.empty()) ours["foreign"] = std::move(rest);
}

// ---- service levels

// Not m, which may be a month, and not years, which have no fixed length.
std::optional<std::string> our_unit(std::string_view unit) {
    static constexpr std::pair<std::string_view, std::string_view> units[] = {
        {"ns", "ns"},    {"us", "us"},     {"ms", "ms"},     {"s", "s"},
        {"sec", "s"},    {"second", "s"},  {"seconds", "s"}, {"min", "m"},
        {"minute", "m"}, {"minutes", "m"}, {"h", "h"},       {"hour", "h"},
        {"hours", "h"},  {"d", "d"},       {"day", "d"},     {"days", "d"}};
    for (const auto& [theirs, ours] : units)
        if (theirs == unit) return std::string(ours);
    return std::nullopt;
}

std::optional<Json> duration_of(const JsonObject& entry) {
    const Json* value = entry.if_contains("value");
    const Json* unit = entry.if_contains("unit");
    std::string text;
    if (value && value->is_string() && !unit) text = std::string(value->get_string());
    if (value && value->is_number() && unit && unit->is_string()) {
        const auto ours = our_unit(unit->get_string());
        const auto number = value->to_number<double>();
        if (!ours || number <= 0) return std::nullopt;
        text = (number == std::floor(number) && number < 9e15
                    ? std::to_string(static_cast<std::int64_t>(number))
                    : mw::to_json(*value)) +
               *ours;
    }
    const auto parsed = parse_duration(text);
    if (!parsed || parsed->count() <= 0) return std::nullopt;
    return Json(text);
}

std::optional<Json> ratio_of(const JsonObject& entry) {
    const Json* value = entry.if_contains("value");
    const Json* unit = entry.if_contains("unit");
    if (!value || !value->is_number()) return std::nullopt;
    const auto number = value->to_number<double>();
    const bool percent = unit && (*unit == Json("%") || *unit == Json("percent"));
    if (!percent && unit && *unit != Json("ratio") && *unit != Json("1")) return std::nullopt;
    if (number < 0 || number > (percent ? 100 : 1)) return std::nullopt;
    if (!percent) return *value;
    return Json(std::round(number * 1e10) / 1e12);
}

class Importer {
 public:
    Importer(const Json& contract, const ImportOptions& options)
        : rest_(contract.get_object()), options_(options) {}

    Result<Imported> run() {
        TRY_VOID(take_head());
        take_description();
        TRY_VOID(take_schema());
        TRY_VOID(take_team());
        take_roles();
        take_sla();
        take_custom();
        for (auto& [name, signal] : signals_) list_.push_back(std::move(signal));
        if (!list_.empty()) spec_["signals"] = std::move(list_);
        if (!rest_.empty()) spec_["foreign"] = std::move(rest_);
        imported_.product.spec = std::move(spec_);
        name_kept();
        TRY_VOID(registry::check(imported_.product).context("as a DataProduct"));
        return std::move(imported_);
    }

 private:
    Result<> take_head() {
        const auto api = find_string(Json(rest_), "apiVersion").value_or("");
        if (!api.starts_with("v3."))
            return bad_contract("apiVersion",
                                "want v3.1.0 or an older v3, got '" + api.substr(0, 40) + "'");
        if (api != "v3.1.0")
            imported_.notes.push_back("apiVersion: exported as v3.1.0 from now on");
        for (const char* key : {"apiVersion", "kind"}) rest_.stable_erase(key);
        auto version = take(rest_, "version", is_text);
        auto status = take(rest_, "status", is_text);
        auto id = take(rest_, "id", is_text);
        if (!version || !status || !id)
            return bad_contract(!version  ? "version"
                                : !status ? "status"
                                          : "id",
                                "is required, a text");
        if (!options_.version.empty()) version = Json(options_.version);
        spec_["version"] = *version;
        spec_["status"] = *status;
        TRY_VOID(take_names());
        const auto& product = imported_.product;
        if (*id != Json(usual_id(product.domain, product.name))) spec_["contract_id"] = *id;
        if (auto tags = take(rest_, "tags", is_text_list)) spec_["tags"] = std::move(*tags);
        return {};
    }

    Result<> take_names() {
        auto& product = imported_.product;
        product.kind = "DataProduct";
        const Json* schema = rest_.if_contains("schema");
        const bool has_table = schema && schema->is_array() && !schema->get_array().empty();
        const auto table =
            has_table ? find_string(schema->get_array()[0], "name").value_or("") : std::string();
        const auto title = take(rest_, "name", is_text);
        const auto text = title ? std::string(title->get_string()) : std::string();
        product.name = !options_.name.empty()    ? options_.name
                       : is_resource_name(table) ? table
                                                 : text;
        if (!is_resource_name(product.name))
            return bad_contract(
                "name", "'" + product.name.substr(0, 63) +
                            "' can't be a data product's name (small letters, digits, . _ -); "
                            "import it with --name");
        if (!table.empty() && table != product.name)
            imported_.notes.push_back("schema[0].name: '" + table + "' is '" + product.name +
                                      "' here");
        if (!text.empty() && text != product.name) spec_["title"] = text;
        const auto domain = take(rest_, "domain", is_text);
        product.domain = !options_.domain.empty() ? options_.domain
                         : domain                 ? std::string(domain->get_string())
                                                  : "default";
        if (domain && product.domain != std::string_view(domain->get_string()))
            imported_.notes.push_back("domain: '" + std::string(domain->get_string()) + "' is '" +
                                      product.domain + "' here");
        if (is_resource_name(product.domain)) return {};
        return bad_contract("domain", "'" + product.domain.substr(0, 63) +
                                          "' is no domain here (small letters, digits, . _ -); "
                                          "import it with --domain");
    }

    void take_description() {
        Json* description = rest_.if_contains("description");
        if (!description || !description->is_object()) return;
        take_keys(description_keys, description->get_object(), spec_);
        if (is_empty(*description)) rest_.stable_erase("description");
    }

    Result<> take_schema() {
        Json* schema = rest_.if_contains("schema");
        if (!schema || !schema->is_array() || schema->get_array().empty()) return {};
        auto& tables = schema->get_array();
        if (!tables[0].is_object()) return bad_contract("schema[0]", "must be an object");
        auto& table = tables[0].get_object();
        table_ = find_string(tables[0], "name").value_or(imported_.product.name);
        table.stable_erase("name");
        JsonArray foreign;
        if (Json* properties = table.if_contains("properties");
            properties && properties->is_array()) {
            for (Json& property : properties->get_array()) take_property(property, foreign);
            table.stable_erase("properties");
        }
        if (!foreign.empty()) table["properties"] = std::move(foreign);
        if (tables.size() > 1)
            imported_.notes.push_back("schema: only the first of " + std::to_string(tables.size()) +
                                      " tables, '" + table_ +
                                      "', is the data product; the others are kept");
        if (tables.size() == 1 && table.empty()) rest_.stable_erase("schema");
        return {};
    }

    void take_property(Json& property, JsonArray& foreign) {
        const auto keys = key_properties();
        if (std::ranges::find(keys, property) != keys.end()) return;
        const auto name = find_string(property, "name").value_or("");
        const auto type = signal_type_of(property);
        if (name.empty() || name == "time" || name == "device" || !type) {
            foreign.push_back(std::move(property));
            return;
        }
        auto& rest = property.get_object();
        JsonObject signal{{"name", name}};
        if (*type != "double") signal["type"] = *type;
        rest.stable_erase("name");
        rest.stable_erase("logicalType");
        take_form(*type, rest, signal);
        take_keys(signal_keys, rest, signal);
        take_quality(rest, signal);
        keep_rest(std::move(rest), signal);
        signals_.emplace_back(name, std::move(signal));
    }

    static std::optional<std::string> signal_type_of(const Json& property) {
        const auto logical = find_string(property, "logicalType").value_or("");
        if (logical == "number") return "double";
        if (logical == "integer") return "int64";
        if (logical == "boolean") return "bool";
        if (logical == "string") return "string";
        if (logical == "array" && find_string(property, "items.logicalType") == "number")
            return "frame";
        return std::nullopt;
    }

    // Bounds and pattern; of a frame they stand with its samples.
    static void take_form(const std::string& type, JsonObject& rest, JsonObject& signal) {
        JsonObject* at = &rest;
        if (type == "frame") {
            at = &rest["items"].get_object();
            at->erase("logicalType");
        }
        if (Json* options = at->if_contains("logicalTypeOptions");
            options && options->is_object()) {
            auto& object = options->get_object();
            const bool numeric = type != "string" && type != "bool";
            if (numeric) {
                if (auto min = take(object, "minimum", is_number)) signal["min"] = *min;
                if (auto max = take(object, "maximum", is_number)) signal["max"] = *max;
            } else if (type == "string") {
                if (auto pattern = take(object, "pattern", is_text)) signal["pattern"] = *pattern;
            }
            if (object.empty()) at->erase("logicalTypeOptions");
        }
        if (type == "frame" && at->empty()) rest.stable_erase("items");
    }

    static void take_quality(JsonObject& rest, JsonObject& signal) {
        Json* quality = rest.if_contains("quality");
        if (!quality || !quality->is_array()) return;
        JsonArray foreign;
        for (Json& rule : quality->get_array()) {
            if (rule.is_object() && (take_telemetry(rule.get_object(), signal) ||
                                     take_values(rule.get_object(), signal)))
                continue;
            foreign.push_back(std::move(rule));
        }
        if (foreign.empty())
            rest.stable_erase("quality");
        else
            *quality = std::move(foreign);
    }

    // True: nothing of the rule is left.
    static bool take_telemetry(JsonObject& rule, JsonObject& signal) {
        const Json* engine = rule.if_contains("engine");
        Json* implementation = rule.if_contains("implementation");
        if (!engine || *engine != Json(telemetry_engine) || !implementation ||
            !implementation->is_object())
            return false;
        auto& checks = implementation->get_object();
        for (const Check& check : telemetry_checks) {
            if (signal.contains(check.key)) continue;
            if (auto value = take(checks, check.implementation,
                                  [&](const Json& v) { return fits_key(check.key, v); }))
                signal[check.key] = std::move(*value);
        }
        return checks.empty() && std::ranges::all_of(rule, [](const auto& part) {
                   return part.key() == "type" || part.key() == "engine" ||
                          part.key() == "dimension" || part.key() == "implementation";
               });
    }

    static bool take_values(JsonObject& rule, JsonObject& signal) {
        const Json whole(rule);
        const Json* values = find(whole, "arguments.validValues");
        if (!values || !is_text_list(*values) || is_empty(*values) || signal.contains("values") ||
            find_string(Json(signal), "type") != "string")
            return false;
        const Json ours = JsonObject{{"type", "library"},
                                     {"metric", "invalidValues"},
                                     {"arguments", JsonObject{{"validValues", *values}}},
                                     {"mustBe", 0}};
        if (whole != ours) return false;
        signal["values"] = *values;
        return true;
    }

    Result<> take_team() {
        Json* team = rest_.if_contains("team");
        if (!team) return {};
        if (team->is_array()) {  // before 3.1 it was a list of people
            imported_.notes.push_back("team: a list of members, exported as a team from now on");
            *team = JsonObject{{"members", std::move(team->get_array())}};
        }
        if (!team->is_object()) return bad_contract("team", "must be an object");
        auto& rest = team->get_object();
        JsonObject ours;
        for (const char* key : {"name", "description"})
            if (auto value = take(rest, key, is_text)) ours[key] = std::move(*value);
        if (Json* members = rest.if_contains("members"); members && members->is_array()) {
            ours["members"] = take_list(members->get_array(), member_keys);
            rest.stable_erase("members");
        }
        keep_rest(std::move(rest), ours);
        rest_.stable_erase("team");
        spec_["team"] = std::move(ours);
        return {};
    }

    static JsonArray take_list(JsonArray& elements, std::span<const SameKey> keys) {
        JsonArray list;
        for (Json& element : elements) {
            JsonObject ours;
            if (element.is_object()) {
                take_keys(keys, element.get_object(), ours);
                keep_rest(std::move(element.get_object()), ours);
            }
            list.push_back(std::move(ours));
        }
        return list;
    }

    void take_roles() {
        Json* roles = rest_.if_contains("roles");
        if (!roles || !roles->is_array()) return;
        spec_["roles"] = take_list(roles->get_array(), role_keys);
        rest_.stable_erase("roles");
    }

    void take_sla() {
        Json* entries = rest_.if_contains("slaProperties");
        if (!entries || !entries->is_array()) return;
        JsonArray foreign;
        JsonObject sla;
        for (Json& entry : entries->get_array())
            if (!entry.is_object() || !take_level(entry.get_object(), sla))
                foreign.push_back(std::move(entry));
        if (!sla.empty()) spec_["sla"] = std::move(sla);
        if (foreign.empty())
            rest_.stable_erase("slaProperties");
        else
            *entries = std::move(foreign);
    }

    // False: something of the entry is left, to be kept.
    bool take_level(JsonObject& entry, JsonObject& sla) {
        const auto property = find_string(Json(entry), "property").value_or("");
        const auto element = find_string(Json(entry), "element").value_or("");
        const bool whole = element.empty() || element == table_;
        const bool is_duration =
            std::ranges::find(sla_durations, property) != std::end(sla_durations);
        const bool is_ratio = std::ranges::find(sla_ratios, property) != std::end(sla_ratios);
        if (!is_duration && !is_ratio) return false;
        auto value = is_duration ? duration_of(entry) : ratio_of(entry);
        if (!value) return false;
        JsonObject* target = nullptr;
        if (whole && !sla.contains(property)) target = &sla;
        std::string key = property;
        if (!whole && property == "frequency") {
            target = signal_named(element);
            key = "every";
        }
        if (!target || target->contains(key)) return false;
        (*target)[key] = std::move(*value);
        for (const char* taken : {"value", "unit"}) entry.stable_erase(taken);
        if (whole) entry.stable_erase("element");
        return entry.size() == (whole ? 1u : 2u);  // only says what it is about
    }

    JsonObject* signal_named(const std::string& element) {
        for (auto& [name, signal] : signals_)
            if (element == table_ + "." + name) return &signal;
        return nullptr;
    }

    void take_custom() {
        Json* properties = rest_.if_contains("customProperties");
        if (!properties || !properties->is_array()) return;
        JsonArray foreign;
        for (Json& property : properties->get_array())
            if (!take_custom_one(property)) foreign.push_back(std::move(property));
        if (foreign.empty())
            rest_.stable_erase("customProperties");
        else
            *properties = std::move(foreign);
    }

    bool take_custom_one(Json& property) {
        const auto name = find_string(property, "property").value_or("");
        const Json* value = find(property, "value");
        if (!value || property.get_object().size() != 2) return false;
        for (const auto& key : custom_keys) {
            if (name != key.theirs || spec_.contains(key.ours)) continue;
            if (!fits_key(key.ours, *value)) return false;
            spec_[key.ours] = *value;
            return true;
        }
        if (name != labels_property || !value->is_object()) return false;
        for (const auto& [label, text] : value->get_object())
            if (text.is_string())
                imported_.product.labels[std::string(label)] = std::string(text.get_string());
        return true;
    }

    void name_kept() {
        const auto& spec = imported_.product.spec;
        if (const Json* foreign = find(spec, "foreign")) name_leaves(*foreign, "");
        if (const Json* team = find(spec, "team.foreign")) name_leaves(*team, "team");
        for (const auto& [list, key, path] :
             {std::tuple{"signals", "name", "schema[0]."}, std::tuple{"roles", "role", "roles."},
              std::tuple{"team.members", "username", "team."}}) {
            const Json* elements = find(spec, list);
            if (!elements) continue;
            for (const Json& element : elements->get_array())
                if (const Json* foreign = find(element, "foreign"))
                    name_leaves(*foreign, path + find_string(element, key).value_or("?"));
        }
    }

    void name_leaves(const Json& value, const std::string& path) {
        if (imported_.kept.size() >= paths_max) return;
        if (value.is_object() && !value.get_object().empty()) {
            for (const auto& [key, part] : value.get_object())
                name_leaves(part, path.empty() ? std::string(key) : path + "." + std::string(key));
        } else if (value.is_array() && !value.get_array().empty() &&
                   value.get_array()[0].is_object()) {
            for (std::size_t i = 0; i < value.get_array().size(); ++i)
                name_leaves(value.get_array()[i], path + "[" + std::to_string(i) + "]");
        } else if (!is_empty(value)) {
            imported_.kept.push_back(path);
        }
    }

    JsonObject rest_;  // of the contract: what nobody took yet
    const ImportOptions& options_;
    std::string table_;
    JsonObject spec_;
    std::vector<std::pair<std::string, JsonObject>> signals_;
    JsonArray list_;
    Imported imported_;
};

}  // namespace

bool is_contract(const Json& document) { return find_string(document, "kind") == "DataContract"; }

Result<Imported> import_contract(const Json& contract, const ImportOptions& options) {
    if (!is_contract(contract))
        return bad_contract("kind", "want DataContract, as the Open Data Contract Standard says");
    return Importer(contract, options).run();
}

}  // namespace mw::products
