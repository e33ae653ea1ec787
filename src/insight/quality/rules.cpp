#include "insight/quality/rules.h"

#include <algorithm>
#include <cmath>

namespace mw::quality {
namespace {

Error wrong(const std::string& path, std::string_view what) {
    return {Errc::invalid_input, path + ": " + std::string(what)};
}

constexpr std::pair<std::string_view, ValueType> type_words[] = {{"double", ValueType::number},
                                                                 {"int64", ValueType::integer},
                                                                 {"bool", ValueType::boolean},
                                                                 {"string", ValueType::text}};

Result<double> number_at(const Json& signal, const std::string& path, std::string_view key,
                         double otherwise) {
    const Json* found = find(signal, key);
    if (!found || found->is_null()) return otherwise;
    const auto number = find_number(signal, key);
    if (!number || !std::isfinite(*number))
        return wrong(path + "." + std::string(key), "must be a number");
    return *number;
}

// Text such as "10s"; a bare number is seconds.
Result<nanoseconds> duration_at(const Json& signal, const std::string& path, std::string_view key) {
    const Json* found = find(signal, key);
    if (!found || found->is_null()) return nanoseconds{0};
    const std::string where = path + "." + std::string(key);
    nanoseconds duration{0};
    if (const auto number = find_number(signal, key)) {
        if (!(std::abs(*number) < 9e9)) return wrong(where, "must be below 9e9 seconds");
        duration = nanoseconds{std::llround(*number * 1e9)};
    } else if (const auto text = find_string(signal, key)) {
        auto parsed = parse_duration(*text);
        if (!parsed) return std::move(parsed).error().context(where);
        duration = *parsed;
    } else {
        return wrong(where, "must be a duration such as \"10s\" or \"250ms\"");
    }
    if (duration.count() < 0) return wrong(where, "must not be negative");
    return duration;
}

Result<std::vector<double>> numbers_at(const Json& signal, const std::string& path,
                                       std::string_view key) {
    std::vector<double> numbers;
    const Json* found = find(signal, key);
    if (!found || found->is_null()) return numbers;
    const std::string where = path + "." + std::string(key);
    if (!found->is_array()) return wrong(where, "must be an array of numbers");
    for (const Json& each : found->get_array()) {
        if (!each.is_number()) return wrong(where, "must be an array of numbers");
        numbers.push_back(each.to_number<double>());
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

Result<void> read_type(const Json& signal, const std::string& path, SignalRules& rules) {
    const Json* found = find(signal, "type");
    if (!found || found->is_null()) return {};
    const std::string name = find_string(signal, "type").value_or("");
    for (const auto& [word, type] : type_words)
        if (name == word) rules.type = type;
    if (!rules.type) return wrong(path + ".type", "must be double, int64, bool or string");
    return {};
}

Result<void> read_texts(const Json& signal, const std::string& path, SignalRules& rules) {
    const Json* found = find(signal, "texts");
    if (!found || found->is_null()) return {};
    const std::string where = path + ".texts";
    if (!found->is_array()) return wrong(where, "must be an array of texts");
    for (const Json& each : found->get_array()) {
        if (!each.is_string()) return wrong(where, "must be an array of texts");
        rules.texts.emplace_back(each.get_string());
    }
    std::sort(rules.texts.begin(), rules.texts.end());
    return {};
}

Result<void> read_pattern(const Json& signal, const std::string& path, SignalRules& rules) {
    const Json* found = find(signal, "pattern");
    if (!found || found->is_null()) return {};
    const std::string where = path + ".pattern";
    if (!found->is_string()) return wrong(where, "must be a regular expression");
    auto compiled = Pattern::compile(std::string(found->get_string()));
    if (!compiled) return std::move(compiled).error().context(where);
    rules.pattern = std::move(*compiled);
    return {};
}

Result<void> read_counter(const Json& signal, const std::string& path, SignalRules& rules) {
    if (const Json* found = find(signal, "counter"); found && !found->is_null()) {
        if (!found->is_bool()) return wrong(path + ".counter", "must be true or false");
        rules.counter = found->get_bool();
    }
    TRY(rules.wraps_at, number_at(signal, path, "wraps_at", 0));
    if (rules.wraps_at < 0) return wrong(path + ".wraps_at", "must be positive");
    if (rules.wraps_at > 0 && !rules.counter)
        return wrong(path + ".wraps_at", "is of counters; set counter: true, too");
    return {};
}

Result<SignalRules> signal_rules(const Json& signal, const std::string& path) {
    SignalRules rules;
    rules.unit = find_string(signal, "unit").value_or("");
    TRY(rules.min, number_at(signal, path, "min", rules.min));
    TRY(rules.max, number_at(signal, path, "max", rules.max));
    TRY(rules.max_rate, number_at(signal, path, "max_rate", rules.max_rate));
    TRY(rules.spike, number_at(signal, path, "spike", 0));
    TRY(rules.stuck_after, duration_at(signal, path, "stuck_after"));
    TRY(rules.every, duration_at(signal, path, "every"));
    TRY(rules.late_after, duration_at(signal, path, "late_after"));
    TRY(rules.noise, number_at(signal, path, "noise", 0));
    TRY(rules.values, numbers_at(signal, path, "values"));
    TRY_VOID(read_counter(signal, path, rules));
    TRY_VOID(read_type(signal, path, rules));
    TRY_VOID(read_texts(signal, path, rules));
    TRY_VOID(read_pattern(signal, path, rules));
    if (rules.wants_texts() && rules.wants_numbers())
        return wrong(path, "declares texts, and what only numbers have; keep one of them");
    if (rules.min > rules.max) return wrong(path + ".min", "is above max");
    if (rules.max_rate <= 0) return wrong(path + ".max_rate", "must be positive, per second");
    if (rules.spike < 0) return wrong(path + ".spike", "must be positive; 0 judges none");
    if (rules.noise != 0 && rules.noise <= 1)
        return wrong(path + ".noise", "must be above 1: how many times more it may tremble");
    return rules;
}

}  // namespace

// What is only said of numbers says that they are numbers.
bool SignalRules::wants_numbers() const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const bool bounded = min > -infinity || max < infinity || max_rate < infinity;
    const bool numeric_type = type && *type != ValueType::text;
    return numeric_type || bounded || spike > 0 || noise > 0 || counter || !values.empty() ||
           !unit.empty();
}

bool SignalRules::wants_texts() const {
    return type == ValueType::text || !texts.empty() || pattern;
}

Rules default_rules() {
    static const Rules rules = std::make_shared<const RuleSet>();
    return rules;
}

Result<Rules> rules_from_profile(std::string_view name, const Json& spec) {
    auto rules = std::make_shared<RuleSet>();
    rules->profile = name;
    const Json* signals = find(spec, "signals");
    if (!signals || signals->is_null()) return Rules(std::move(rules));
    if (!signals->is_array()) return wrong("spec.signals", "must be an array");
    const auto& array = signals->get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
        const std::string path = "spec.signals[" + std::to_string(i) + "]";
        const auto signal = find_string(array[i], "name");
        if (!signal || signal->empty()) return wrong(path + ".name", "must be a text");
        TRY(auto declared, signal_rules(array[i], path));
        if (!rules->signals.emplace(*signal, std::move(declared)).second)
            return wrong(path + ".name", "'" + *signal + "' is declared twice");
    }
    return Rules(std::move(rules));
}

Json signal_spec(std::string_view name, const SignalRules& rules) {
    JsonObject spec{{"name", name}};
    if (!rules.unit.empty()) spec["unit"] = rules.unit;
    const auto number = [&](const char* key, double value, double unset) {
        if (std::isfinite(value) && value != unset) spec[key] = value;
    };
    const auto duration = [&](const char* key, nanoseconds value) {
        if (value.count() > 0) spec[key] = to_text(value);
    };
    number("min", rules.min, -std::numeric_limits<double>::infinity());
    number("max", rules.max, std::numeric_limits<double>::infinity());
    number("max_rate", rules.max_rate, std::numeric_limits<double>::infinity());
    number("spike", rules.spike, 0);
    number("noise", rules.noise, 0);
    if (!rules.values.empty()) spec["values"] = JsonArray(rules.values.begin(), rules.values.end());
    for (const auto& [word, type] : type_words)
        if (rules.type == type) spec["type"] = word;
    if (!rules.texts.empty()) spec["texts"] = JsonArray(rules.texts.begin(), rules.texts.end());
    if (rules.pattern) spec["pattern"] = rules.pattern->text();
    if (rules.counter) spec["counter"] = true;
    number("wraps_at", rules.wraps_at, 0);
    duration("every", rules.every);
    duration("stuck_after", rules.stuck_after);
    duration("late_after", rules.late_after);
    return spec;
}

}  // namespace mw::quality
