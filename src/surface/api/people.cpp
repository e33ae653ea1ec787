// Logins, tokens of users and of enrolment groups, and who may hand out what.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr nanoseconds token_lifetime_default = hours(24 * 90);
constexpr nanoseconds token_lifetime_max = hours(24 * 366);

std::vector<std::string> roles_of(const Json& spec) {
    std::vector<std::string> roles;
    if (const Json* names = find(spec, "roles"); names && names->is_array())
        for (const auto& name : names->get_array())
            if (name.is_string()) roles.emplace_back(name.get_string());
    return roles;
}

JsonArray json_of(const std::vector<std::string>& words) {
    JsonArray array;
    for (const auto& word : words) array.emplace_back(word);
    return array;
}

Result<nanoseconds> lifetime_from(const Json& body, nanoseconds fallback) {
    if (!find(body, "lifetime")) return fallback;
    TRY(const auto text, want_string(body, "lifetime"));
    TRY(const auto lifetime, parse_duration(text).context("lifetime"));
    if (lifetime.count() <= 0 || lifetime > token_lifetime_max)
        return Error{Errc::invalid_input, "lifetime: want more than zero and at most 366d"};
    return lifetime;
}

Result<> check_keys(const Json& body, std::initializer_list<const char*> known) {
    if (!body.is_object()) return Error{Errc::invalid_input, "the body must be a JSON object"};
    for (const auto& [key, value] : body.get_object()) {
        const bool there = std::find(known.begin(), known.end(), key) != known.end();
        if (there) continue;
        std::string all;
        for (const auto* name : known) all += (all.empty() ? "" : ", ") + std::string(name);
        return Error{Errc::invalid_input,
                     "unknown key '" + std::string(key.substr(0, 60)) + "' (want " + all + ")"};
    }
    return {};
}

Json token_json(const policy::IssuedToken& issued, const std::vector<std::string>& roles) {
    return JsonObject{{"token", issued.text},
                      {"user", issued.record.user},
                      {"roles", json_of(roles)},
                      {"expires", to_iso8601(issued.record.expires)}};
}

std::string user_of(const Caller& caller) { return caller.who.name.substr(5); }  // "user:ada"

// Somebody of an OpenID provider has no account here, so nothing that a token could belong to.
Result<> check_account(const Caller& caller, const std::string& user) {
    if (user != user_of(caller) || !caller.who.name.starts_with(policy::foreign_prefix)) return {};
    return Error{
        Errc::denied,
        caller.who.name + " has no account of this hub; its tokens come from its provider"};
}

// What devices of a group are labelled with (fleet/onboarding).
Labels labels_given(const Resource& group) {
    Labels labels = group.labels;
    if (auto site = find_string(group.spec, "site")) labels["site"] = *std::move(site);
    return labels;
}

Result<> may_enroll(State& state, const Caller& caller, const Resource& group) {
    TRY_VOID(state.authorize(caller, access_to(Verb::enroll, group)));
    const Labels given = labels_given(group);
    return state.authorize(caller, {Verb::enroll, group.kind, group.domain, &given});
}

// Who hands out what speaks for a user must have at least the user's roles.
Task<> may_speak_for(State& state, Caller caller, std::string user) {
    auto loading = stored_for(state, caller, Verb::token, "User", std::move(user));
    CO_TRY(const auto stored, co_await std::move(loading));
    co_return check_escalation(state, caller, stored, nullptr);
}

}  // namespace

// Before anybody has a token: where it is to be had. Nothing of it is secret.
Task<Response> login_ways(State& state, Request request) {
    if (const auto query = check_query(request, {}); !query)
        co_return error_response(query.error());
    JsonArray ways{"token"};
    JsonObject answer;
    if (!state.options.oidc_login.is_null()) {
        ways.emplace_back("oidc");
        answer["oidc"] = state.options.oidc_login;
    }
    answer["ways"] = std::move(ways);
    co_return Response::json(200, std::move(answer));
}

// A long-lived token is exchanged for a session, so that it need not lie around on every machine.
Task<Response> login(State& state, Request request) {
    auto body = co_await parse_body(state, std::move(request.body));
    if (!body) co_return error_response(body.error());
    if (const auto keys = check_keys(*body, {"token"}); !keys)
        co_return error_response(keys.error());
    std::string token = find_string(*body, "token").value_or(std::string(request.bearer_token()));
    auto who = policy::authenticate(state.parts.registry, token, state.now());
    if (!who) co_return state.refuse_token(request, who.error());
    const Caller caller{std::move(*who), std::move(token)};
    const auto issued = policy::issue_token(user_of(caller), "session", state.now(),
                                            state.options.session_lifetime, state.parts.random);
    AuditNote note{caller.who.name, std::string(audit::action::login), "from " + request.peer.host};
    auto record = issued.record;
    auto added = co_await state.parts.registry.add_token(std::move(record), std::move(note));
    if (!added) co_return error_response(added.error());
    state.metrics.logins.add();
    auto response = Response::json(200, token_json(issued, caller.who.roles));
    response.headers.set("Cache-Control", "no-store");
    co_return std::move(response);
}

