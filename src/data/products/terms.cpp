#include "data/products/terms.h"

#include <algorithm>

namespace mw::products {
namespace {

constexpr Term all_product_terms[] = {
    {"owner", Judge::words, ""},
    {"description", Judge::words, ""},
    {"contract_id", Judge::fixed, "readers know the contract by its id"},
    {"title", Judge::words, ""},
    {"usage", Judge::words, ""},
    {"limitations", Judge::words, ""},
    {"tags", Judge::words, ""},
    {"team", Judge::words, ""},
    {"consumers", Judge::words, ""},
    {"classification", Judge::level, "who reads may lose access to what is more sensitive now"},
    {"residency", Judge::closed_set, "data may lie where it was promised not to"},
    {"on_breach", Judge::words, ""},
    {"foreign", Judge::unknown, ""},
};
constexpr Term all_sla_terms[] = {
    {"retention", Judge::at_least, "older points are gone sooner"},
    {"latency", Judge::at_most, "points are seen later"},
    {"frequency", Judge::at_most, "points come less often"},
    {"completeness", Judge::at_least, "more points may be missing"},
    {"availability", Judge::at_least, "queries may fail more often"},
};
constexpr Term all_signal_terms[] = {
    {"type", Judge::fixed, "values come in another form"},
    {"unit", Judge::fixed, "the same number means something else"},
    {"min", Judge::at_least, "values come that were excluded"},
    {"max", Judge::at_most, "values come that were excluded"},
    {"values", Judge::closed_set, "values come that readers don't know"},
    {"pattern", Judge::fixed, "texts come in another form"},
    {"every", Judge::at_most, "points come less often"},
    {"max_gap", Judge::at_most, "longer gaps are allowed"},
    {"late_p99", Judge::at_most, "points may come later"},
    {"stuck_after", Judge::at_most, "stuck values count as good for longer"},
    {"spike", Judge::at_most, "larger spikes count as good"},
    {"max_rate", Judge::at_most, "faster changes count as good"},
    {"good_ratio", Judge::at_least, "more points may be bad"},
    {"required", Judge::flag, "devices may lack it"},
    {"critical", Judge::words, ""},
    {"classification", Judge::level, "who reads may lose access to what is more sensitive now"},
    {"tags", Judge::words, ""},
    {"description", Judge::words, ""},
    {"foreign", Judge::unknown, ""},
};

// Numbers, and durations by their length.
std::optional<double> size_of_value(const Json& value) {
    if (value.is_number()) return value.to_number<double>();
    if (!value.is_string()) return std::nullopt;
    const auto duration = parse_duration(value.get_string());
    if (!duration) return std::nullopt;
    return static_cast<double>(duration->count());
}

bool contains_all(const Json& set, const Json& members) {
    if (!set.is_array() || !members.is_array()) return false;
    return std::ranges::all_of(members.get_array(), [&](const Json& member) {
        return std::ranges::find(set.get_array(), member) != set.get_array().end();
    });
}

Judgement worse(const Term& term) { return {Effect::breaking, std::string(term.loss)}; }
Judgement better(const char* why) { return {Effect::compatible, why}; }

std::optional<Judgement> judge_bound(const Term& term, const Json& from, const Json& to) {
    const auto before = size_of_value(from), after = size_of_value(to);
    if (before == after) return std::nullopt;
    const bool grew = *after > *before;
    return grew == (term.judge == Judge::at_most) ? worse(term) : better("promises more");
}

std::optional<Judgement> judge_set(const Term& term, const Json& from, const Json& to) {
    const bool within = contains_all(from, to), around = contains_all(to, from);
    if (within && around) return std::nullopt;
    return within ? better("promises more") : worse(term);
}

std::optional<Judgement> judge_level(const Term& term, const Json& from, const Json& to) {
    if (level_of(from) == level_of(to)) return std::nullopt;
    return level_of(to) > level_of(from) ? worse(term) : better("less sensitive");
}

std::optional<Judgement> judge_unknown(const Json& from, const Json& to) {
    const JsonObject none;
    const auto& before = from.is_object() ? from.get_object() : none;
    const auto& after = to.is_object() ? to.get_object() : none;
    for (const auto& [key, value] : before)
        if (const Json* kept = after.if_contains(key); !kept || *kept != value)
            return Judgement{Effect::breaking,
                             "what '" + std::string(key) +
                                 "' means isn't known here, so somebody may rely on it"};
    return better("says more");
}

}  // namespace

std::span<const Term> product_terms() { return all_product_terms; }
std::span<const Term> sla_terms() { return all_sla_terms; }
std::span<const Term> signal_terms() { return all_signal_terms; }

int level_of(const Json& classification) {
    static constexpr std::string_view levels[] = {"public", "internal", "confidential",
                                                  "restricted"};
    if (!classification.is_string()) return 1;
    const auto found = std::ranges::find(levels, std::string_view(classification.get_string()));
    return found == std::end(levels) ? 1 : static_cast<int>(found - std::begin(levels));
}

std::optional<Judgement> judge(const Term& term, const Json& from, const Json& to) {
    if (from == to) return std::nullopt;
    switch (term.judge) {
        case Judge::words:
            return Judgement{Effect::words, "for people"};
        case Judge::level:
            return judge_level(term, from, to);
        case Judge::unknown:
            return judge_unknown(from, to);
        case Judge::flag:
            if (from == Json(true)) return worse(term);
            return to == Json(true) ? std::optional(better("promises more")) : std::nullopt;
        default:
            break;
    }
    // The default is a value as any other.
    if (term.key == "type" &&
        (from.is_null() ? Json("double") : from) == (to.is_null() ? Json("double") : to))
        return std::nullopt;
    if (term.key != "type" && from.is_null()) return better("promises what was open");
    if (term.key != "type" && to.is_null())
        return Judgement{Effect::breaking, "the promise is withdrawn: " + std::string(term.loss)};
    if (term.judge == Judge::fixed) return worse(term);
    return term.judge == Judge::closed_set ? judge_set(term, from, to)
                                           : judge_bound(term, from, to);
}

}  // namespace mw::products
