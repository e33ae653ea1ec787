// Prometheus' query API, as Grafana's data source asks it (docs/doors.md).
#include "data/prometheus/prometheus.h"

#include "surface/api/state.h"

namespace mw::api {
namespace {

using prometheus::Prometheus;

// "a=1&b=2" of a POST; the URL's parameters come first.
Result<Prometheus::Params> params_of(Request& request) {
    Prometheus::Params params = std::move(request.query);
    const bool form =
        request.headers.get("Content-Type").starts_with("application/x-www-form-urlencoded");
    if (request.body.empty() || !form) return params;
    TRY(const auto target, http::parse_target("/?" + request.body));
    params.insert(params.end(), target.second.begin(), target.second.end());
    return params;
}

Response prometheus_error(const Error& error) {
    const int status = error.code == Errc::timed_out ? 503 : http::status_of(error.code);
    return Response::text(status, prometheus::error_text(error), "application/json");
}

template <class Ask>
Task<Response> answered(State& state, Caller caller, Request request, Ask ask) {
    CO_TRY_VOID(state.authorize_query(caller));
    if (!state.parts.query) co_return Error{Errc::not_found, "this hub keeps no history"};
    auto params = params_of(request);
    if (!params) co_return prometheus_error(params.error());
    Prometheus prometheus({*state.parts.query, state.parts.workers, state.parts.clock});
    auto asking = ask(prometheus, std::move(*params), caller.who.name, request);
    auto text = co_await std::move(asking);
    if (!text) co_return prometheus_error(text.error());
    co_return Response::text(200, std::move(*text), "application/json");
}

using Question = Task<std::string> (Prometheus::*)(Prometheus::Params, std::string);
auto asks(Question question) {
    return [question](Prometheus& prometheus, Prometheus::Params params, const std::string& who,
                      const Request&) { return (prometheus.*question)(std::move(params), who); };
}

}  // namespace

Task<Response> prometheus_query(State& state, Caller caller, Request request) {
    return answered(state, std::move(caller), std::move(request), asks(&Prometheus::query));
}

Task<Response> prometheus_range(State& state, Caller caller, Request request) {
    return answered(state, std::move(caller), std::move(request), asks(&Prometheus::query_range));
}

Task<Response> prometheus_series(State& state, Caller caller, Request request) {
    return answered(state, std::move(caller), std::move(request), asks(&Prometheus::series));
}

Task<Response> prometheus_labels(State& state, Caller caller, Request request) {
    return answered(state, std::move(caller), std::move(request), asks(&Prometheus::labels));
}

Task<Response> prometheus_values(State& state, Caller caller, Request request) {
    auto ask = [](Prometheus& p, Prometheus::Params params, const std::string& who,
                  const Request& asked) {
        return p.label_values(asked.param("name"), std::move(params), who);
    };
    return answered(state, std::move(caller), std::move(request), ask);
}

// Grafana looks here for what kind of server it is, and for what metrics mean.
Task<Response> prometheus_build(State&, Caller, Request) {
    co_return Response::json(
        200,
        JsonObject{{"status", "success"},
                   {"data", JsonObject{{"version", "2.40.0"}, {"application", "millwright"}}}});
}

Task<Response> prometheus_metadata(State&, Caller, Request) {
    co_return Response::json(200, JsonObject{{"status", "success"}, {"data", JsonObject{}}});
}

}  // namespace mw::api