Task<Response> whoami(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    (void)state;
    co_return Response::json(200, JsonObject{{"name", caller.who.name},
                                             {"user", user_of(caller)},
                                             {"roles", json_of(caller.who.roles)}});
}

Task<Response> issue_user_token(State& state, Caller caller, Request request) {
    const std::string user = request.param("name");
    CO_TRY_VOID(check_account(caller, user));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY_VOID(check_keys(body, {"lifetime", "purpose"}));
    CO_TRY(const auto lifetime, lifetime_from(body, token_lifetime_default));
    const auto purpose = find_string(body, "purpose").value_or("api").substr(0, 100);
    if (user != user_of(caller)) {
        auto asking = may_speak_for(state, caller, user);
        CO_TRY_VOID(co_await std::move(asking));
    }
    const auto issued =
        policy::issue_token(user, purpose, state.now(), lifetime, state.parts.random);
    AuditNote note{caller.who.name, std::string(audit::action::token_issued),
                   "for " + user + ", " + to_text(lifetime) + ", " + purpose};
    auto record = issued.record;
    CO_TRY_VOID(co_await state.parts.registry.add_token(std::move(record), std::move(note)));
    const auto* account = state.parts.registry.find(user);
    auto response = Response::json(
        201, token_json(issued, account ? account->roles : std::vector<std::string>{}));
    response.headers.set("Cache-Control", "no-store");
    co_return std::move(response);
}

// For programs: mutual TLS, with a key that never leaves them.
Task<Response> issue_user_certificate(State& state, Caller caller, Request request) {
    if (!state.parts.certificates)
        co_return Error{Errc::not_found, "this hub issues no certificates"};
    CertificateDesk::Wish wish;
    wish.user = request.param("name"), wish.actor = caller.who.name;
    CO_TRY_VOID(check_account(caller, wish.user));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY_VOID(check_keys(body, {"csr", "lifetime"}));
    CO_TRY(wish.csr, want_string(body, "csr"));
    CO_TRY(wish.lifetime, lifetime_from(body, token_lifetime_default));
    if (wish.user != user_of(caller)) {
        auto asking = may_speak_for(state, caller, wish.user);
        CO_TRY_VOID(co_await std::move(asking));
    }
    auto issuing = state.parts.certificates->issue(std::move(wish));
    CO_TRY(auto issued, co_await std::move(issuing));
    co_return Response::json(201, std::move(issued));
}

Task<Response> revoke_user_tokens(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    const std::string user = request.param("name");
    CO_TRY_VOID(check_account(caller, user));
    if (user != user_of(caller)) {
        auto asking = may_speak_for(state, caller, user);
        CO_TRY_VOID(co_await std::move(asking));
    }
    AuditNote note{caller.who.name, std::string(audit::action::tokens_revoked), "of " + user};
    std::string name = user;
    CO_TRY_VOID(co_await state.parts.registry.revoke_tokens(std::move(name), std::move(note)));
    state.end_unknown_watches();
    co_return Response::json(200, JsonObject{{"user", user}});
}

Task<Response> issue_enrollment_token(State& state, Caller caller, Request request) {
    if (!state.parts.enrollment)
        co_return Error{Errc::not_found, "this hub does not enrol devices"};
    EnrollmentTokens::Order order;
    order.group = request.param("name");
    order.actor = caller.who.name;
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY_VOID(check_keys(body, {"uses", "lifetime"}));
    CO_TRY(order.lifetime, lifetime_from(body, nanoseconds{0}));
    if (find(body, "uses")) {
        const auto uses = find_integer(body, "uses");
        if (!uses || *uses < 1)
            co_return Error{Errc::invalid_input, "uses: want a whole number above zero"};
        order.uses = static_cast<std::uint64_t>(*uses);
    }
    auto loading = stored_for(state, caller, Verb::enroll, "EnrollmentGroup", order.group);
    CO_TRY(const auto stored, co_await std::move(loading));
    CO_TRY_VOID(may_enroll(state, caller, stored));
    CO_TRY(const auto issued, co_await state.parts.enrollment->issue(std::move(order)));
    JsonObject answer{{"token", issued.token}, {"group", stored.name}, {"uses", issued.uses}};
    if (issued.expires.ns != 0) answer["expires"] = to_iso8601(issued.expires);
    auto response = Response::json(201, std::move(answer));
    response.headers.set("Cache-Control", "no-store");
    co_return std::move(response);
}

