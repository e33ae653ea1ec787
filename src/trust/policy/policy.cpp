#include "trust/policy/policy.h"

#include <algorithm>

#include "platform/crypto/crypto.h"
#include "trust/policy/compiled.h"

namespace mw::policy {
namespace {

constexpr std::string_view any = "*";

std::uint32_t bit(Verb verb) { return 1u << static_cast<unsigned>(verb); }

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& each) { return each == any || each == name; });
}

// But for its labels.
bool applies(const Rule& rule, const Access& access) {
    return (rule.verbs & bit(access.verb)) && contains(rule.kinds, access.kind) &&
           contains(rule.domains, access.domain);
}

bool fits_labels(const Rule& rule, const Access& access) {
    return rule.labels.empty() || (access.labels && has_labels(*access.labels, rule.labels));
}

// A rule that shows some rows only grants no more than exactly these.
bool grants_rows(const Rule& rule, const Rule& wanted) {
    return rule.rows.empty() || rule.rows == wanted.rows;
}

// Whatever has the labels that `wanted` asks for, has those that `rule` asks for.
bool grants_labels(const Rule& rule, const Rule& wanted) {
    return std::ranges::all_of(rule.labels, [&](const auto& one) {
        const auto same = wanted.labels.find(one.first);
        return same != wanted.labels.end() &&
               std::ranges::all_of(same->second, [&](const std::string& value) {
                   return std::ranges::find(one.second, value) != one.second.end();
               });
    });
}

std::vector<std::string> sorted(std::vector<std::string> names) {
    std::ranges::sort(names);
    const auto twice = std::ranges::unique(names);
    names.erase(twice.begin(), twice.end());
    return names;
}

std::string text_of(const Access& access) {
    return std::string(to_string(access.verb)) + " on " + std::string(access.kind) + " in domain " +
           std::string(access.domain);
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

std::string with_labels(const Rule& rule) {
    return rule.labels.empty() ? "" : " with labels " + to_text(rule.labels);
}

// What a rule wants, and not what the resource has: the reader need not be allowed to see that.
std::string why_not(const Rule& rule, const Access& access) {
    const std::string holds = " holds with labels " + to_text(rule.labels);
    if (!access.labels) return holds + " only, and none are in question here";
    for (const auto& [name, values] : rule.labels)
        if (!has_labels(*access.labels, {{name, values}}))
            return holds + " only, and label " + name + " is not one of these";
    return holds;
}

}  // namespace

std::shared_ptr<const Policy> Policy::compile(std::vector<Role> roles) {
    auto policy = std::make_shared<Policy>();
    policy->roles_ = std::move(roles);
    for (const auto& role : policy->roles_) policy->by_name_.emplace(role.name, &role);
    policy->compiled_ = std::make_shared<const Compiled>(policy->roles_);
    return policy;
}

const Role* Policy::find(std::string_view role) const {
    const auto at = by_name_.find(role);
    return at == by_name_.end() ? nullptr : at->second;
}

bool Policy::allowed(const Principal& principal, const Access& access) const {
    return compiled_->allowed(principal.roles, access);
}

std::string Policy::kept_apart(std::span<const std::string> roles) const {
    for (const auto& role : roles_)
        for (const auto& set : role.apart) {
            std::vector<std::string> held;
            for (const auto& name : set)
                if (std::ranges::find(roles, name) != roles.end()) held.push_back(name);
            if (held.size() > 1)
                return "the roles " + join(held) + " are kept apart by role '" + role.name +
                       "' (separation of duties)";
        }
    return "";
}

