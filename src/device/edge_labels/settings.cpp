#include "device/edge_labels/settings.h"

#include <cmath>

namespace mw::edge_labels {
namespace {

Error bad_setting(std::string_view key, std::string_view want) {
    return {Errc::invalid_input,
            "config.labels." + std::string(key) + ": want " + std::string(want)};
}

Result<> read_span(const Json& labels, const char* key, nanoseconds& into) {
    const Json* value = find(labels, key);
    if (!value) return {};
    const auto text = find_string(labels, key);
    auto span = text ? parse_duration(*text) : Result<nanoseconds>(bad_setting(key, "a duration"));
    if (!span || *span < nanoseconds{0} || *span > hours{1})
        return bad_setting(key, "a duration of at most 1h, as 60s");
    into = *span;
    return {};
}

Result<Rule> rule_of(const Json& value) {
    Rule rule;
    if (!value.is_object()) return bad_setting("rules", "objects");
    for (const auto& [key, part] : value.get_object())
        if (key != "name" && key != "signal" && key != "above" && key != "below")
            return bad_setting("rules",
                               "name, signal, and above or below; not " + std::string(key));
    rule.name = find_string(value, "name").value_or("");
    rule.signal = find_string(value, "signal").value_or("");
    rule.above = find_number(value, "above");
    rule.below = find_number(value, "below");
    const bool named = !rule.name.empty() && rule.name.size() <= 64 && !rule.signal.empty();
    if (!named || rule.above.has_value() == rule.below.has_value())
        return bad_setting("rules", "name (64 bytes), signal, and a number above or below");
    return rule;
}

}  // namespace

Result<Settings> settings_of(const Json& labels) {
    Settings settings;
    if (!labels.is_object()) return Error{Errc::invalid_input, "config.labels: want an object"};
    for (const auto& [key, value] : labels.get_object())
        if (key != "before" && key != "after" && key != "unsure" && key != "gap" &&
            key != "unsure_gap" && key != "rules")
            return bad_setting(key, "before, after, unsure, gap, unsure_gap or rules");
    TRY_VOID(read_span(labels, "before", settings.before));
    TRY_VOID(read_span(labels, "after", settings.after));
    TRY_VOID(read_span(labels, "gap", settings.gap));
    TRY_VOID(read_span(labels, "unsure_gap", settings.unsure_gap));
    if (find(labels, "unsure")) {
        const auto unsure = find_number(labels, "unsure");
        if (!unsure || !(*unsure >= 0 && *unsure <= 1))
            return bad_setting("unsure", "a share between 0 and 1");
        settings.unsure = *unsure;
    }
    if (const Json* rules = find(labels, "rules")) {
        if (!rules->is_array() || rules->get_array().size() > rules_max)
            return bad_setting("rules", "a list of at most 32");
        for (const Json& value : rules->get_array()) {
            TRY(Rule rule, rule_of(value));
            settings.rules.push_back(std::move(rule));
        }
    }
    return settings;
}

}  // namespace mw::edge_labels
