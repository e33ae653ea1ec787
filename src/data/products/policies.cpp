#include "data/products/policies.h"

#include <algorithm>

#include "data/products/terms.h"
#include "platform/pattern/pattern.h"

namespace mw::products {
namespace {

using Names = std::vector<std::string>;

std::optional<Names> sorted_names(const Json& spec, std::string_view path) {
    const Json* list = find(spec, path);
    if (!list || !list->is_array()) return std::nullopt;
    Names names;
    for (const Json& name : list->get_array())
        if (name.is_string()) names.emplace_back(name.get_string());
    std::ranges::sort(names);
    const auto twice = std::ranges::unique(names);
    names.erase(twice.begin(), twice.end());
    return names;
}

Names common(const Names& a, const Names& b) {
    Names both;
    std::ranges::set_intersection(a, b, std::back_inserter(both));
    return both;
}

bool is_within(const Names& inner, const Names& outer) {
    return std::ranges::includes(outer, inner);
}

Names beyond(const Names& inner, const Names& outer) {
    Names rest;
    std::ranges::set_difference(inner, outer, std::back_inserter(rest));
    return rest;
}

std::string words_of(const Names& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "none" : text;
}

std::optional<nanoseconds> duration_at(const Json& spec, std::string_view path) {
    const auto text = find_string(spec, path);
    if (!text) return std::nullopt;
    const auto parsed = parse_duration(*text);
    if (!parsed) return std::nullopt;
    return *parsed;
}

std::string title_of(const Resource& resource) { return resource.kind + " " + resource.name; }

// ---- masking

struct MaskRule {
    int level = -1;  // -1: any
    std::optional<Names> tags;
    bool hide = false;
    nanoseconds over{0};
    Names except_roles;
};

std::vector<MaskRule> mask_rules_of(const Resource& policy) {
    std::vector<MaskRule> rules;
    const Json* list = find(policy.spec, "masking");
    if (!list || !list->is_array()) return rules;
    for (const Json& each : list->get_array()) {
        MaskRule rule;
        if (const Json* level = find(each, "classification")) rule.level = level_of(*level);
        rule.tags = sorted_names(each, "tags");
        rule.hide = find_string(each, "method") == "hide";
        rule.over = duration_at(each, "over").value_or(nanoseconds{0});
        rule.except_roles = sorted_names(each, "except_roles").value_or(Names{});
        rules.push_back(std::move(rule));
    }
    return rules;
}

bool applies(const MaskRule& rule, int level, const Names& tags) {
    return level >= rule.level && (!rule.tags || !common(*rule.tags, tags).empty());
}

// Whether `wide` applies wherever `narrow` does.
bool covers_rule(const MaskRule& wide, const MaskRule& narrow) {
    return wide.level <= narrow.level &&
           (!wide.tags || (narrow.tags && is_within(*narrow.tags, *wide.tags)));
}

bool shows_more(const MaskRule& rule, const MaskRule& than) {
    if (!is_within(rule.except_roles, than.except_roles)) return true;
    if (rule.hide != than.hide) return than.hide;
    return !rule.hide && rule.over < than.over;
}

std::string words_of(const MaskRule& rule) {
    std::string text = rule.hide ? "hide" : "coarsen over " + mw::to_text(rule.over);
    return text + " except from " + words_of(rule.except_roles);
}

void add_mask(std::optional<Mask>& mask, const MaskRule& rule, const std::string& from) {
    if (!mask) {
        mask = Mask{rule.hide, rule.hide ? nanoseconds{0} : rule.over, rule.except_roles, {from}};
        return;
    }
    mask->hide |= rule.hide;
    mask->over = mask->hide ? nanoseconds{0} : std::max(mask->over, rule.over);
    mask->except_roles = common(mask->except_roles, rule.except_roles);
    if (mask->from.back() != from) mask->from.push_back(from);
}

std::optional<Mask> mask_for(int level, const Names& tags, const std::vector<Resource>& binding) {
    std::optional<Mask> mask;
    for (const Resource& policy : binding)
        for (const MaskRule& rule : mask_rules_of(policy))
            if (applies(rule, level, tags)) add_mask(mask, rule, title_of(policy));
    return mask;
}

// ---- the strictest of all

class Fold {
 public:
    explicit Fold(const Resource& product) : product_(product) {}

