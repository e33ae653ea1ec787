#pragma once
// Policies that bind every data product: retention, residency, masking, access, naming. Pure. A
// shared policy (spec.domains) binds the products of the domains that it names, another one those
// of its own domain. Where several speak, the strictest holds; what is laxer has no effect and is
// told. Enforcing it is for those who store, delete and show points: they ask effective_policy().

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "domain/resource.h"

namespace mw::products {

struct DurationTerm {
    nanoseconds value{0};
    std::string from;  // "Policy company", "DataProduct pumps"
};
struct NamesTerm {
    std::vector<std::string> names;  // sorted; empty: none at all
    std::vector<std::string> from;
};
struct Mask {
    bool hide = false;                      // else only averages over `over` are shown
    nanoseconds over{0};                    // of hide: 0
    std::vector<std::string> except_roles;  // who sees the values all the same
    std::vector<std::string> from;
};
struct NamingTerm {
    std::string of;  // "products" or "signals"
    std::string pattern;
    std::string from;
};

struct EffectivePolicy {
    std::optional<DurationTerm> keep_at_least, keep_at_most;  // the product's retention is both
    std::optional<NamesTerm> regions;                         // no value: anywhere
    std::optional<NamesTerm> roles;                           // who may read; no value: not limited
    std::map<std::string, Mask, std::less<>> masks;           // by signal of the contract
    std::optional<Mask> other_signals;                        // those that the contract leaves out
    std::vector<NamingTerm> naming;
    std::vector<std::string> overruled;  // terms of policies that are laxer than what holds
    std::vector<std::string> faults;     // what the product itself asks for and may not, by path
};

// `policies`: all there are; those that don't bind the product are left out.
EffectivePolicy effective_policy(const Resource& product, const std::vector<Resource>& policies);

struct PolicyLine {
    std::string rule, value;  // "retention.at_most", "90d"
    std::vector<std::string> from;
};
std::vector<PolicyLine> lines_of(const EffectivePolicy& policy);
// {"lines":[{"rule","value","from":[...]}],"overruled":[...],"faults":[...]}
Json to_json(const EffectivePolicy& policy);

bool is_shared(const Resource& policy);
bool binds(const Resource& policy, const std::string& domain);
// Why this policy can't stand beside the others: laxer than a shared one, or impossible to obey
// together. Each begins with the path.
std::vector<std::string> faults_beside(const Resource& policy, const std::vector<Resource>& others);

}  // namespace mw::products
