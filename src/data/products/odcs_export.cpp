#include <algorithm>

#include "data/products/odcs.h"
#include "data/products/odcs_terms.h"

namespace mw::products {
namespace {

void copy_keys(std::span<const SameKey> keys, const Json& from, JsonObject& to) {
    for (const auto& key : keys)
        if (const Json* value = find(from, key.ours)) to[key.theirs] = *value;
}

// Adds what a foreign contract said beyond ours; where both speak, ours is what holds now.
void add_foreign(Json& ours, const Json& foreign) {
    if (ours.is_object() && foreign.is_object()) {
        for (const auto& [key, value] : foreign.get_object()) {
            Json* known = ours.get_object().if_contains(key);
            if (known)
                add_foreign(*known, value);
            else
                ours.get_object()[key] = value;
        }
    } else if (ours.is_array() && foreign.is_array()) {
        for (const Json& value : foreign.get_array()) ours.get_array().push_back(value);
    }
}

void add_foreign_of(const Json& element, JsonObject& exported) {
    const Json* foreign = find(element, "foreign");
    if (!foreign) return;
    Json whole = std::move(exported);
    add_foreign(whole, *foreign);
    exported = std::move(whole.get_object());
}

JsonArray list_exported(const Json& list, std::span<const SameKey> keys) {
    JsonArray exported;
    for (const Json& element : list.get_array()) {
        JsonObject one;
        copy_keys(keys, element, one);
        add_foreign_of(element, one);
        exported.push_back(std::move(one));
    }
    return exported;
}

// {"value":90,"unit":"d"}; what takes more than one unit stands as a text.
void put_duration(JsonObject& entry, const std::string& text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto unit = text.substr(digits);
    const bool simple = digits > 0 && digits < 16 && !unit.empty() &&
                        unit.find_first_of("0123456789.") == unit.npos;
    entry["value"] = simple ? Json(std::int64_t(std::stoll(text.substr(0, digits)))) : Json(text);
    if (simple) entry["unit"] = unit == "m" ? "min" : unit;
}

JsonObject sla_entry(std::string_view property, const Json& value, const std::string& element) {
    JsonObject entry{{"property", property}};
    if (value.is_string()) {
        put_duration(entry, std::string(value.get_string()));
    } else {
        entry["value"] = value;
        entry["unit"] = "ratio";
    }
    if (!element.empty()) entry["element"] = element;
    return entry;
}

JsonArray sla_exported(const Resource& product) {
    JsonArray entries;
    if (const Json* sla = find(product.spec, "sla"))
        for (const auto& [key, value] : sla->get_object())
            entries.push_back(sla_entry(key, value, ""));
    if (const Json* signals = find(product.spec, "signals"))
        for (const Json& signal : signals->get_array())
            if (const Json* every = find(signal, "every"))
                entries.push_back(sla_entry("frequency", *every,
                                            product.name + "." + *find_string(signal, "name")));
    return entries;
}

JsonArray quality_exported(const Json& signal) {
    JsonArray rules;
    for (const char* dimension : {"conformity", "completeness", "timeliness", "accuracy"}) {
        JsonObject implementation;
        for (const Check& check : telemetry_checks)
            if (const Json* value = find(signal, check.key); value && check.dimension == dimension)
                implementation[check.implementation] = *value;
        if (implementation.empty()) continue;
        rules.push_back(JsonObject{{"type", "custom"},
                                   {"engine", telemetry_engine},
                                   {"dimension", dimension},
                                   {"implementation", std::move(implementation)}});
    }
    if (const Json* values = find(signal, "values"))
        rules.push_back(JsonObject{{"type", "library"},
                                   {"metric", "invalidValues"},
                                   {"arguments", JsonObject{{"validValues", *values}}},
                                   {"mustBe", 0}});
    return rules;
}

std::string_view logical_type_of(const std::string& type) {
    if (type == "int64") return "integer";
    if (type == "bool") return "boolean";
    return type == "string" ? "string" : "number";  // of a frame: that of its samples
}

JsonObject typed(const Json& signal, const std::string& type) {
    JsonObject part{{"logicalType", logical_type_of(type)}};
    JsonObject options;
    for (const auto& [ours, theirs] : {std::pair{"min", "minimum"}, std::pair{"max", "maximum"},
                                       std::pair{"pattern", "pattern"}})
        if (const Json* value = find(signal, ours)) options[theirs] = *value;
    if (!options.empty()) part["logicalTypeOptions"] = std::move(options);
    return part;
}

JsonObject property_of(const Json& signal) {
    const auto type = find_string(signal, "type").value_or("double");
    JsonObject property{{"name", *find_string(signal, "name")}};
    if (type == "frame") {
        property["logicalType"] = "array";
        property["items"] = typed(signal, type);
    } else {
        for (auto& [key, value] : typed(signal, type)) property[key] = value;
    }
    copy_keys(signal_keys, signal, property);
    if (auto rules = quality_exported(signal); !rules.empty())
        property["quality"] = std::move(rules);
    add_foreign_of(signal, property);
    return property;
}

JsonObject schema_of(const Resource& product) {
    JsonArray properties = key_properties();
    if (const Json* signals = find(product.spec, "signals"))
        for (const Json& signal : signals->get_array()) properties.push_back(property_of(signal));
    return {{"name", product.name}, {"properties", std::move(properties)}};
}

JsonObject team_of(const Json& team) {
    JsonObject exported;
    for (const char* key : {"name", "description"})
        if (const Json* value = find(team, key)) exported[key] = *value;
    if (const Json* members = find(team, "members"))
        exported["members"] = list_exported(*members, member_keys);
    add_foreign_of(team, exported);
    return exported;
}

JsonArray custom_properties_of(const Resource& product) {
    JsonArray properties;
    const auto add = [&](std::string_view name, const Json& value) {
        properties.push_back(JsonObject{{"property", name}, {"value", value}});
    };
    for (const auto& key : custom_keys)
        if (const Json* value = find(product.spec, key.ours)) add(key.theirs, *value);
    if (!product.labels.empty()) {
        JsonObject labels;
        for (const auto& [key, value] : product.labels) labels[key] = value;
        add(labels_property, Json(std::move(labels)));
    }
    return properties;
}

// Elements of ours with this key, merged with theirs; theirs alone only where they are whole.
void add_foreign_list(JsonArray& ours, const Json& theirs, std::string_view key,
                      std::string_view whole_key) {
    for (const Json& foreign : theirs.get_array()) {
        const auto same = std::ranges::find_if(ours, [&](const Json& mine) {
            return find_string(mine, key) == find_string(foreign, key) &&
                   find_string(mine, "element") == find_string(foreign, "element");
        });
        if (same != ours.end())
            add_foreign(*same, foreign);
        else if (find(foreign, whole_key))
            ours.push_back(foreign);
    }
}

void add_foreign_schema(JsonArray& schema, const Json& theirs) {
    const auto& foreign = theirs.get_array();
    for (std::size_t i = 1; i < foreign.size(); ++i) schema.push_back(foreign[i]);
    if (foreign.empty()) return;
    auto rest = foreign[0];
    auto& mine = schema[0].get_object();
    if (const Json* properties = find(rest, "properties"))
        add_foreign_list(mine["properties"].get_array(), *properties, "name", "name");
    rest.get_object().erase("properties");
    add_foreign(schema[0], rest);
}

void add_foreign_parts(JsonObject& contract, const Json& foreign) {
    for (const auto& [key, value] : foreign.get_object()) {
        if (key == "schema" && value.is_array()) {
            add_foreign_schema(contract["schema"].get_array(), value);
        } else if (key == "slaProperties" && value.is_array()) {
            if (!contract.contains(key)) contract[key] = JsonArray{};
            add_foreign_list(contract[key].get_array(), value, "property", "value");
            if (contract[key].get_array().empty()) contract.erase(key);
        } else if (Json* known = contract.if_contains(key)) {
            add_foreign(*known, value);
        } else {
            contract[key] = value;
        }
    }
}

}  // namespace

JsonArray key_properties() {
    const auto key = [](const char* name, const char* type, int position) {
        return JsonObject{{"name", name},
                          {"logicalType", type},
                          {"required", true},
                          {"primaryKey", true},
                          {"primaryKeyPosition", position}};
    };
    return {key("device", "string", 1), key("time", "timestamp", 2)};
}

std::string usual_id(const std::string& domain, const std::string& name) {
    return "urn:millwright:" + domain + ":" + name;
}

Result<Json> export_contract(const Resource& product) {
    const auto version = find_string(product.spec, "version");
    if (!version)
        return Error{Errc::invalid_input,
                     "spec.version: data product '" + product.name +
                         "' has none, so it is no contract yet; give it version: 1.0.0 and "
                         "status: active"};
    const Json& spec = product.spec;
    JsonObject contract{
        {"apiVersion", "v3.1.0"},
        {"kind", "DataContract"},
        {"id", find_string(spec, "contract_id").value_or(usual_id(product.domain, product.name))},
        {"name", find_string(spec, "title").value_or(product.name)},
        {"version", *version},
        {"status", find_string(spec, "status").value_or("draft")},
        {"domain", product.domain}};
    if (const Json* tags = find(spec, "tags")) contract["tags"] = *tags;
    JsonObject description;
    copy_keys(description_keys, spec, description);
    if (!description.empty()) contract["description"] = std::move(description);
    contract["schema"] = JsonArray{schema_of(product)};
    if (const Json* team = find(spec, "team")) contract["team"] = team_of(*team);
    if (const Json* roles = find(spec, "roles"))
        contract["roles"] = list_exported(*roles, role_keys);
    if (auto sla = sla_exported(product); !sla.empty()) contract["slaProperties"] = std::move(sla);
    if (auto custom = custom_properties_of(product); !custom.empty())
        contract["customProperties"] = std::move(custom);
    if (const Json* foreign = find(spec, "foreign")) add_foreign_parts(contract, *foreign);
    return Json(std::move(contract));
}

}  // namespace mw::products
