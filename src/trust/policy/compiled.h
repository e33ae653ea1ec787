#pragma once
// Private to this module: roles as tables. Kinds and domains become numbers once, so that a
// decision hashes three names or four and compares no text.

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
    // In some domains only.
    struct Limited {
        std::uint32_t verbs = 0;
        bool any_kind = false;
        std::vector<std::uint32_t> kinds, domains;  // sorted
    };
    struct Entry {
        std::vector<std::uint32_t> everywhere;  // by kind: verbs that hold in all domains
        std::vector<Limited> limited;
    };

    static std::uint32_t number_of(const Numbers& numbers, std::string_view name);
    Entry compile(const Role& role) const;

    Numbers kinds_, domains_;  // 0: named in no rule
    std::unordered_map<std::string, Entry, NameHash, std::equal_to<>> roles_;
};

}  // namespace mw::policy
