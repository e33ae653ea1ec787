#include <benchmark/benchmark.h>

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

}  // namespace
}  // namespace mw::policy

BENCHMARK_MAIN();
