#include "surface/api/api.h"

#include <algorithm>

#include "base/log.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::size_t stranger_body_max = 16 * 1024;

// Every answer of a route that needs a token goes through here.
Task<Response> guarded(State& state, Endpoint endpoint, Request request) {
    auto asking = state.who_asks(presented_by(request));
    auto caller = co_await std::move(asking);
    if (!caller) co_return state.refuse_token(request, caller.error());
    auto outcome = co_await endpoint(state, std::move(*caller), std::move(request));
    if (!outcome) co_return error_response(outcome.error());
    co_return std::move(*outcome);
}

Task<Response> guarded_kind(State& state, const registry::Kind& kind, KindEndpoint endpoint,
                            Request request) {
    auto asking = state.who_asks(presented_by(request));
    auto caller = co_await std::move(asking);
    if (!caller) co_return state.refuse_token(request, caller.error());
    auto outcome = co_await endpoint(state, kind, std::move(*caller), std::move(request));
    if (!outcome) co_return error_response(outcome.error());
    co_return std::move(*outcome);
}

Task<Response> guarded_device(State& state, Request request) {
    const Error unknown{Errc::denied,
                        "this listener needs the client certificate of a device; "
                        "enrol first"};
    if (!state.parts.device_of || request.peer_certificate.empty())
        co_return error_response(unknown);
    auto name = state.parts.device_of(request.peer_certificate);
    if (!name) {
        state.note_refusal({"stranger", std::string(audit::action::access_refused),
                            "device listener: " + name.error().message});
        co_return error_response(name.error());
    }
    auto device = co_await state.parts.registry.get("Device", *name);
    if (!device) {
        state.note_refusal({"device:" + *name, std::string(audit::action::access_refused),
                            "its certificate is valid but it is no Device any more"});
        co_return error_response({Errc::denied, "device '" + *name + "' is not registered"});
    }
    auto outcome = co_await blob_response(state, std::move(request));
    if (!outcome) co_return error_response(outcome.error());
    co_return std::move(*outcome);
}

class Routes {
 public:
    Routes(State& state, http::Router& router) : state_(state), router_(router) {}

    void add(http::Method method, std::string_view pattern, Endpoint endpoint,
             http::RouteOptions options = {}) {
        auto* state = &state_;
        limit_strangers(options);
        lines_.push_back({method, std::string(pattern)});
        router_.add(
            method, pattern,
            [state, endpoint](Request request) {
                return guarded(*state, endpoint, std::move(request));
            },
            options);
    }
    void add(http::Method method, const std::string& pattern, const registry::Kind& kind,
             KindEndpoint endpoint) {
        auto* state = &state_;
        http::RouteOptions options;
        limit_strangers(options);
        lines_.push_back({method, pattern});
        router_.add(
            method, pattern,
            [state, &kind, endpoint](Request request) {
                return guarded_kind(*state, kind, endpoint, std::move(request));
            },
            options);
    }
    // Without a token: what load balancers and Prometheus ask for, and the page itself.
    template <class F>
    void open(http::Method method, std::string_view pattern, F answer) {
        open(method, pattern, answer, {});
    }
    // Asks for a token itself, and answers in another shape.
    void own_guard(http::Method method, std::string_view pattern,
                   Task<Response> (*answer)(State&, Request), http::RouteOptions options = {}) {
        limit_strangers(options);
        open(method, pattern, answer, std::move(options));
    }

    const std::vector<RouteLine>& lines() const { return lines_; }

 private:
    template <class F>
    void open(http::Method method, std::string_view pattern, F answer, http::RouteOptions options) {
        auto* state = &state_;
        lines_.push_back({method, std::string(pattern)});
        router_.add(
            method, pattern,
            [state, answer](Request request) -> Task<Response> {
                return answer(*state, std::move(request));
            },
            std::move(options));
    }
    // Who shows no valid token can't make us hold large bodies.
    void limit_strangers(http::RouteOptions& options) {
        options.body_limit_for = [state = &state_, most = options.body_limit](const Request& head) {
            return state->authenticate(head) ? most : std::min(most, stranger_body_max);
        };
    }
    State& state_;
    http::Router& router_;
    std::vector<RouteLine> lines_;
};

