#include "trust/policy/compiled.h"

#include <algorithm>

namespace mw::policy {
namespace {

constexpr std::string_view every = "*";

bool names_all(const std::vector<std::string>& names) {
    return std::ranges::find(names, every) != names.end();
}

bool has(const std::vector<std::uint32_t>& numbers, std::uint32_t number) {
    return std::ranges::binary_search(numbers, number);
}

}  // namespace

Compiled::Compiled(const std::vector<Role>& roles) {
    const auto number = [](Numbers& numbers, const std::vector<std::string>& names) {
        for (const auto& name : names)
            if (name != every) numbers.try_emplace(name, std::uint32_t(numbers.size() + 1));
    };
    for (const auto& role : roles)
        for (const auto& rule : role.rules)
            number(kinds_, rule.kinds), number(domains_, rule.domains);
    for (const auto& role : roles) roles_.try_emplace(role.name, compile(role));
}

std::uint32_t Compiled::number_of(const Numbers& numbers, std::string_view name) {
    const auto at = numbers.find(name);
    return at == numbers.end() ? 0 : at->second;
}

Compiled::Entry Compiled::compile(const Role& role) const {
    Entry entry;
    entry.everywhere.assign(kinds_.size() + 1, 0);
    for (const auto& rule : role.rules) {
        Limited limited{rule.verbs, names_all(rule.kinds), {}, {}};
        for (const auto& kind : rule.kinds) limited.kinds.push_back(number_of(kinds_, kind));
        if (names_all(rule.domains)) {
            for (std::uint32_t kind = 0; kind < entry.everywhere.size(); ++kind)
                if (limited.any_kind || (kind != 0 && std::ranges::count(limited.kinds, kind) > 0))
                    entry.everywhere[kind] |= rule.verbs;
            continue;
        }
        for (const auto& domain : rule.domains)
            limited.domains.push_back(number_of(domains_, domain));
        std::ranges::sort(limited.kinds);
        std::ranges::sort(limited.domains);
        entry.limited.push_back(std::move(limited));
    }
    return entry;
}

bool Compiled::allowed(std::span<const std::string> roles, const Access& access) const {
    const std::uint32_t verb = 1u << static_cast<unsigned>(access.verb);
    const std::uint32_t kind = number_of(kinds_, access.kind);
    std::uint32_t domain = 0;
    bool asked = false;
    for (const auto& name : roles) {
        const auto at = roles_.find(std::string_view(name));
        if (at == roles_.end()) continue;
        const Entry& entry = at->second;
        if (entry.everywhere[kind] & verb) return true;
        if (entry.limited.empty()) continue;
        if (!asked) domain = number_of(domains_, access.domain), asked = true;
        if (domain == 0) continue;  // no rule names it
        for (const Limited& rule : entry.limited)
            if ((rule.verbs & verb) && has(rule.domains, domain) &&
                (rule.any_kind || (kind != 0 && has(rule.kinds, kind))))
                return true;
    }
    return false;
}

}  // namespace mw::policy