    void add(const Resource& policy) {
        const auto from = title_of(policy);
        tighten(effective_.keep_at_most, duration_at(policy.spec, "retention.at_most"), true, from);
        tighten(effective_.keep_at_least, duration_at(policy.spec, "retention.at_least"), false,
                from);
        narrow(effective_.regions, sorted_names(policy.spec, "residency"), "residency", from);
        narrow(effective_.roles, sorted_names(policy.spec, "access.roles"), "access.roles", from);
        for (const char* of : {"products", "signals"})
            if (const auto pattern = find_string(policy.spec, std::string("naming.") + of))
                effective_.naming.push_back({of, *pattern, from});
    }

    void add_product(const std::vector<Resource>& binding) {
        add_retention();
        add_regions();
        add_roles();
        check_names();
        add_masks(binding);
    }

    EffectivePolicy take() { return std::move(effective_); }

 private:
    void tighten(std::optional<DurationTerm>& term, std::optional<nanoseconds> value, bool at_most,
                 const std::string& from) {
        if (!value) return;
        if (!term || (at_most ? *value < term->value : *value > term->value)) {
            term = DurationTerm{*value, from};
        } else if (*value != term->value) {
            effective_.overruled.push_back(
                std::string(at_most ? "retention.at_most " : "retention.at_least ") +
                mw::to_text(*value) + " of " + from + ": " + mw::to_text(term->value) + " of " +
                term->from + " is stricter");
        }
    }

    void narrow(std::optional<NamesTerm>& term, std::optional<Names> names, const char* rule,
                const std::string& from) {
        if (!names) return;
        if (!term) {
            term = NamesTerm{std::move(*names), {from}};
            return;
        }
        if (const auto more = beyond(*names, term->names); !more.empty())
            effective_.overruled.push_back(std::string(rule) + " " + words_of(more) + " of " +
                                           from + ": " + words_of(term->from) + " allows only " +
                                           words_of(term->names));
        term->names = common(term->names, *names);
        term->from.push_back(from);
    }

    void add_retention() {
        const auto own = duration_at(product_.spec, "sla.retention");
        if (!own) return;
        auto& most = effective_.keep_at_most;
        auto& least = effective_.keep_at_least;
        if (most && *own > most->value)
            return fault("spec.sla.retention", mw::to_text(*own) + " is more than the " +
                                                   mw::to_text(most->value) + " of " + most->from);
        if (least && *own < least->value)
            return fault("spec.sla.retention", mw::to_text(*own) + " is less than the " +
                                                   mw::to_text(least->value) + " of " +
                                                   least->from);
        most = least = DurationTerm{*own, title_of(product_)};
    }

    void add_regions() {
        auto own = sorted_names(product_.spec, "residency");
        if (!own) return;
        auto& term = effective_.regions;
        if (term)
            if (const auto more = beyond(*own, term->names); !more.empty())
                fault("spec.residency", words_of(more) + " is not among " + words_of(term->names) +
                                            ", the only regions of " + words_of(term->from));
        Names from = term ? term->from : Names{};
        from.push_back(title_of(product_));
        term = NamesTerm{term ? common(term->names, *own) : std::move(*own), std::move(from)};
    }

    void add_roles() {
        const Json* list = find(product_.spec, "roles");
        if (!list || !list->is_array() || !effective_.roles) return;
        for (const Json& each : list->get_array()) {
            const auto role = find_string(each, "role").value_or("");
            if (!std::ranges::binary_search(effective_.roles->names, role))
                fault("spec.roles", "role '" + role + "' is not among " +
                                        words_of(effective_.roles->names) + ", the only roles of " +
                                        words_of(effective_.roles->from));
        }
    }