Task<Response> ping(State& state, Request request) {
    co_return influx_ping(state, std::move(request));
}
Task<Response> influx_state(State& state, Request request) {
    co_return influx_health(state, std::move(request));
}
Task<Response> health(State&, Request) { co_return Response::text(200, "ok\n"); }
Task<Response> ready(State& state, Request) { co_return readiness(state); }
Task<Response> show_openapi(State& state, Request) {
    co_return Response::text(200, state.openapi, "application/json");
}
Task<Response> expose_metrics(State& state, Request) {
    co_return Response::text(200, state.parts.metrics.expose(), metrics::Registry::content_type);
}

Task<Response> asset(State& state, Request request) {
    if (!request.path.starts_with("/v1/") && state.parts.assets) {
        if (auto found = state.parts.assets(request.path)) {
            auto response = Response::text(200, std::move(found->body), found->content_type);
            response.headers.set("Cache-Control", found->cache_control);
            response.headers.set("X-Content-Type-Options", "nosniff");
            response.headers.set("Content-Security-Policy",
                                 "default-src 'self'; style-src 'self' 'unsafe-inline'; "
                                 "frame-ancestors 'none'");
            co_return response;
        }
    }
    std::string hint;
    for (const auto& kind : registry::kinds()) hint += " /v1/" + kind.plural;
    co_return error_response({Errc::not_found, "there is no " + request.path.substr(0, 100) +
                                                   " (resources:" + hint + ")"});
}

void add_audit_routes(Routes& routes) {
    using http::Method;
    routes.add(Method::get, "/v1/audit", list_facts, {.limit = minutes(5)});
    routes.add(Method::get, "/v1/audit/head", audit_head);
    routes.add(Method::get, "/v1/audit/proof", audit_proof);
    routes.add(Method::get, "/v1/audit/consistency", audit_consistency);
    routes.add(Method::get, "/v1/audit/export", export_audit, {.limit = hours(2)});
    routes.add(Method::post, "/v1/audit:redact", redact_facts);
}

void add_prometheus_routes(Routes& routes, nanoseconds limit) {
    using http::Method;
    const http::RouteOptions slow{.limit = limit, .ends_with_client = true};
    for (const Method method : {Method::get, Method::post}) {
        routes.add(method, "/api/v1/query", prometheus_query, slow);
        routes.add(method, "/api/v1/query_range", prometheus_range, slow);
        routes.add(method, "/api/v1/series", prometheus_series, slow);
        routes.add(method, "/api/v1/labels", prometheus_labels, slow);
    }
    routes.add(Method::get, "/api/v1/label/{name}/values", prometheus_values, slow);
    routes.add(Method::get, "/api/v1/status/buildinfo", prometheus_build);
    routes.add(Method::get, "/api/v1/metadata", prometheus_metadata);
}

void add_people_routes(Routes& routes) {
    using http::Method;
    routes.open(Method::get, "/v1/login", login_ways);
    routes.open(Method::post, "/v1/login", login);
    routes.add(Method::get, "/v1/whoami", whoami);
    routes.add(Method::post, "/v1/users/{name}/token", issue_user_token);
    routes.add(Method::post, "/v1/users/{name}/certificate", issue_user_certificate);
    routes.add(Method::del, "/v1/users/{name}/tokens", revoke_user_tokens);
}

// How devices get in: by a token, and by a person's word.
void add_enrollment_routes(Routes& routes) {
    using http::Method;
    routes.add(Method::post, "/v1/enrollment-groups/{name}/token", issue_enrollment_token);
    routes.add(Method::get, "/v1/enrollments", list_enrollments);
    routes.add(Method::post, "/v1/enrollments/{name}/approve", approve_enrollment);
    routes.add(Method::post, "/v1/enrollments/{name}/deny", deny_enrollment);
    routes.add(Method::post, "/v1/devices/{name}/life", move_device);
}

