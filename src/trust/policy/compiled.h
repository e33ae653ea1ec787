#pragma once
// Private to this module: roles as tables. Kinds, domains, and labels become numbers once, so that
// a decision hashes three names or four, and with labels two more for each label that a rule asks
// for.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trust/policy/policy.h"

namespace mw::policy {

class Compiled {
 public:
    explicit Compiled(const std::vector<Role>& roles);
    bool allowed(std::span<const std::string> roles, const Access& access) const;

 private:
    // Inlined, unlike that of the library: a decision is little more than hashing. Whoever could
    // choose names that collide writes roles.
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const;
    };
    using Numbers = std::unordered_map<std::string, std::uint32_t, NameHash, std::equal_to<>>;
    // Of a label: one of these values.
    struct Wanted {
        std::uint32_t name = 0;
        std::vector<std::uint32_t> values;  // sorted
    };
    // In some domains only.
    struct Limited {
        std::uint32_t verbs = 0;
        bool any_kind = false, any_domain = false;
        std::vector<std::uint32_t> kinds, domains;  // sorted
    };
    struct Labelled {
        Limited rule;
        std::vector<Wanted> labels;  // beside the one that it is found by
    };
    // Rules that want this label, by the values that they take: of each rule the label with the
    // fewest.
    struct Shelf {
        std::uint32_t name = 0;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> rules;  // value, place; sorted
    };
    struct Verbs {
        std::uint32_t everywhere = 0;   // hold in all domains
        std::uint32_t with_labels = 0;  // may hold for some labels
    };
    struct Entry {
        std::vector<Verbs> by_kind;
        std::vector<Limited> limited;  // without labels
        std::vector<Labelled> labelled;
        std::vector<Shelf> shelves;
    };
    class Asked;  // a question's names as numbers, looked up when a rule needs them

    static std::uint32_t number_of(const Numbers& numbers, std::string_view name);
    Entry compile(const Role& role) const;
    Limited compile(const Rule& rule) const;
    static bool names_kind(const Limited& rule, std::uint32_t kind);
    static void shelve(Entry& entry, Labelled rule);
    std::vector<Wanted> wanted_by(const Rule& rule) const;
    static bool allows(const Entry& entry, std::uint32_t verb, std::uint32_t kind, Asked& asked);

    Numbers kinds_, domains_, values_;      // 0: named in no rule
    std::vector<std::string> label_names_;  // sorted; their numbers are their places
    std::unordered_map<std::string, Entry, NameHash, std::equal_to<>> roles_;
};

}  // namespace mw::policy
