// Use cases as a portfolio: the ranking, what a stage needs, KPIs on demand.
#include <set>

#include "domain/each_resource.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

const Error no_portfolio{Errc::not_found, "this hub keeps no use cases"};

// The use case, for who may see it; whoever may not is told that it doesn't exist.
Task<Resource> visible(State& state, const Caller& caller, std::string name) {
    std::string kind = "UseCase";
    CO_TRY(auto use_case, co_await state.parts.registry.get(std::move(kind), name));
    if (!state.allowed(caller, access_to(Verb::get, use_case)))
        co_return Error{Errc::not_found, "there is no UseCase '" + name + "'"};
    co_return std::move(use_case);
}

}  // namespace

Task<Response> rank_use_cases(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.portfolio) co_return no_portfolio;
    const auto reach = state.parts.registry.policy()->reach(caller.who, Verb::list, "UseCase");
    if (reach && reach->empty())
        CO_TRY_VOID(state.authorize(caller, {Verb::list, "UseCase", "default"}));
    std::set<std::string> theirs;
    auto visit = [&](const Resource& use_case) {
        if (holds(reach, use_case.domain, use_case.labels)) theirs.insert(use_case.name);
    };
    if (reach) {
        auto reading = each_resource(state.parts.registry, "UseCase", std::move(visit));
        CO_TRY_VOID(co_await std::move(reading));
    }
    CO_TRY(auto ranked, co_await state.parts.portfolio->rank());
    JsonArray items;
    for (auto& use_case : ranked)
        if (!reach || theirs.contains(find_string(use_case, "name").value_or("")))
            items.push_back(std::move(use_case));
    JsonObject answer{{"kind", "UseCaseRanking"}, {"items", std::move(items)}};
    auto writing = json_response(state, 200, Json(std::move(answer)));
    co_return co_await std::move(writing);
}

Task<Response> review_use_case(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.portfolio) co_return no_portfolio;
    auto looking = visible(state, caller, request.param("name"));
    CO_TRY(auto use_case, co_await std::move(looking));
    CO_TRY(auto review, co_await state.parts.portfolio->review(std::move(use_case.name)));
    co_return Response::json(200, std::move(review));
}

Task<Response> compute_kpis(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.portfolio) co_return no_portfolio;
    auto looking = visible(state, caller, request.param("name"));
    CO_TRY(const auto use_case, co_await std::move(looking));
    CO_TRY_VOID(state.authorize_query(caller));
    std::string name = use_case.name, again = use_case.name;
    CO_TRY_VOID(co_await state.parts.portfolio->compute(std::move(name)));
    auto reading = visible(state, caller, std::move(again));
    CO_TRY(const auto computed, co_await std::move(reading));
    const Json* kpis = find(computed.status, "kpis");
    co_return Response::json(
        200, JsonObject{{"name", computed.name}, {"kpis", kpis ? *kpis : Json(JsonArray{})}});
}

}  // namespace mw::api
