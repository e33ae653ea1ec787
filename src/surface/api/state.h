#pragma once
// What the routes share, and the words they are written in. Inside surface/api only.

#include <deque>
#include <unordered_map>

#include "insight/open_inference/open_inference.h"
#include "surface/api/api.h"
#include "surface/api/running_queries.h"

namespace mw::api {

using http::Request;
using http::Response;
using policy::Verb;

// What a request shows to say whose it is: a bearer token or, without one, a client certificate
// (DER) of whose key TLS has proof.
struct Credential {
    std::string token{};
    Bytes certificate{};
    bool empty() const { return token.empty() && certificate.empty(); }
};

// Of what is not there: it is refused in the words of what has no such label.
inline const Labels no_labels;

// Someone whose credential was good when the request came.
struct Caller {
    policy::Principal who;
    Credential shown;
};

// At most `burst` events at once and one per `every` afterwards.
class Throttle {
 public:
    Throttle(int burst, nanoseconds every) : burst_(burst), every_(every) {}
    bool admit(SteadyTime now);
    std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
    int burst_;
    nanoseconds every_;
    SteadyTime full_at_{};  // when the bucket is full again
    std::uint64_t suppressed_ = 0;
};

struct RouteLine {
    http::Method method;
    std::string pattern;
};

// A stream of events that is open, for who may have to end it.
struct OpenWatch {
    std::function<void()> stop;
    std::function<bool()> still_known;  // its token is good
};

struct Metrics {
    explicit Metrics(metrics::Registry& registry);
    metrics::Counter& logins;
    metrics::Counter& refused_tokens;
    metrics::Counter& refused_access;
    metrics::Gauge& watches;
    metrics::Counter& watches_expired;
};

}  // namespace mw::api

struct mw::api::Api::State {
    State(Parts p, Options o)
        : parts(std::move(p)),
          options(std::move(o)),
          metrics(parts.metrics),
          writes(options.writes, parts.points, parts.clock, parts.metrics),
          scope(parts.loop) {}

    Parts parts;
    const Options options;
    Metrics metrics;
    // Apart, so that noise of one kind hides nothing of the other.
    Throttle access_facts{20, seconds(3)};
    Throttle login_facts{20, seconds(3)};
    std::unordered_map<std::string, Throttle> failures_by_peer;
    WriteDoor writes;
    RunningQueries queries;
    std::unique_ptr<open_inference::Protocol> inference;  // null: no models
    std::size_t watches = 0;
    std::vector<std::weak_ptr<OpenWatch>> open_watches;
    bool stopping = false;
    std::string openapi;  // the document, made with the routes
    Scope scope;          // last: what runs in it uses all of the above

    Timestamp now() const { return parts.clock.now(); }
    Result<Caller> authenticate(const Request& request) const;
    // The same; if its issuer has keys that we don't know yet, they are fetched first.
    Task<Caller> who_asks(Credential shown);
    // Who holds a token, be it ours or somebody else's, or a certificate of a User. not_found: of
    // an issuer's unknown key.
    Result<policy::Principal> holder_of(const Credential& shown) const;
    // Writes a fact about a refusal in the background, at a bounded rate.
    void note_refusal(AuditNote note);
    // 401, or 429 for who keeps trying.
    Response refuse_token(const Request& request, const Error& error);
    bool allowed(const Caller& caller, const policy::Access& access) const;
    // denied, with the explanation; leaves a fact.
    Result<> authorize(const Caller& caller, const policy::Access& access);
    // Whether they may query history at all; which rows they see is the engine's to say.
    Result<> authorize_query(const Caller& caller);
    // Ends the streams of tokens that are good no more. After tokens or roles changed.
    void end_unknown_watches();
};

