// Who may pass: tokens, the policy, and facts about those who were refused.
#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::size_t peers_remembered = 4'096;
constexpr int failures_per_peer = 20;  // then one more every 3 s

}  // namespace

namespace {

std::string presented_token(const Request& request) {
    if (const auto bearer = request.bearer_token(); !bearer.empty()) return std::string(bearer);
    const auto value = request.headers.get("Authorization");
    std::string secret;
    if (value.starts_with("Token ")) secret = value.substr(6);
    if (value.starts_with("Basic ")) {
        const auto pair = from_base64(value.substr(6));
        if (pair) secret = text_of(*pair);
    }
    const auto colon = secret.find(':');  // no token has one
    return colon == std::string::npos ? secret : secret.substr(colon + 1);
}

const Error nothing_shown{Errc::denied,
                          "a token is needed: send 'Authorization: Bearer mwt_...'; or the client "
                          "certificate of a user"};

}  // namespace

Credential presented_by(const Request& request) {
    Credential shown{presented_token(request)};
    if (shown.token.empty()) shown.certificate = request.peer_certificate;
    return shown;
}

bool Throttle::admit(SteadyTime now) {
    // The bucket as a time: each event moves the moment of being full by `every`.
    if (full_at_ < now) full_at_ = now;
    if (full_at_ - now > every_ * (burst_ - 1)) return ++suppressed_, false;
    full_at_ = full_at_ + every_;
    return true;
}

Metrics::Metrics(metrics::Registry& r)
    : logins(r.counter("millwright_api_logins_total", "Sessions given out.")),
      refused_tokens(
          r.counter("millwright_api_tokens_refused_total", "Requests without a valid token.")),
      refused_access(r.counter("millwright_api_access_refused_total",
                               "Requests that the policy did not allow.")),
      watches(r.gauge("millwright_api_watches_open", "Event streams that are open.")),
      watches_expired(r.counter("millwright_api_watches_expired_total",
                                "Watches ended because their client was too slow.")) {}

Result<policy::Principal> State::holder_of(const Credential& shown) const {
    if (!shown.certificate.empty()) {
        if (!parts.user_of) return nothing_shown;
        TRY(const auto user, parts.user_of(shown.certificate));
        const auto* account = parts.registry.find(user);
        if (!account) return Error{Errc::denied, "there is no User '" + user + "' any more"};
        return policy::Principal{"user:" + user, account->roles};
    }
    const std::string& token = shown.token;
    if (!parts.foreign || !parts.foreign->takes(token))
        return policy::authenticate(parts.registry, token, now());
    TRY(auto who, parts.foreign->authenticate(token, now()));
    // Duties stay apart whoever hands out the roles.
    if (const auto kept = parts.registry.policy()->kept_apart(who.roles); !kept.empty())
        return Error{Errc::denied, who.name + ": " + kept + "; mend oidc.roles or the groups"};
    return who;
}

Result<Caller> State::authenticate(const Request& request) const {
    auto shown = presented_by(request);
    if (shown.empty()) return nothing_shown;
    TRY(auto who, holder_of(shown));
    return Caller{std::move(who), std::move(shown)};
}

Task<Caller> State::who_asks(Credential shown) {
    if (shown.empty()) co_return nothing_shown;
    auto who = holder_of(shown);
    if (!who && who.error().code == Errc::not_found && parts.foreign) {
        ignore(co_await parts.foreign->renew(), "the token is judged by the keys that there are");
        who = holder_of(shown);
    }
    if (!who) co_return std::move(who).error();
    co_return Caller{std::move(*who), std::move(shown)};
}

void State::note_refusal(AuditNote note) {
    log::warn("api.request.refused", {{"actor", note.actor}, {"detail", note.detail}});
    auto& facts = note.action == audit::action::login_refused ? login_facts : access_facts;
    if (!facts.admit(parts.clock.steady())) return;
    if (const auto more = facts.take_suppressed())
        note.detail += " (and " + std::to_string(more) + " others before, not recorded)";
    scope.spawn(parts.registry.note(std::move(note)));
}

Response State::refuse_token(const Request& request, const Error& error) {
    metrics.refused_tokens.add();
    // A valid token is never slowed down: only who fails again and again from one address.
    if (failures_by_peer.size() >= peers_remembered) failures_by_peer.clear();
    auto& throttle = failures_by_peer.try_emplace(request.peer.host, failures_per_peer, seconds(3))
                         .first->second;
    // Who shows no token at all only has to be asked for one: that is no attempt.
    const bool attempt = !presented_by(request).empty() || request.path == "/v1/login";
    if (attempt) {
        if (!throttle.admit(parts.clock.steady())) {
            auto response = Response::error(429, "overloaded", "too many refused tokens; wait");
            response.headers.set("Retry-After", "3");
            return response;
        }
        std::string detail = "from " + request.peer.host + " on " + request.path.substr(0, 200);
        // Whoever looks after the issuer has to see why; of our own tokens nobody learns it.
        if (error.message.starts_with("JWT: ")) detail += ": " + error.message;
        note_refusal({"stranger", std::string(audit::action::login_refused), std::move(detail)});
    }
    auto response = Response::error(401, "unauthenticated", error.message);
    response.headers.set("WWW-Authenticate", "Bearer realm=\"millwright\"");
    return response;
}

