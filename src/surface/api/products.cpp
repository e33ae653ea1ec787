// Data products as contracts: the Open Data Contract Standard out, a comparison, the policy.
#include "data/products/products.h"

#include "surface/api/state.h"

namespace mw::api {
namespace {

const Error no_contracts{Errc::not_found, "this hub keeps no contracts"};

// For who may see it; whoever may not is told that it doesn't exist.
Task<Resource> visible_product(State& state, Caller caller, std::string name) {
    std::string kind = "DataProduct";
    CO_TRY(auto product, co_await state.parts.registry.get(std::move(kind), name));
    if (!state.allowed(caller, access_to(Verb::get, product)))
        co_return Error{Errc::not_found, "there is no DataProduct '" + name + "'"};
    co_return std::move(product);
}

// What the stored one shall become; the body says spec and, where it changes, domain.
Result<Resource> wanted_product(Json body, const Resource& stored) {
    if (!body.is_object() || !find(body, "spec"))
        return Error{Errc::invalid_input, "spec: want the spec that it shall have"};
    auto& object = body.get_object();
    object["kind"] = stored.kind;
    object["name"] = stored.name;
    if (!object.contains("domain")) object["domain"] = stored.domain;
    TRY(auto wanted, resource_from_json(body));
    TRY_VOID(registry::check(wanted));
    return wanted;
}

}  // namespace

Task<Response> export_contract(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    const bool yaml = request.headers.get("Accept").find("yaml") != std::string_view::npos;
    auto looking = visible_product(state, std::move(caller), request.param("name"));
    CO_TRY(const auto product, co_await std::move(looking));
    CO_TRY(auto contract, products::export_contract(product));
    if (yaml) co_return Response::text(200, to_yaml(contract), "application/yaml");
    auto writing = json_response(state, 200, std::move(contract));
    co_return co_await std::move(writing);
}

Task<Response> compare_contract(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.products) co_return no_contracts;
    auto looking = visible_product(state, std::move(caller), request.param("name"));
    CO_TRY(const auto stored, co_await std::move(looking));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto wanted, wanted_product(std::move(body), stored));
    CO_TRY(const auto comparison,
           co_await state.parts.products->compare_with_stored(std::move(wanted)));
    co_return Response::json(200, products::to_json(comparison));
}

Task<Response> show_effective_policy(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.products) co_return no_contracts;
    auto looking = visible_product(state, std::move(caller), request.param("name"));
    CO_TRY(auto product, co_await std::move(looking));
    std::string domain = product.domain, name = product.name, asked = product.name;
    CO_TRY(const auto policy, co_await state.parts.products->policy_of(std::move(asked)));
    auto answer = products::to_json(policy);
    answer.get_object()["product"] = name;
    answer.get_object()["domain"] = domain;
    co_return Response::json(200, std::move(answer));
}

}  // namespace mw::api
