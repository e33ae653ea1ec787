#include <algorithm>

#include "trust/policy/policy.h"

namespace mw::policy {
namespace {

constexpr std::string_view verb_names[verb_count] = {"get",     "list",  "watch",  "create",
                                                     "replace", "patch", "delete", "query",
                                                     "enroll",  "token", "label",  "approve"};

Error wrong(const std::string& path, std::string_view wanted) {
    return {Errc::invalid_input, path + ": " + std::string(wanted)};
}

Result<std::vector<std::string>> names(const Json& rule, const char* key, const std::string& at) {
    const Json* list = find(rule, key);
    const auto path = at + "." + key;
    if (!list || !list->is_array() || list->get_array().empty())
        return wrong(path, "want a list of names, or [\"*\"]");
    std::vector<std::string> result;
    for (const auto& name : list->get_array()) {
        if (!name.is_string()) return wrong(path, "want a list of names, or [\"*\"]");
        result.emplace_back(name.get_string());
    }
    return result;
}

bool contains_any(const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), "*") != names.end();
}

Result<std::uint32_t> verbs(const Json& rule, const std::string& at) {
    TRY(const auto words, names(rule, "verbs", at));
    std::uint32_t bits = 0;
    for (const auto& word : words) {
        if (word == "*") {
            bits = (1u << verb_count) - 1;
            continue;
        }
        auto verb = verb_from(word);
        if (!verb) return std::move(verb).error().context(at + ".verbs");
        bits |= 1u << static_cast<unsigned>(*verb);
    }
    return bits;
}

// What it would mean for other verbs and kinds nobody could tell, so it stands with these alone.
Result<RowSelection> rows_of(const Json& rule, const Rule& around, const std::string& at) {
    RowSelection rows;
    const Json* wanted = find(rule, "rows");
    if (!wanted) return rows;
    const auto path = at + ".rows";
    if (!wanted->is_object() || wanted->get_object().empty())
        return wrong(path, "want products, labels or both");
    for (const auto& [key, value] : wanted->get_object())
        if (key != "products" && key != "labels")
            return wrong(path, "unknown key '" + std::string(key.substr(0, 40)) +
                                   "' (want products, labels)");
    if (around.verbs != 1u << static_cast<unsigned>(Verb::query) ||
        around.kinds != std::vector<std::string>{"History"})
        return wrong(path,
                     "goes with verbs [query] and kinds [History] only: take a rule of its "
                     "own for the rest");
    if (find(*wanted, "products")) {
        TRY(rows.products, names(*wanted, "products", path));
        if (contains_any(rows.products))
            return wrong(path + ".products", "want names; leave it out for all rows");
    }
    const Json* labels = find(*wanted, "labels");
    if (!labels) return rows;
    if (!labels->is_object() || labels->get_object().empty())
        return wrong(path + ".labels", "want labels as {name: value}");
    for (const auto& [name, value] : labels->get_object()) {
        if (!value.is_string()) return wrong(path + ".labels", "want texts as values");
        rows.labels.emplace(name, value.get_string());
    }
    return rows;
}

constexpr std::string_view beside_resources[] = {"History",     "Blob",        "Alarm",
                                                 "AuditFact",   "Quarantine",  "MqttClient",
                                                 "MqttMessage", "Certificate", "Backup"};
constexpr std::size_t label_names_max = 16, label_values_max = 100;

// What has no labels is never reached by a rule with labels, so a rule that names it is a mistake.
Result<> check_labelled(const Rule& rule, const std::string& path) {
    for (const auto& kind : rule.kinds) {
        if (std::ranges::find(beside_resources, kind) == std::end(beside_resources)) continue;
        const auto possible = verbs_by_labels(kind);
        if ((rule.verbs & ~possible) == 0) continue;
        std::string goes;
        for (int v = 0; v < verb_count; ++v)
            if (possible >> v & 1) goes = verb_names[v];
        return wrong(path, goes.empty() ? kind +
                                              " has no labels to go by: take a rule of its own, "
                                              "without labels"
                                        : "of " + kind + " only verb " + goes +
                                              " goes by labels: take a rule of its own for it");
    }
    return {};
}

