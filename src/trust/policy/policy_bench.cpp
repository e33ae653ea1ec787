#include <benchmark/benchmark.h>

#include <algorithm>

#include "trust/policy/policy.h"

namespace mw::policy {
namespace {

// A decision among many roles: the principal holds three, the last of which allows it.
void Policy_allowed(benchmark::State& state) {
    std::vector<Role> roles;
    for (int i = 0; i < state.range(0); ++i) {
        Rule rule{1u << static_cast<unsigned>(Verb::get), {"Device", "Asset"}, {}};
        rule.domains.push_back("domain-" + std::to_string(i));
        roles.push_back({"role-" + std::to_string(i), {rule, rule}});
    }
    const auto policy = Policy::compile(std::move(roles));
    const auto last = std::to_string(state.range(0) - 1);
    const Principal ada{"user:ada", {"role-1", "role-2", "role-" + last}};
    const auto domain = "domain-" + last;
    for (auto _ : state)
        benchmark::DoNotOptimize(policy->allowed(ada, {Verb::get, "Asset", domain}));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Policy_allowed)->Arg(10)->Arg(1'000);

// 1,000 roles with many kinds each, in plants of 100,000 devices (of which a decision sees the
// domain only): the principal holds five, and the last rule of the last one allows it.
void Policy_allowed_wide(benchmark::State& state) {
    std::vector<Role> roles;
    for (int i = 0; i < 1'000; ++i) {
        Rule rule{1u << static_cast<unsigned>(Verb::patch), {}, {}};
        for (int k = 0; k < 20; ++k) rule.kinds.push_back("Kind" + std::to_string(k));
        for (int d = 0; d < 10; ++d) rule.domains.push_back("domain-" + std::to_string(i + d));
        Rule other = rule;
        other.verbs = 1u << static_cast<unsigned>(Verb::get);
        roles.push_back({"role-" + std::to_string(i), {rule, rule, rule, rule, other}});
    }
    const auto policy = Policy::compile(std::move(roles));
    const Principal ada{"user:ada", {"role-1", "role-2", "role-3", "role-4", "role-999"}};
    const bool yes = state.range(0) != 0;
    for (auto _ : state) {
        const Access access{Verb::get, "Kind19", yes ? "domain-1008" : "domain-77"};
        benchmark::DoNotOptimize(policy->allowed(ada, access));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Policy_allowed_wide)->Arg(0)->Arg(1);

// The same, but each rule wants labels that a resource with eight of them has or has not: the
// principal's rules name its kind and domain, and the last rule of the last role has its labels.
void Policy_allowed_by_labels(benchmark::State& state) {
    std::vector<Role> roles;
    for (int i = 0; i < 1'000; ++i) {
        std::vector<Rule> rules;
        for (int r = 0; r < 5; ++r) {
            Rule rule{1u << static_cast<unsigned>(Verb::get), {"Device", "Asset"}, {}};
            for (int d = 0; d < 10; ++d) rule.domains.push_back("domain-" + std::to_string(d));
            for (int v = 0; v < 10; ++v)
                rule.labels["site"].push_back("site-" + std::to_string(10 * i + v));
            std::ranges::sort(rule.labels["site"]);
            rule.labels["line"] = {"line-" + std::to_string(r)};
            rules.push_back(std::move(rule));
        }
        roles.push_back({"role-" + std::to_string(i), std::move(rules)});
    }
    const auto policy = Policy::compile(std::move(roles));
    const Principal ada{"user:ada", {"role-1", "role-2", "role-3", "role-4", "role-999"}};
    Labels labels;
    for (const char* name : {"area", "class", "line", "maker", "owner", "shift", "site", "tier"})
        labels[name] = "some";
    labels["line"] = "line-4";
    labels["site"] = state.range(0) != 0 ? "site-9995" : "site-77";
    for (auto _ : state)
        benchmark::DoNotOptimize(policy->allowed(ada, {Verb::get, "Device", "domain-7", &labels}));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Policy_allowed_by_labels)->Arg(0)->Arg(1);

}  // namespace
}  // namespace mw::policy

BENCHMARK_MAIN();
