#include "trust/policy/compiled.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace mw::policy {
namespace {

constexpr std::string_view every = "*";

bool names_all(const std::vector<std::string>& names) {
    return std::ranges::find(names, every) != names.end();
}

bool has(const std::vector<std::uint32_t>& numbers, std::uint32_t number) {
    return std::ranges::binary_search(numbers, number);
}

template <class Word>
Word word_at(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

}  // namespace

// Two words are all of most names; they overlap when it is shorter.
inline std::size_t Compiled::NameHash::operator()(std::string_view name) const {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio
    const char* at = name.data();
    std::size_t left = name.size();
    std::uint64_t hash = left * odd;
    const auto mix = [&](std::uint64_t word) {
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    };
    for (; left > 16; at += 8, left -= 8) mix(word_at<std::uint64_t>(at));
    if (left >= 8) {
        mix(word_at<std::uint64_t>(at));
        mix(word_at<std::uint64_t>(at + left - 8));
    } else if (left >= 4) {
        mix(std::uint64_t(word_at<std::uint32_t>(at)) << 32 |
            word_at<std::uint32_t>(at + left - 4));
    } else {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < left; ++i) word = word << 8 | static_cast<unsigned char>(at[i]);
        mix(word);
    }
    return hash;
}

bool Compiled::names_kind(const Limited& rule, std::uint32_t kind) {
    return rule.any_kind || (kind != 0 && has(rule.kinds, kind));
}

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
        return (rule.verbs & verb) && names_kind(rule, kind) &&
               (rule.any_domain || (domain() != 0 && has(rule.domains, domain())));
    }
    bool has_labels(const std::vector<Wanted>& labels) {
        return std::ranges::all_of(labels, [&](const Wanted& wanted) {
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
    Limited limited{rule.verbs, names_all(rule.kinds), names_all(rule.domains), {}, {}};
    for (const auto& kind : rule.kinds) limited.kinds.push_back(number_of(kinds_, kind));
    for (const auto& domain : rule.domains) limited.domains.push_back(number_of(domains_, domain));
    std::ranges::sort(limited.kinds);
    std::ranges::sort(limited.domains);
    return limited;
}

std::vector<Compiled::Wanted> Compiled::wanted_by(const Rule& rule) const {
    std::vector<Wanted> labels;
    for (const auto& [name, values] : rule.labels) {
        const auto place = std::ranges::lower_bound(label_names_, name) - label_names_.begin();
        Wanted wanted{std::uint32_t(place), {}};
        for (const auto& value : values) wanted.values.push_back(number_of(values_, value));
        std::ranges::sort(wanted.values);
        labels.push_back(std::move(wanted));
    }
    return labels;
}

Compiled::Entry Compiled::compile(const Role& role) const {
    Entry entry;
    entry.by_kind.resize(kinds_.size() + 1);
    for (const auto& rule : role.rules) {
        auto limited = compile(rule);
        if (!rule.labels.empty()) {
            shelve(entry, {std::move(limited), wanted_by(rule)});
        } else if (!limited.any_domain) {
            entry.limited.push_back(std::move(limited));
        } else {
            for (std::uint32_t kind = 0; kind < entry.by_kind.size(); ++kind)
                if (names_kind(limited, kind)) entry.by_kind[kind].everywhere |= rule.verbs;
        }
    }
    for (Shelf& shelf : entry.shelves) std::ranges::sort(shelf.rules);
    return entry;
}

void Compiled::shelve(Entry& entry, Labelled labelled) {
    const Limited& rule = labelled.rule;
    for (std::uint32_t kind = 0; kind < entry.by_kind.size(); ++kind)
        if (names_kind(rule, kind)) entry.by_kind[kind].with_labels |= rule.verbs;
    const auto fewest = std::ranges::min_element(
        labelled.labels, {}, [](const Wanted& wanted) { return wanted.values.size(); });
    auto shelf = std::ranges::find(entry.shelves, fewest->name, &Shelf::name);
    if (shelf == entry.shelves.end()) shelf = entry.shelves.insert(shelf, Shelf{fewest->name, {}});
    for (const auto value : fewest->values)
        shelf->rules.emplace_back(value, std::uint32_t(entry.labelled.size()));
    labelled.labels.erase(fewest);
    entry.labelled.push_back(std::move(labelled));
}

[[gnu::noinline]] bool Compiled::allows(const Entry& entry, std::uint32_t verb, std::uint32_t kind,
                                        Asked& asked) {
    for (const Shelf& shelf : entry.shelves) {
        const auto value = asked.value(shelf.name);
        if (value == 0) continue;
        auto at = std::ranges::lower_bound(shelf.rules, std::pair{value, std::uint32_t(0)});
        for (; at != shelf.rules.end() && at->first == value; ++at) {
            const Labelled& found = entry.labelled[at->second];
            if (asked.has_labels(found.labels) && asked.fits(found.rule, verb, kind)) return true;
        }
    }
    return false;
}

// Rules without labels come first and by themselves: most people have no others.
bool Compiled::allowed(std::span<const std::string> roles, const Access& access) const {
    const std::uint32_t verb = 1u << static_cast<unsigned>(access.verb);
    const std::uint32_t kind = number_of(kinds_, access.kind);
    std::uint32_t domain = 0;
    bool asked = false;
    std::optional<Asked> labels;
    for (const auto& name : roles) {
        const auto at = roles_.find(std::string_view(name));
        if (at == roles_.end()) continue;
        const Entry& entry = at->second;
        const Verbs& verbs = entry.by_kind[kind];
        if (verbs.everywhere & verb) return true;
        if (!entry.limited.empty()) {
            if (!asked) domain = number_of(domains_, access.domain), asked = true;
            if (domain != 0)
                for (const Limited& rule : entry.limited)
                    if ((rule.verbs & verb) && has(rule.domains, domain) &&
                        (rule.any_kind || (kind != 0 && has(rule.kinds, kind))))
                        return true;
        }
        if (!(verbs.with_labels & verb) || !access.labels) continue;
        if (!labels) labels.emplace(*this, access);
        if (allows(entry, verb, kind, *labels)) return true;
    }
    return false;
}

}  // namespace mw::policy