// Whether data can be trusted: where it came from, how good it is, what is in quarantine.
void add_trust_routes(Routes& routes) {
    using http::Method;
    routes.add(Method::post, "/v1/label-tasks/{name}/adjudicate", adjudicate_label_task);
    routes.add(Method::get, "/v1/labels/agreement", label_agreement);
    routes.add(Method::post, "/v1/quarantine", decide_quarantine);
    routes.add(Method::get, "/v1/quarantine", list_quarantine);
    routes.add(Method::get, "/v1/lineage/{kind}/{name}", trace_lineage);
    routes.add(Method::get, "/v1/data-products/{name}/scorecard", product_scorecard,
               {.limit = minutes(5)});
}

// What the hub stores: figures, files and copies of it.
void add_storage_routes(Routes& routes) {
    using http::Method;
    routes.add(Method::get, "/v1/history/stats", history_stats);
    // Files are rewritten; what is cut short here goes on behind.
    const http::RouteOptions long_work{.limit = minutes(11)};
    routes.add(Method::post, "/v1/history/compact", compact_history, long_work);
    routes.add(Method::post, "/v1/history/verify", verify_history, {.limit = hours(2)});
    routes.add(Method::post, "/v1/history/delete", delete_history, long_work);
    routes.add(Method::get, "/v1/backups", show_backup, long_work);
    routes.add(Method::post, "/v1/backups", create_backup);
    routes.add(Method::post, "/v1/backups/stop", stop_backup);
}

// The Open Inference Protocol. What a server is and whether it lives, a port scan tells too.
void add_inference_routes(Routes& routes) {
    using http::Method;
    routes.open(Method::get, "/v2", inference_server);
    routes.open(Method::get, "/v2/health/live", inference_live);
    routes.open(Method::get, "/v2/health/ready", inference_ready);
    const http::RouteOptions large{.body_limit = open_inference::Limits{}.body_bytes,
                                   .limit = minutes(1)};
    for (const char* base : {"/v2/models/{name}", "/v2/models/{name}/versions/{version}"}) {
        const std::string at = base;
        routes.add(Method::get, at, describe_model, large);
        routes.add(Method::get, at + "/ready", model_is_ready, large);
        routes.add(Method::post, at + "/infer", infer, large);
    }
}

// Points over HTTP: our JSON, and the paths of InfluxDB 2 and 1.
void add_write_routes(Routes& routes, const WriteOptions& options) {
    using http::Method;
    const http::RouteOptions large{.body_limit = options.body_bytes_max, .limit = minutes(1)};
    routes.add(Method::post, "/v1/points", write_points, large);
    routes.own_guard(Method::post, "/api/v2/write", write_influx, large);
    routes.own_guard(Method::post, "/write", write_influx, large);
    routes.own_guard(Method::post, "/query", influx_query);
    routes.own_guard(Method::get, "/query", influx_query);
    routes.open(Method::get, "/ping", ping);
    routes.open(Method::get, "/health", influx_state);
}

}  // namespace

Api::Api(Parts parts, Options options)
    : state_(std::make_unique<State>(std::move(parts), std::move(options))) {
    if (!state_->parts.models) return;
    open_inference::ServerFacts facts{"millwright", MW_VERSION};
    state_->inference = std::make_unique<open_inference::Protocol>(
        *state_->parts.models, std::move(facts), state_->parts.metrics);
}
Api::~Api() = default;