Result<WantedLabels> labels_of(const Json& rule, const Rule& around, const std::string& at) {
    WantedLabels labels;
    const Json* wanted = find(rule, "labels");
    if (!wanted) return labels;
    const auto path = at + ".labels";
    const char* form = "want {name: value} or {name: [values, one of which]}";
    if (!wanted->is_object() || wanted->get_object().empty() ||
        wanted->get_object().size() > label_names_max)
        return wrong(path, std::string(form) + ", at most 16 names");
    for (const auto& [name, value] : wanted->get_object()) {
        const auto list = value.is_array() ? value.get_array() : JsonArray{value};
        if (list.empty() || list.size() > label_values_max)
            return wrong(path,
                         "label '" + std::string(name.substr(0, 63)) + "': want 1 to 100 values");
        auto& values = labels[std::string(name)];
        for (const auto& one : list) {
            if (!one.is_string()) return wrong(path, form);
            values.emplace_back(one.get_string());
        }
        std::ranges::sort(values);
        const auto twice = std::ranges::unique(values);
        values.erase(twice.begin(), twice.end());
    }
    TRY_VOID(check_labelled(around, path));
    return labels;
}

Result<std::vector<std::vector<std::string>>> apart_of(const Json& spec) {
    std::vector<std::vector<std::string>> sets;
    const Json* list = find(spec, "apart");
    if (!list) return sets;
    if (!list->is_array()) return wrong("spec.apart", "want lists of roles");
    for (std::size_t i = 0; i < list->get_array().size(); ++i) {
        const Json set = JsonObject{{"roles", list->get_array()[i]}};
        const auto at = "spec.apart[" + std::to_string(i) + "]";
        TRY(auto roles, names(set, "roles", at));
        if (roles.size() < 2 || contains_any(roles)) return wrong(at, "want two roles or more");
        sets.push_back(std::move(roles));
    }
    return sets;
}

}  // namespace

std::span<const std::string_view> kinds_beside_resources() { return beside_resources; }

std::uint32_t verbs_by_labels(std::string_view kind_beside_resources) {
    const auto bit = [](Verb verb) { return 1u << static_cast<unsigned>(verb); };
    if (kind_beside_resources == "History") return bit(Verb::query);
    if (kind_beside_resources == "Quarantine") return bit(Verb::create);
    if (kind_beside_resources == "Certificate") return bit(Verb::remove);
    return 0;
}

std::string_view to_string(Verb verb) { return verb_names[static_cast<std::size_t>(verb)]; }

Result<Verb> verb_from(std::string_view text) {
    std::string all;
    for (int i = 0; i < verb_count; ++i) {
        if (verb_names[i] == text) return static_cast<Verb>(i);
        all += (i ? " " : "") + std::string(verb_names[i]);
    }
    return Error{Errc::invalid_input,
                 "no verb '" + std::string(text.substr(0, 40)) + "' (want one of: " + all + " *)"};
}

Result<Role> role_from_spec(std::string_view name, const Json& spec) {
    const Json* rules = find(spec, "rules");
    if (!rules || !rules->is_array()) return wrong("spec.rules", "want a list of rules");
    Role role{std::string(name), {}};
    for (std::size_t i = 0; i < rules->get_array().size(); ++i) {
        const auto& json = rules->get_array()[i];
        const auto at = "spec.rules[" + std::to_string(i) + "]";
        Rule rule;
        TRY(rule.verbs, verbs(json, at));
        TRY(rule.kinds, names(json, "kinds", at));
        TRY(rule.domains, names(json, "domains", at));
        TRY(rule.rows, rows_of(json, rule, at));
        TRY(rule.labels, labels_of(json, rule, at));
        role.rules.push_back(std::move(rule));
    }
    TRY(role.apart, apart_of(spec));
    return role;
}

}  // namespace mw::policy
