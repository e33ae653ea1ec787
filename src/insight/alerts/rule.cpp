#include "insight/alerts/rule.h"

#include <cmath>

namespace mw::alerts {
namespace {

constexpr std::int64_t count_max = 100'000;

Error wrong(std::string_view path, std::string_view what) {
    return {Errc::invalid_input, std::string(path) + ": " + std::string(what)};
}

Result<std::uint32_t> count_at(const Json& spec, std::string_view key) {
    const Json* found = find(spec, key);
    if (!found || found->is_null()) return std::uint32_t{1};
    const auto count = find_integer(spec, key);
    if (!count || *count < 1 || *count > count_max)
        return wrong("spec." + std::string(key), "must be a whole number from 1 to 100000");
    return static_cast<std::uint32_t>(*count);
}

Result<> read_selection(const Json& spec, AlertRule& rule) {
    if (const Json* devices = find(spec, "select.devices"); devices && !devices->is_null()) {
        if (!devices->is_array()) return wrong("spec.select.devices", "must be an array of names");
        for (const auto& device : devices->get_array()) {
            if (!device.is_string())
                return wrong("spec.select.devices", "must be an array of names");
            rule.devices.emplace(device.get_string());
        }
    }
    if (const Json* labels = find(spec, "select.labels"); labels && !labels->is_null()) {
        if (!labels->is_object()) return wrong("spec.select.labels", "must be an object of texts");
        for (const auto& label : labels->get_object()) {
            if (!label.value().is_string())
                return wrong("spec.select.labels", "must be an object of texts");
            rule.labels.emplace(label.key(), label.value().get_string());
        }
    }
    return {};
}

}  // namespace

bool AlertRule::selects(const std::string& device, const Labels& device_labels) const {
    if (!devices.empty() && !devices.contains(device)) return false;
    for (const auto& [key, value] : labels) {
        const auto found = device_labels.find(key);
        if (found == device_labels.end() || found->second != value) return false;
    }
    return true;
}

Result<AlertRule> rule_from_resource(const Resource& resource) {
    AlertRule rule;
    rule.name = resource.name;
    const auto model = find_string(resource.spec, "model");
    if (!model || model->empty()) return wrong("spec.model", "must name a model");
    rule.model = *model;
    rule.severity = find_string(resource.spec, "severity").value_or(rule.severity);
    if (rule.severity != "info" && rule.severity != "warning" && rule.severity != "critical")
        return wrong("spec.severity", "must be info, warning or critical");
    TRY(rule.raise_after, count_at(resource.spec, "raise_after"));
    TRY(rule.clear_after, count_at(resource.spec, "clear_after"));
    if (const Json* score = find(resource.spec, "min_score"); score && !score->is_null()) {
        const auto number = find_number(resource.spec, "min_score");
        if (!number || !std::isfinite(*number)) return wrong("spec.min_score", "must be a number");
        rule.min_score = *number;
    }
    TRY_VOID(read_selection(resource.spec, rule));
    return rule;
}

}  // namespace mw::alerts