http::Router Api::routes() {
    using http::Method;
    http::Router router;
    Routes routes(*state_, router);
    for (const auto& kind : registry::kinds()) {
        const auto all = "/v1/" + kind.plural, one = all + "/{name}";
        routes.add(Method::get, all, kind, list_resources);
        routes.add(Method::post, all, kind, create_resource);
        routes.add(Method::get, one, kind, get_resource);
        routes.add(Method::put, one, kind, replace_resource);
        routes.add(Method::patch, one, kind, patch_resource);
        routes.add(Method::del, one, kind, delete_resource);
    }
    add_people_routes(routes);
    add_enrollment_routes(routes);
    routes.add(Method::post, "/v1/devices:import", import_devices,
               {.body_limit = std::size_t{16} << 20, .limit = minutes(5)});
    routes.add(Method::get, "/v1/policy/can-i", can_i);
    routes.add(Method::get, "/v1/policy/who-can", who_can);
    routes.add(Method::get, "/v1/certificates", list_certificates);
    routes.add(Method::get, "/v1/certificates/{serial}", get_certificate);
    routes.add(Method::post, "/v1/certificates:revoke", revoke_certificates);
    // The engine keeps the time limit; the route's is behind it, for what the engine can't cut.
    routes.add(Method::post, "/v1/query", run_query,
               {.limit = state_->options.query_max.time + seconds(10), .ends_with_client = true});
    routes.add(Method::del, "/v1/query/{id}", end_query);
    routes.add(Method::post, "/v1/blobs", upload_blob,
               {.body_limit = state_->options.blob_bytes_max, .limit = minutes(5)});
    routes.add(Method::get, "/v1/blobs/{sha256}", download_blob);
    routes.add(Method::get, "/v1/alarms", list_alarms);
    routes.add(Method::get, "/v1/alarms/{id}/why", explain_alarm);
    routes.add(Method::post, "/v1/label-tasks/{name}/answer", answer_label_task);
    routes.add(Method::post, "/v1/gate-specs/{name}/run", run_gate);
    routes.add(Method::post, "/v1/model-versions/{name}/retire", retire_version);
    routes.add(Method::post, "/v1/monitors/{name}/ack", acknowledge_alert);
    add_audit_routes(routes);
    routes.add(Method::get, "/v1/use-cases:rank", rank_use_cases);
    routes.add(Method::get, "/v1/use-cases/{name}/review", review_use_case);
    routes.add(Method::post, "/v1/use-cases/{name}/kpis", compute_kpis, {.limit = minutes(10)});
    routes.add(Method::get, "/v1/data-products/{name}/contract", export_contract);
    routes.add(Method::post, "/v1/data-products/{name}/diff", compare_contract);
    routes.add(Method::get, "/v1/data-products/{name}/policy", show_effective_policy);
    routes.add(Method::get, "/v1/mqtt/clients", list_mqtt_clients);
    routes.add(Method::get, "/v1/mqtt/subscriptions", list_mqtt_subscriptions);
    routes.add(Method::get, "/v1/mqtt/retained", list_mqtt_retained);
    routes.add(Method::get, "/v1/mqtt/bridges", list_mqtt_bridges);
    routes.add(Method::post, "/v1/mqtt/kick", kick_mqtt_clients);
    routes.add(Method::get, "/v1/mqtt/trace", trace_mqtt);
    add_storage_routes(routes);
    add_trust_routes(routes);
    add_inference_routes(routes);
    add_write_routes(routes, state_->options.writes);
    add_prometheus_routes(routes, state_->options.query_max.time + seconds(10));
    routes.add(Method::get, "/v1/schemas", list_schemas);
    routes.add(Method::get, "/v1/schemas/{kind}", get_schema);
    routes.open(Method::get, "/healthz", health);
    routes.open(Method::get, "/readyz", ready);
    routes.open(Method::get, "/metrics", expose_metrics);
    routes.open(Method::get, "/openapi.json", show_openapi);
    routes.open(Method::get, "/", asset);
    routes.open(Method::get, "/{rest...}", asset);
    state_->openapi = to_json(openapi(routes.lines()));
    return router;
}

void Api::add_device_routes(http::Router& router) {
    Routes routes(*state_, router);
    routes.open(http::Method::get, "/v1/blobs/{sha256}", guarded_device);
    routes.open(http::Method::get, "/healthz", health);
}

std::function<void(const http::Served&)> Api::request_counter(std::string listener) {
    auto& registry = state_->parts.metrics;
    return [&registry, listener = std::move(listener)](const http::Served& served) {
        const auto status = std::to_string(served.status / 100) + "xx";
        registry
            .counter("millwright_api_requests_total", "Requests answered.",
                     {{"listener", listener}, {"status", status}})
            .add();
        registry
            .histogram("millwright_api_request_duration_seconds",
                       "From a request's last byte to its response.", {{"listener", listener}})
            .observe(double(served.took.count()) * 1e-9);
        log::debug("api.request.served", {{"method", http::to_string(served.method)},
                                          {"route", served.pattern},
                                          {"status", served.status}});
    };
}

void Api::stop() {
    state_->stopping = true;
    for (const auto& open : state_->open_watches)
        if (const auto watch = open.lock()) watch->stop();
    state_->open_watches.clear();
}

}  // namespace mw::api