namespace mw::api {

using State = Api::State;
using Endpoint = Task<Response> (*)(State&, Caller, Request);
using KindEndpoint = Task<Response> (*)(State&, const registry::Kind&, Caller, Request);

// "Bearer x"; "Token x" of InfluxDB 2, "Token user:x" of 1; the password of "Basic ..."; the
// certificate of the connection.
Credential presented_by(const Request& request);
// An error as a response; a path at the beginning of its message becomes the "path" key.
Response error_response(const Error& error);
// The body as JSON; a large one is parsed on a worker. An empty body is an empty object.
Task<Json> parse_body(State& state, std::string body);
// A response with a large document, written on a worker.
Task<Response> json_response(State& state, int status, Json document);
// Unknown query parameters are errors, with the nearest known one.
Result<> check_query(const Request& request, std::initializer_list<const char*> known);
bool flag(const Request& request, std::string_view name);  // "1" or "true"
Result<std::uint64_t> number(const Request& request, std::string_view name, std::uint64_t fallback,
                             std::uint64_t most);

// resources.cpp
// The stored resource, if the caller may do this with it. To who may not even see it, it does not
// exist; who may do it nowhere learns nothing of what there is.
Task<Resource> stored_for(State&, Caller, Verb, std::string kind, std::string name);
Task<Response> list_resources(State&, const registry::Kind&, Caller, Request);
Task<Response> create_resource(State&, const registry::Kind&, Caller, Request);
Task<Response> get_resource(State&, const registry::Kind&, Caller, Request);
Task<Response> replace_resource(State&, const registry::Kind&, Caller, Request);
Task<Response> patch_resource(State&, const registry::Kind&, Caller, Request);
Task<Response> delete_resource(State&, const registry::Kind&, Caller, Request);
// RFC 7396.
void merge_patch(Json& target, const Json& patch);

// watch.cpp
Result<> admit_stream(const State& state);  // overloaded: too many are open
Task<Response> watch_resources(State&, const registry::Kind&, Caller, Request);
Task<Response> watch_alarms(State&, Caller, Request);

// people.cpp
Task<Response> login_ways(State&, Request);
Task<Response> login(State&, Request);
Task<Response> whoami(State&, Caller, Request);
Task<Response> issue_user_token(State&, Caller, Request);
Task<Response> issue_user_certificate(State&, Caller, Request);
Task<Response> revoke_user_tokens(State&, Caller, Request);
Task<Response> issue_enrollment_token(State&, Caller, Request);
Task<Response> list_enrollments(State&, Caller, Request);
Task<Response> approve_enrollment(State&, Caller, Request);
Task<Response> deny_enrollment(State&, Caller, Request);
Task<Response> move_device(State&, Caller, Request);

// admission.cpp
// What the kind itself says to a person's write: the resource to be written, with its author in
// status when it is new.
Task<Resource> admit(State&, AdmissionRequest);

// A group's devices get its labels and its site: who writes it must be allowed to make such
// devices.
Result<> check_given_labels(State&, const Caller&, Verb, const Resource& wanted);

// Nobody may make a user or role stronger than themselves.
Result<> check_escalation(State&, const Caller&, const Resource& wanted, const Resource* stored);

// questions.cpp
Task<Response> can_i(State&, Caller, Request);
Task<Response> who_can(State&, Caller, Request);
// denied: a user would hold roles that are kept apart; conflict: a role would keep apart what
// somebody holds.
Task<> check_duties(State&, Resource wanted);

// device_import.cpp
Task<Response> import_devices(State&, Caller, Request);

// audit.cpp
Task<Response> list_facts(State&, Caller, Request);
Task<Response> audit_head(State&, Caller, Request);
Task<Response> audit_proof(State&, Caller, Request);
Task<Response> audit_consistency(State&, Caller, Request);
Task<Response> redact_facts(State&, Caller, Request);
Task<Response> export_audit(State&, Caller, Request);

// openapi.cpp
// OpenAPI 3.1 of the routes; the page and its files are left out.
Json openapi(const std::vector<RouteLine>& routes);

// portfolio.cpp
Task<Response> rank_use_cases(State&, Caller, Request);
Task<Response> review_use_case(State&, Caller, Request);
Task<Response> compute_kpis(State&, Caller, Request);

// deeds.cpp
Task<Response> answer_label_task(State&, Caller, Request);
Task<Response> adjudicate_label_task(State&, Caller, Request);
Task<Response> label_agreement(State&, Caller, Request);
Task<Response> run_gate(State&, Caller, Request);
Task<Response> retire_version(State&, Caller, Request);

// trust.cpp
Task<Response> decide_quarantine(State&, Caller, Request);
Task<Response> list_quarantine(State&, Caller, Request);
Task<Response> trace_lineage(State&, Caller, Request);
Task<Response> product_scorecard(State&, Caller, Request);

// monitors.cpp
Task<Response> acknowledge_alert(State&, Caller, Request);

// products.cpp
Task<Response> export_contract(State&, Caller, Request);
Task<Response> compare_contract(State&, Caller, Request);
Task<Response> show_effective_policy(State&, Caller, Request);

// writes.cpp
Task<Response> write_influx(State&, Request);
Task<Response> write_points(State&, Caller, Request);
Response influx_ping(State&, Request);
Response influx_health(State&, Request);
Task<Response> influx_query(State&, Request);

// prometheus.cpp
Task<Response> prometheus_query(State&, Caller, Request);
Task<Response> prometheus_range(State&, Caller, Request);
Task<Response> prometheus_series(State&, Caller, Request);
Task<Response> prometheus_labels(State&, Caller, Request);
Task<Response> prometheus_values(State&, Caller, Request);
Task<Response> prometheus_build(State&, Caller, Request);
Task<Response> prometheus_metadata(State&, Caller, Request);

// broker.cpp
Task<Response> list_mqtt_clients(State&, Caller, Request);
Task<Response> list_mqtt_subscriptions(State&, Caller, Request);
Task<Response> list_mqtt_retained(State&, Caller, Request);
Task<Response> list_mqtt_bridges(State&, Caller, Request);
Task<Response> kick_mqtt_clients(State&, Caller, Request);
Task<Response> trace_mqtt(State&, Caller, Request);

// history.cpp
Task<Response> history_stats(State&, Caller, Request);
Task<Response> compact_history(State&, Caller, Request);
Task<Response> verify_history(State&, Caller, Request);
Task<Response> delete_history(State&, Caller, Request);

// backups.cpp
Task<Response> create_backup(State&, Caller, Request);
Task<Response> show_backup(State&, Caller, Request);
Task<Response> stop_backup(State&, Caller, Request);

// certificates.cpp
Task<Response> list_certificates(State&, Caller, Request);
Task<Response> get_certificate(State&, Caller, Request);
Task<Response> revoke_certificates(State&, Caller, Request);

// inference.cpp
Task<Response> describe_model(State&, Caller, Request);
Task<Response> model_is_ready(State&, Caller, Request);
Task<Response> infer(State&, Caller, Request);
Task<Response> inference_server(State&, Request);
Task<Response> inference_live(State&, Request);
Task<Response> inference_ready(State&, Request);

// services.cpp
Task<Response> run_query(State&, Caller, Request);
Task<Response> end_query(State&, Caller, Request);
Task<Response> upload_blob(State&, Caller, Request);
Task<Response> download_blob(State&, Caller, Request);
Task<Response> blob_response(State&, Request);
Task<Response> list_alarms(State&, Caller, Request);
Task<Response> explain_alarm(State&, Caller, Request);
Task<Response> list_schemas(State&, Caller, Request);
Task<Response> get_schema(State&, Caller, Request);
Response readiness(State&);

}  // namespace mw::api