    void check_names() {
        for (const NamingTerm& term : effective_.naming) {
            const auto pattern = Pattern::compile(term.pattern);
            if (!pattern) {  // of a hub whose patterns knew more: nobody can tell, so it is told
                fault("spec", term.from + ": " + pattern.error().message);
                continue;
            }
            const auto check = [&](const std::string& path, const std::string& name) {
                if (!pattern->matches(name))
                    fault(path,
                          "'" + name + "' does not match " + term.pattern + " of " + term.from);
            };
            if (term.of == "products") check("name", product_.name);
            if (term.of == "signals")
                for (const Json& signal : signals()) {
                    const auto name = find_string(signal, "name").value_or("");
                    check("spec.signals." + name, name);
                }
        }
    }

    void add_masks(const std::vector<Resource>& binding) {
        const Json* usual = find(product_.spec, "classification");
        const int level = level_of(usual ? *usual : Json());
        effective_.other_signals = mask_for(level, {}, binding);
        for (const Json& signal : signals()) {
            const Json* own = find(signal, "classification");
            auto mask = mask_for(own ? level_of(*own) : level,
                                 sorted_names(signal, "tags").value_or(Names{}), binding);
            if (mask)
                effective_.masks.emplace(find_string(signal, "name").value_or(""),
                                         std::move(*mask));
        }
    }

    const JsonArray& signals() const {
        static const JsonArray none;
        const Json* list = find(product_.spec, "signals");
        return list && list->is_array() ? list->get_array() : none;
    }
    void fault(const std::string& path, const std::string& what) {
        effective_.faults.push_back(path + ": " + what);
    }

    const Resource& product_;
    EffectivePolicy effective_;
};

// Shared ones first, then by name: the order in which what is laxer gets told.
std::vector<Resource> binding_of(const std::vector<Resource>& policies, const std::string& domain) {
    std::vector<Resource> binding;
    for (const Resource& policy : policies)
        if (binds(policy, domain)) binding.push_back(policy);
    std::ranges::sort(binding, [](const Resource& a, const Resource& b) {
        return std::pair(!is_shared(a), a.name) < std::pair(!is_shared(b), b.name);
    });
    return binding;
}

std::string words_of(const Mask& mask) {
    return words_of(MaskRule{-1, {}, mask.hide, mask.over, mask.except_roles});
}

// ---- one policy beside another

class Beside {
 public:
    Beside(const Resource& mine, const Resource& other)
        : mine_(mine), other_(other), from_(title_of(other)) {}

    std::vector<std::string> laxer() {
        const auto most = at("retention.at_most"), their_most = theirs("retention.at_most");
        if (most && their_most && *most > *their_most)
            tell("retention.at_most", mw::to_text(*most) + " is laxer than the " +
                                          mw::to_text(*their_most) + " of " + from_);
        const auto least = at("retention.at_least"), their_least = theirs("retention.at_least");
        if (least && their_least && *least < *their_least)
            tell("retention.at_least", mw::to_text(*least) + " is laxer than the " +
                                           mw::to_text(*their_least) + " of " + from_);
        for (const char* path : {"residency", "access.roles"}) {
            const auto mine = sorted_names(mine_.spec, path),
                       wide = sorted_names(other_.spec, path);
            if (mine && wide && !is_within(*mine, *wide))
                tell(path, words_of(beyond(*mine, *wide)) + " is laxer than " + from_ +
                               ", which allows only " + words_of(*wide));
        }
        const auto mine = mask_rules_of(mine_), wide = mask_rules_of(other_);
        for (std::size_t i = 0; i < mine.size(); ++i)
            for (const MaskRule& rule : wide)
                if (covers_rule(rule, mine[i]) && shows_more(mine[i], rule))
                    tell("masking[" + std::to_string(i) + "]",
                         words_of(mine[i]) + " is laxer than " + from_ + ", which says " +
                             words_of(rule));
        return std::move(told_);
    }

    std::vector<std::string> impossible() {
        const auto most = at("retention.at_most"), their_most = theirs("retention.at_most");
        const auto least = at("retention.at_least"), their_least = theirs("retention.at_least");
        if (least && their_most && *least > *their_most)
            tell("retention.at_least", mw::to_text(*least) + " can't hold together with at_most " +
                                           mw::to_text(*their_most) + " of " + from_);
        if (most && their_least && *most < *their_least)
            tell("retention.at_most", mw::to_text(*most) + " can't hold together with at_least " +
                                          mw::to_text(*their_least) + " of " + from_);
        for (const char* path : {"residency", "access.roles"}) {
            const auto mine = sorted_names(mine_.spec, path),
                       wide = sorted_names(other_.spec, path);
            if (mine && wide && common(*mine, *wide).empty())
                tell(path, words_of(*mine) + " leaves nothing of the " + words_of(*wide) + " of " +
                               from_);
        }
        return std::move(told_);
    }

