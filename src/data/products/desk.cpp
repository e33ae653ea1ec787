#include "data/products/desk.h"

#include <algorithm>

#include "data/products/readers.h"
#include "domain/each_resource.h"

namespace mw::products {
namespace {

std::string one_a_line(const std::vector<std::string>& faults) {
    if (faults.size() == 1) return faults.front();
    std::string text = faults.front() + " (and " + std::to_string(faults.size() - 1) + " more)";
    for (std::size_t i = 1; i < faults.size(); ++i) text += "\n  " + faults[i];
    return text;
}

}  // namespace

Task<std::vector<Resource>> Desk::all_of(std::string kind) {
    std::vector<Resource> all;
    auto visit = [&all](Resource resource) { all.push_back(std::move(resource)); };
    CO_TRY_VOID(co_await each_resource(store_, std::move(kind), std::move(visit)));
    co_return std::move(all);
}

Task<Comparison> Desk::compare_both(Resource before, Resource after) {
    auto changes = classify(before, after);
    const bool breaks = std::ranges::any_of(
        changes, [](const Change& change) { return change.effect == Effect::breaking; });
    if (breaks) {  // only then it matters who reads
        Surroundings around;
        auto datasets = all_of("Dataset");
        CO_TRY(around.datasets, co_await std::move(datasets));
        auto versions = all_of("ModelVersion");
        CO_TRY(around.versions, co_await std::move(versions));
        auto rules = all_of("AlertRule");
        CO_TRY(around.rules, co_await std::move(rules));
        auto monitors = all_of("Monitor");
        CO_TRY(around.monitors, co_await std::move(monitors));
        auto use_cases = all_of("UseCase");
        CO_TRY(around.use_cases, co_await std::move(use_cases));
        name_broken(changes, readers_of(before, around));
    }
    co_return compare(before, after, std::move(changes));
}

Task<Comparison> Desk::compare_with_stored(Resource wanted) {
    std::string kind = "DataProduct", name = wanted.name;
    CO_TRY(auto stored, co_await store_.get(std::move(kind), std::move(name)));
    auto comparing = compare_both(std::move(stored), std::move(wanted));
    co_return co_await std::move(comparing);
}

Task<Resource> Desk::admit_product(policy::AdmissionRequest request) {
    auto& wanted = request.wanted;
    const auto& stored = request.stored;
    if (request.deed == policy::Verb::remove) {
        if (stored && is_promise(*stored))
            co_return Error{Errc::conflict,
                            "name: contract " + wanted.name + " " + to_text(*version_of(*stored)) +
                                " is " + *find_string(stored->spec, "status") +
                                "; give it status: retired under a new major version before you "
                                "delete it"};
        co_return std::move(wanted);
    }
    if (stored) {
        auto comparing = compare_both(*stored, wanted);
        CO_TRY(const auto comparison, co_await std::move(comparing));
        if (!comparison.refused.empty()) co_return Error{Errc::conflict, comparison.refused};
        // What was compared is what gets replaced.
        if (wanted.revision == 0) wanted.revision = stored->revision;
    }
    auto reading = all_of("Policy");
    CO_TRY(const auto policies, co_await std::move(reading));
    const auto effective = effective_policy(wanted, policies);
    if (!effective.faults.empty())
        co_return Error{
            Errc::conflict,
            one_a_line(effective.faults) + "; a domain may be stricter than a policy, never laxer"};
    co_return std::move(wanted);
}

Task<Resource> Desk::admit_policy(policy::AdmissionRequest request) {
    if (request.deed == policy::Verb::remove) co_return std::move(request.wanted);
    auto reading = all_of("Policy");
    CO_TRY(const auto policies, co_await std::move(reading));
    const auto faults = faults_beside(request.wanted, policies);
    if (!faults.empty())
        co_return Error{Errc::conflict, one_a_line(faults) +
                                            "; a domain may be stricter than a shared policy, "
                                            "never laxer"};
    co_return std::move(request.wanted);
}

Task<EffectivePolicy> Desk::policy_of(std::string product) {
    std::string kind = "DataProduct";
    CO_TRY(const auto stored, co_await store_.get(std::move(kind), std::move(product)));
    auto reading = all_of("Policy");
    CO_TRY(const auto policies, co_await std::move(reading));
    co_return effective_policy(stored, policies);
}

}  // namespace mw::products