Verdict Policy::explain(const Principal& principal, const Access& access) const {
    std::string nearly;
    for (const auto& name : principal.roles) {
        const Role* role = find(name);
        if (!role) continue;
        for (std::size_t i = 0; i < role->rules.size(); ++i) {
            const Rule& rule = role->rules[i];
            if (!applies(rule, access)) continue;
            const std::string which = "role " + name + " (rule " + std::to_string(i + 1) + ")";
            if (fits_labels(rule, access))
                return {true, which + " allows " + principal.name + " to " + text_of(access) +
                                  with_labels(rule)};
            if (nearly.empty()) nearly = which + why_not(rule, access);
        }
    }
    std::string why = principal.name + " may not " + text_of(access) +
                      "; its roles: " + join(principal.roles) + ". ";
    if (!nearly.empty()) return {false, why + nearly};
    return {false, why + "A role with verbs [" + std::string(to_string(access.verb)) +
                       "], kinds [" + std::string(access.kind) + "], domains [" +
                       std::string(access.domain) + "] would allow it"};
}

Reaches Policy::reach(const Principal& principal, Verb verb, std::string_view kind) const {
    std::vector<Reach> some;
    std::vector<std::string> plain;  // domains of rules without labels
    for (const auto& name : principal.roles) {
        const Role* role = find(name);
        if (!role) continue;
        for (const auto& rule : role->rules) {
            if (!(rule.verbs & bit(verb)) || !contains(rule.kinds, kind)) continue;
            const bool everywhere = std::ranges::find(rule.domains, any) != rule.domains.end();
            if (rule.labels.empty()) {
                if (everywhere) return std::nullopt;
                plain.insert(plain.end(), rule.domains.begin(), rule.domains.end());
            } else if (everywhere) {
                some.push_back({std::nullopt, rule.labels});
            } else {
                some.push_back({sorted(rule.domains), rule.labels});
            }
        }
    }
    if (!plain.empty()) some.push_back({sorted(std::move(plain)), {}});
    return some;
}

std::vector<Policy::Reading> Policy::readings(const Principal& principal) const {
    std::vector<Reading> all;
    for (const auto& name : principal.roles) {
        const Role* role = find(name);
        if (!role) continue;
        for (const auto& rule : role->rules)
            if ((rule.verbs & bit(Verb::query)) && contains(rule.kinds, "History"))
                all.push_back({rule.domains, rule.rows, rule.labels});
    }
    return all;
}

bool Policy::holds(const Principal& principal, const Access& access, const Rule& wanted) const {
    for (const auto& name : principal.roles)
        if (const Role* role = find(name))
            for (const auto& rule : role->rules)
                if (applies(rule, access) && grants_rows(rule, wanted) &&
                    grants_labels(rule, wanted))
                    return true;
    return false;
}

bool Policy::covers(const Principal& principal, std::span<const Rule> rules) const {
    // "*" stands for itself here: only who holds "*" covers it, whatever is listed today.
    for (const auto& rule : rules)
        for (int v = 0; v < verb_count; ++v) {
            const auto verb = static_cast<Verb>(v);
            if (!(rule.verbs & bit(verb))) continue;
            for (const auto& kind : rule.kinds)
                for (const auto& domain : rule.domains)
                    if (!holds(principal, {verb, kind, domain}, rule)) return false;
        }
    return true;
}

bool Policy::covers_roles(const Principal& principal, std::span<const std::string> roles) const {
    return std::all_of(roles.begin(), roles.end(), [&](const std::string& name) {
        const Role* role = find(name);
        return role && covers(principal, role->rules);
    });
}

Result<Principal> authenticate(const Accounts& accounts, std::string_view token, Timestamp now) {
    const Error refusal{Errc::denied,
                        "the token is not valid (unknown, expired or revoked); "
                        "log in again, or ask an administrator for a new one"};
    auto presented = parse_token(token);
    if (!presented) return refusal;
    const Account* account = accounts.find(presented->user);
    if (!account) return refusal;
    bool found = false;
    for (const auto& record : account->tokens) {  // all of them: no early end to measure
        const bool live = record.expires.ns == 0 || now < record.expires;
        found |= crypto::equal_in_constant_time(record.hash, presented->hash) && live;
    }
    if (!found) return refusal;
    return Principal{"user:" + presented->user, account->roles};
}

}  // namespace mw::policy