 private:
    std::optional<nanoseconds> at(std::string_view path) { return duration_at(mine_.spec, path); }
    std::optional<nanoseconds> theirs(std::string_view path) {
        return duration_at(other_.spec, path);
    }
    void tell(const std::string& path, const std::string& what) {
        told_.push_back("spec." + path + ": " + what);
    }

    const Resource& mine_;
    const Resource& other_;
    std::string from_;
    std::vector<std::string> told_;
};

// Whether some product may be bound by both.
bool meet(const Resource& a, const Resource& b) {
    const auto domains = [](const Resource& policy) {
        return is_shared(policy) ? *sorted_names(policy.spec, "domains") : Names{policy.domain};
    };
    return std::ranges::any_of(domains(a),
                               [&](const auto& d) { return d == "*" || binds(b, d); }) ||
           std::ranges::any_of(domains(b), [&](const auto& d) { return d == "*" || binds(a, d); });
}

}  // namespace

EffectivePolicy effective_policy(const Resource& product, const std::vector<Resource>& policies) {
    const auto binding = binding_of(policies, product.domain);
    Fold fold(product);
    for (const Resource& policy : binding) fold.add(policy);
    fold.add_product(binding);
    return fold.take();
}

std::vector<PolicyLine> lines_of(const EffectivePolicy& policy) {
    std::vector<PolicyLine> lines;
    if (const auto& least = policy.keep_at_least)
        lines.push_back({"retention.at_least", mw::to_text(least->value), {least->from}});
    if (const auto& most = policy.keep_at_most)
        lines.push_back({"retention.at_most", mw::to_text(most->value), {most->from}});
    if (const auto& regions = policy.regions)
        lines.push_back({"residency", words_of(regions->names), regions->from});
    if (const auto& roles = policy.roles)
        lines.push_back({"access.roles", words_of(roles->names), roles->from});
    for (const auto& [signal, mask] : policy.masks)
        lines.push_back({"masking of " + signal, words_of(mask), mask.from});
    if (const auto& mask = policy.other_signals)
        lines.push_back({"masking of other signals", words_of(*mask), mask->from});
    for (const auto& term : policy.naming)
        lines.push_back({"naming." + term.of, term.pattern, {term.from}});
    return lines;
}

Json to_json(const EffectivePolicy& policy) {
    const auto texts = [](const Names& names) {
        JsonArray list;
        for (const auto& name : names) list.emplace_back(name);
        return list;
    };
    JsonArray lines;
    for (const auto& line : lines_of(policy))
        lines.push_back(
            JsonObject{{"rule", line.rule}, {"value", line.value}, {"from", texts(line.from)}});
    return JsonObject{{"lines", std::move(lines)},
                      {"overruled", texts(policy.overruled)},
                      {"faults", texts(policy.faults)}};
}

bool is_shared(const Resource& policy) { return find(policy.spec, "domains") != nullptr; }

bool binds(const Resource& policy, const std::string& domain) {
    const auto domains = sorted_names(policy.spec, "domains");
    if (!domains) return policy.domain == domain;
    return std::ranges::any_of(*domains,
                               [&](const auto& name) { return name == "*" || name == domain; });
}

std::vector<std::string> faults_beside(const Resource& policy,
                                       const std::vector<Resource>& others) {
    std::vector<std::string> faults;
    for (const Resource& other : others) {
        if (other.name == policy.name || !is_shared(other) || !meet(policy, other)) continue;
        Beside beside(policy, other);
        auto found = is_shared(policy) ? std::vector<std::string>{} : beside.laxer();
        if (found.empty()) found = beside.impossible();
        faults.insert(faults.end(), found.begin(), found.end());
    }
    return faults;
}

}  // namespace mw::products
