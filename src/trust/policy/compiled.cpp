#include "trust/policy/compiled.h"

#include <algorithm>
#include <array>

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

// A question's domain and labels as numbers.
class Compiled::Asked {
 public:
    Asked(const Compiled& names, const Access& access) : names_(names), access_(access) {}

    std::uint32_t domain() {
        if (domain_ == unasked) domain_ = number_of(names_.domains_, access_.domain);
        return domain_;
    }
    // The value of a label; 0: it is not there, or no rule names its value.
    std::uint32_t value(std::uint32_t name) {
        auto& [known, value] = kept_[name % kept_.size()];
        if (known == name) return value;
        const auto at = access_.labels->find(names_.label_names_[name]);
        known = name;
        return value = at == access_.labels->end() ? 0 : number_of(names_.values_, at->second);
    }
    bool fits(const Limited& rule, std::uint32_t verb, std::uint32_t kind) {
        return (rule.verbs & verb) && (rule.any_kind || (kind != 0 && has(rule.kinds, kind))) &&
               (rule.any_domain || (domain() != 0 && has(rule.domains, domain())));
    }
    bool has_labels(const Limited& rule) {
        return std::ranges::all_of(rule.labels, [&](const Wanted& wanted) {
            const auto have = value(wanted.name);
            return have != 0 && has(wanted.values, have);
        });
    }

 private:
    static constexpr std::uint32_t unasked = ~0u;
    const Compiled& names_;
    const Access& access_;
    std::uint32_t domain_ = unasked;
    std::array<std::pair<std::uint32_t, std::uint32_t>, 4> kept_{
        {{unasked, 0}, {unasked, 0}, {unasked, 0}, {unasked, 0}}};
};

Compiled::Compiled(const std::vector<Role>& roles) {
    const auto number = [](Numbers& numbers, const std::vector<std::string>& names) {
        for (const auto& name : names)
            if (name != every) numbers.try_emplace(name, std::uint32_t(numbers.size() + 1));
    };
    for (const auto& role : roles)
        for (const auto& rule : role.rules) {
            number(kinds_, rule.kinds), number(domains_, rule.domains);
            for (const auto& [name, values] : rule.labels) {
                label_names_.push_back(name);
                for (const auto& value : values)
                    values_.try_emplace(value, std::uint32_t(values_.size() + 1));
            }
        }
    std::ranges::sort(label_names_);
    const auto twice = std::ranges::unique(label_names_);
    label_names_.erase(twice.begin(), twice.end());
    for (const auto& role : roles) roles_.try_emplace(role.name, compile(role));
}

std::uint32_t Compiled::number_of(const Numbers& numbers, std::string_view name) {
    const auto at = numbers.find(name);
    return at == numbers.end() ? 0 : at->second;
}

Compiled::Limited Compiled::compile(const Rule& rule) const {
    Limited limited{rule.verbs, names_all(rule.kinds), names_all(rule.domains), {}, {}, {}};
    for (const auto& kind : rule.kinds) limited.kinds.push_back(number_of(kinds_, kind));
    for (const auto& domain : rule.domains) limited.domains.push_back(number_of(domains_, domain));
    for (const auto& [name, values] : rule.labels) {
        const auto place = std::ranges::lower_bound(label_names_, name) - label_names_.begin();
        Wanted wanted{std::uint32_t(place), {}};
        for (const auto& value : values) wanted.values.push_back(number_of(values_, value));
        std::ranges::sort(wanted.values);
        limited.labels.push_back(std::move(wanted));
    }
    std::ranges::sort(limited.kinds);
    std::ranges::sort(limited.domains);
    return limited;
}

Compiled::Entry Compiled::compile(const Role& role) const {
    Entry entry;
    entry.everywhere.assign(kinds_.size() + 1, 0);
    for (const auto& rule : role.rules) {
        auto limited = compile(rule);
        if (!limited.labels.empty()) {
            entry.labelled.push_back(std::move(limited));
            continue;
        }
        if (!limited.any_domain) {
            entry.limited.push_back(std::move(limited));
            continue;
        }
        for (std::uint32_t kind = 0; kind < entry.everywhere.size(); ++kind)
            if (limited.any_kind || (kind != 0 && has(limited.kinds, kind)))
                entry.everywhere[kind] |= rule.verbs;
    }
    return entry;
}

bool Compiled::allowed(std::span<const std::string> roles, const Access& access) const {
    const std::uint32_t verb = 1u << static_cast<unsigned>(access.verb);
    const std::uint32_t kind = number_of(kinds_, access.kind);
    Asked asked(*this, access);
    for (const auto& name : roles) {
        const auto at = roles_.find(std::string_view(name));
        if (at == roles_.end()) continue;
        const Entry& entry = at->second;
        if (entry.everywhere[kind] & verb) return true;
        for (const Limited& rule : entry.limited)
            if (asked.fits(rule, verb, kind)) return true;
        if (!access.labels) continue;
        for (const Limited& rule : entry.labelled)
            if (asked.fits(rule, verb, kind) && asked.has_labels(rule)) return true;
    }
    return false;
}

}  // namespace mw::policy
