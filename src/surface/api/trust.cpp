// Whether data can be trusted: quarantine, lineage, scorecards.
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::uint64_t decisions_most = 10'000;
constexpr std::uint64_t lineage_most = 2'000;
constexpr std::uint64_t days_most = 90;

}  // namespace

Task<Response> decide_quarantine(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.quarantine) co_return Error{Errc::not_found, "this hub has no quarantine"};
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    // Whose points: who runs one domain, or what has some labels, decides about its devices only.
    std::string kind = "Device", name = find_string(body, "device").value_or("");
    const auto device = co_await state.parts.registry.get(std::move(kind), std::move(name));
    policy::Access access{Verb::create, "Quarantine", "default", &no_labels};
    if (device) access.domain = device->domain, access.labels = &device->labels;
    CO_TRY_VOID(state.authorize(caller, access));
    CO_TRY(auto record,
           co_await state.parts.quarantine->decide(std::move(body), std::move(caller.who.name)));
    co_return Response::json(200, std::move(record));
}

Task<Response> list_quarantine(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"device", "limit"}));
    if (!state.parts.quarantine) co_return Error{Errc::not_found, "this hub has no quarantine"};
    CO_TRY_VOID(state.authorize(caller, {Verb::query, "History", "default"}));
    CO_TRY(const auto limit, number(request, "limit", 500, decisions_most));
    auto items =
        state.parts.quarantine->decisions(request.query_value("device").value_or(""), limit);
    auto writing = json_response(state, 200, JsonObject{{"items", std::move(items)}});
    co_return co_await std::move(writing);
}

Task<Response> trace_lineage(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"direction", "limit"}));
    if (!state.parts.lineage) co_return Error{Errc::not_found, "this hub knows no lineage"};
    LineageDesk::Question question;
    question.kind = request.param("kind");
    question.name = request.param("name");
    const auto direction = request.query_value("direction").value_or("down");
    if (direction != "up" && direction != "down")
        co_return Error{Errc::invalid_input, "direction: want up or down"};
    question.down = direction == "down";
    CO_TRY(question.limit, number(request, "limit", 200, lineage_most));
    question.may_see = [&state, caller](const Resource& resource) {
        return state.allowed(caller, access_to(Verb::get, resource));
    };
    CO_TRY(auto tree, co_await state.parts.lineage->trace(std::move(question)));
    auto writing = json_response(state, 200, std::move(tree));
    co_return co_await std::move(writing);
}

Task<Response> product_scorecard(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"days"}));
    if (!state.parts.scorecards) co_return Error{Errc::not_found, "this hub keeps no scorecards"};
    std::string kind = "DataProduct", name = request.param("name");
    CO_TRY(auto product, co_await state.parts.registry.get(std::move(kind), name));
    if (!state.allowed(caller, access_to(Verb::get, product)))
        co_return Error{Errc::not_found, "there is no DataProduct '" + name + "'"};
    CO_TRY_VOID(state.authorize(caller, {Verb::query, "History", "default"}));
    CO_TRY(const auto days, number(request, "days", 7, days_most));
    if (days == 0) co_return Error{Errc::invalid_input, "days: want at least 1"};
    CO_TRY(auto card,
           co_await state.parts.scorecards->scorecard(product.name, static_cast<int>(days)));
    auto writing = json_response(state, 200, std::move(card));
    co_return co_await std::move(writing);
}

}  // namespace mw::api
