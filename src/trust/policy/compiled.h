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
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>{}(name);
        }
    };
    using Numbers = std::unordered_map<std::string, std::uint32_t, NameHash, std::equal_to<>>;
    // Of a label: one of these values.
    struct Wanted {
        std::uint32_t name = 0;
        std::vector<std::uint32_t> values;  // sorted
    };
    // In some domains only, or with labels.
    struct Limited {
        std::uint32_t verbs = 0;
        bool any_kind = false, any_domain = false;
        std::vector<std::uint32_t> kinds, domains;  // sorted
        std::vector<Wanted> labels = {};
    };
    struct Entry {
        std::vector<std::uint32_t> everywhere;  // by kind: verbs that hold in all domains
        std::vector<Limited> limited;           // without labels
        std::vector<Limited> labelled;
    };
    class Asked;  // a question's names as numbers, looked up when a rule needs them

    static std::uint32_t number_of(const Numbers& numbers, std::string_view name);
    Entry compile(const Role& role) const;
    Limited compile(const Rule& rule) const;

    Numbers kinds_, domains_, values_;      // 0: named in no rule
    std::vector<std::string> label_names_;  // sorted; their numbers are their places
    std::unordered_map<std::string, Entry, NameHash, std::equal_to<>> roles_;
};

}  // namespace mw::policy
