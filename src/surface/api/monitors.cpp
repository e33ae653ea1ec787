// What people do with monitors beside writing them: they have seen an alert.
#include "surface/api/state.h"

namespace mw::api {

Task<Response> acknowledge_alert(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.monitors) co_return Error{Errc::not_found, "this hub watches no models"};
    std::string name = request.param("name");
    auto loading = stored_for(state, caller, Verb::patch, "Monitor", name);
    CO_TRY_VOID(co_await std::move(loading));
    CO_TRY(auto seen, co_await state.parts.monitors->acknowledge(name, std::move(caller.who.name)));
    co_return Response::json(200, std::move(seen));
}

}  // namespace mw::api