namespace {

// Whoever may make tokens for a group may also say who gets in.
Task<Response> decide_request(State& state, Caller caller, Request request, bool approve) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.enrollment)
        co_return Error{Errc::not_found, "this hub does not enrol devices"};
    std::string device = request.param("name"), group;
    const JsonArray waiting = state.parts.enrollment->waiting();
    for (const Json& each : waiting)
        if (find_string(each, "device") == device) group = find_string(each, "group").value_or("");
    // Who may not do it anywhere need not learn who waits.
    if (group.empty()) {
        CO_TRY_VOID(state.authorize(caller, {Verb::enroll, "EnrollmentGroup", "default"}));
    } else {
        CO_TRY(const auto stored,
               co_await state.parts.registry.get("EnrollmentGroup", std::move(group)));
        CO_TRY_VOID(may_enroll(state, caller, stored));
    }
    auto deciding = state.parts.enrollment->decide(std::move(device), approve, caller.who.name);
    CO_TRY(auto decided, co_await std::move(deciding));
    co_return Response::json(200, std::move(decided));
}

}  // namespace

Task<Response> approve_enrollment(State& state, Caller caller, Request request) {
    return decide_request(state, std::move(caller), std::move(request), true);
}

Task<Response> deny_enrollment(State& state, Caller caller, Request request) {
    return decide_request(state, std::move(caller), std::move(request), false);
}

Task<Response> list_enrollments(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.enrollment)
        co_return Error{Errc::not_found, "this hub does not enrol devices"};
    JsonArray items, waiting = state.parts.enrollment->waiting();
    for (Json& each : waiting) {
        std::string group = find_string(each, "group").value_or("");
        auto stored = co_await state.parts.registry.get("EnrollmentGroup", std::move(group));
        if (!stored) continue;
        if (state.allowed(caller, access_to(Verb::list, *stored))) items.push_back(std::move(each));
    }
    if (items.empty())
        CO_TRY_VOID(state.authorize(caller, {Verb::list, "EnrollmentGroup", "default"}));
    co_return Response::json(200, JsonObject{{"items", std::move(items)}});
}

// Who may let devices in may shut them out.
Task<Response> move_device(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.enrollment)
        co_return Error{Errc::not_found, "this hub does not enrol devices"};
    std::string name = request.param("name");
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY_VOID(check_keys(body, {"event", "why", "to", "by"}));
    CO_TRY(auto event, want_string(body, "event"));
    auto loading = stored_for(state, caller, Verb::enroll, "Device", name);
    CO_TRY_VOID(co_await std::move(loading));
    std::string to_group = find_string(body, "to").value_or("");
    std::string by_device = find_string(body, "by").value_or("");
    if (to_group.empty() == (event == "transfer") || by_device.empty() == (event == "replace"))
        co_return Error{Errc::invalid_input,
                        "transfer wants \"to\", the new owner's enrolment group; replace wants "
                        "\"by\", the device that takes its place; others want neither"};
    if (!to_group.empty()) {
        auto reading = stored_for(state, caller, Verb::enroll, "EnrollmentGroup", to_group);
        CO_TRY(const auto group, co_await std::move(reading));
        CO_TRY_VOID(may_enroll(state, caller, group));
        const Labels given = labels_given(group);
        CO_TRY_VOID(state.authorize(caller, {Verb::enroll, "Device", group.domain, &given}));
    }
    if (!by_device.empty()) {
        auto reading = state.parts.registry.get("Device", by_device);
        const auto other = co_await std::move(reading);  // a new one gets what the old one had
        if (other) CO_TRY_VOID(state.authorize(caller, access_to(Verb::enroll, *other)));
    }
    EnrollmentTokens::Move move{std::move(name), std::string(event),
                                find_string(body, "why").value_or(""), caller.who.name,
                                to_group + by_device};
    auto moving = state.parts.enrollment->move(std::move(move));
    CO_TRY(auto to, co_await std::move(moving));
    co_return Response::json(200, JsonObject{{"state", std::move(to)}});
}

Result<> check_given_labels(State& state, const Caller& caller, Verb verb, const Resource& wanted) {
    if (wanted.kind != "EnrollmentGroup") return {};
    const Labels given = labels_given(wanted);
    return state.authorize(caller, {verb, wanted.kind, wanted.domain, &given});
}

Result<> check_escalation(State& state, const Caller& caller, const Resource& wanted,
                          const Resource* stored) {
    const auto policy = state.parts.registry.policy();
    const auto refusal = [&](const std::string& what) {
        return Error{Errc::denied, "spec: " + caller.who.name + " may not touch " + what +
                                       ", which allows more than its own roles do"};
    };
    if (wanted.kind == "User") {
        // What the user has already counts too: else one could take over a stronger account.
        auto roles = roles_of(wanted.spec);
        if (stored) std::ranges::copy(roles_of(stored->spec), std::back_inserter(roles));
        for (const auto& role : roles) {
            const bool known = state.parts.registry.policy()->has_role(role);
            if (known && !policy->covers_roles(caller.who, std::span(&role, 1)))
                return refusal("role '" + role + "'");
        }
    }
    if (wanted.kind == "Role") {
        for (const auto* each : {&wanted, stored}) {
            if (!each) continue;
            auto role = policy::role_from_spec(each->name, each->spec);
            if (role && !policy->covers(caller.who, role->rules))
                return refusal("role '" + each->name + "'");
        }
    }
    return {};
}

}  // namespace mw::api