bool State::allowed(const Caller& caller, const policy::Access& access) const {
    return parts.registry.policy()->allowed(caller.who, access);
}

Result<> State::authorize(const Caller& caller, const policy::Access& access) {
    const auto policy = parts.registry.policy();
    if (policy->allowed(caller.who, access)) return {};
    metrics.refused_access.add();
    const auto why = policy->explain(caller.who, access).why;
    note_refusal({caller.who.name, std::string(audit::action::access_refused),
                  std::string(to_string(access.verb)) + " " + std::string(access.kind) +
                      " in domain " + std::string(access.domain)});
    return Error{Errc::denied, why};
}

Result<> State::authorize_query(const Caller& caller) {
    if (!parts.registry.policy()->readings(caller.who).empty()) return {};
    return authorize(caller, {Verb::query, "History", "default"});
}

// ---- words that the routes share

namespace {

constexpr std::string_view path_roots[] = {
    "kind",          "name",     "domain",    "labels",    "spec",
    "status",        "revision", "limit",     "continue",  "labelSelector",
    "fieldSelector", "from",     "sql",       "limits",    "id",
    "parameters",    "token",    "lifetime",  "purpose",   "dryRun",
    "watch",         "after",    "verify",    "state",     "Accept",
    "before",        "since",    "to",        "sequence",  "topic",
    "filter",        "identity", "client",    "connected", "count",
    "seconds",       "stream",   "sequences", "why"};

constexpr std::size_t large_json = 16 * 1024;  // parsing more takes over 200 us

// "spec.signals[2].unit: message" begins with a path of ours; "JSON: ..." doesn't.
std::string_view leading_path(std::string_view message) {
    const auto colon = message.find(": ");
    if (colon == std::string_view::npos) return {};
    const auto path = message.substr(0, colon);
    const auto root = path.substr(0, path.find_first_of(".["));
    if (path.find(' ') != std::string_view::npos) return {};
    for (const auto known : path_roots)
        if (root == known) return path;
    return {};
}

}  // namespace

Response error_response(const Error& error) {
    const auto path = leading_path(error.message);
    if (path.empty()) {
        if (http::status_of(error.code) >= 500 && error.code != Errc::cancelled)
            log::error("api.request.failed", {{"reason", error}});
        return Response::error(error);
    }
    const auto message = std::string_view(error.message).substr(path.size() + 2);
    return Response::error(Error{error.code, std::string(message)}, path);
}

Task<Json> parse_body(State& state, std::string body) {
    if (body.empty()) co_return Json(JsonObject{});
    if (body.size() < large_json) co_return parse_json(body);
    auto job = [body = std::move(body)] { return parse_json(body); };
    co_return co_await state.parts.workers.run(std::move(job));
}

Task<Response> json_response(State& state, int status, Json document) {
    auto job = [document = std::move(document)] { return to_json(document); };
    CO_TRY(auto text, co_await state.parts.workers.run(std::move(job)));
    co_return Response::text(status, std::move(text), "application/json");
}

Result<> check_query(const Request& request, std::initializer_list<const char*> known) {
    const std::vector<std::string> names(known.begin(), known.end());
    for (const auto& [key, value] : request.query) {
        if (std::find(names.begin(), names.end(), key) != names.end()) continue;
        const auto near = nearest_word(key, names);
        return Error{Errc::invalid_input,
                     "unknown query parameter '" + key.substr(0, 60) + "'" +
                         (near.empty() ? "" : "; did you mean '" + near + "'?")};
    }
    return {};
}

bool flag(const Request& request, std::string_view name) {
    const auto value = request.query_value(name);
    return value == "1" || value == "true";
}

Result<std::uint64_t> number(const Request& request, std::string_view name, std::uint64_t fallback,
                             std::uint64_t most) {
    const auto text = request.query_value(name);
    if (!text) return fallback;
    std::uint64_t value = 0;
    const auto* end = text->data() + text->size();
    const auto read = std::from_chars(text->data(), end, value);
    if (text->empty() || read.ec != std::errc{} || read.ptr != end || value > most)
        return Error{Errc::invalid_input,
                     std::string(name) + ": want a whole number up to " + std::to_string(most)};
    return value;
}

}  // namespace mw::api
