// Questions about the policy itself: may somebody do this, and who may.
#include <algorithm>

#include "domain/each_resource.h"
#include "domain/selector.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

// A kind as people write it: "Device", "devices", "device"; and what is no resource, as "History".
Result<std::string> kind_named(std::string_view text) {
    std::string low;
    for (const char c : text) low += char(std::tolower(static_cast<unsigned char>(c)));
    const auto is = [&](std::string_view name) {
        std::string other;
        for (const char c : name) other += char(std::tolower(static_cast<unsigned char>(c)));
        return low == other;
    };
    std::vector<std::string> all;
    for (const auto& kind : registry::kinds()) {
        if (is(kind.name) || is(kind.plural)) return kind.name;
        all.push_back(kind.name);
    }
    for (const auto kind : policy::kinds_beside_resources()) {
        if (is(kind)) return std::string(kind);
        all.emplace_back(kind);
    }
    const auto near = nearest_word(text, all);
    return Error{
        Errc::invalid_input,
        "kind: there is no kind '" + std::string(text.substr(0, 63)) + "'" +
            (near.empty() ? " (millwright explain lists them)" : "; did you mean '" + near + "'?")};
}

struct PolicyQuestion {
    Verb verb = Verb::get;
    std::string kind, domain = "default";
    std::optional<Labels> labels;     // none: not in question
    std::optional<Resource> subject;  // by name

    policy::Access access() const { return {verb, kind, domain, labels ? &*labels : nullptr}; }
};

// "site=north,line=a"
Result<Labels> labels_in(std::string_view text) {
    TRY(const auto terms, parse_label_selector(text));
    Labels labels;
    for (const auto& term : terms) {
        if (term.test != SelectorTerm::Test::equal)
            return Error{Errc::invalid_input, "want labels as name=value, with commas between"};
        labels[term.key] = term.value;
    }
    return labels;
}

// With a name domain and labels are those of the resource, which the caller must be allowed to see.
Task<PolicyQuestion> question_in(State& state, Caller caller, Request request) {
    PolicyQuestion question;
    const auto verb = request.query_value("verb"), kind = request.query_value("kind");
    if (!verb || !kind) co_return Error{Errc::invalid_input, "want verb and kind"};
    CO_TRY(question.verb, policy::verb_from(*verb).context("verb"));
    CO_TRY(question.kind, kind_named(*kind));
    question.domain = request.query_value("domain").value_or("default");
    if (const auto labels = request.query_value("labels")) {
        CO_TRY(question.labels, labels_in(*labels).context("labels"));
    }
    std::string name = request.query_value("name").value_or("");
    if (name.empty()) co_return std::move(question);
    if (question.labels)
        co_return Error{Errc::invalid_input, "labels: want a name or labels, not both"};
    if (!registry::find_kind(question.kind))
        co_return Error{Errc::invalid_input, "name: " + question.kind + " has no names"};
    const Error unknown{Errc::not_found, "there is no " + question.kind + " '" + name + "'"};
    std::string wanted = question.kind;
    auto stored = co_await state.parts.registry.get(std::move(wanted), std::move(name));
    if (!stored) co_return unknown;
    if (!state.allowed(caller, access_to(Verb::get, *stored))) co_return unknown;
    question.domain = stored->domain;
    question.labels = stored->labels;
    question.subject = *std::move(stored);
    co_return std::move(question);
}

// What stands in the way although a role allows it: nobody signs off what they made.
std::string duty_against(const PolicyQuestion& question, const std::string& who) {
    if (question.verb != Verb::approve || !question.subject) return "";
    const auto author = find_string(question.subject->status, "author");
    if (!author || *author != who) return "";
    return who + " made this " + question.kind +
           ", and nobody's approval of their own work counts (separation of duties)";
}

Json answer_for(const State& state, const PolicyQuestion& question, const policy::Principal& who) {
    const auto verdict = state.parts.registry.policy()->explain(who, question.access());
    const auto duty = verdict.allowed ? duty_against(question, who.name) : "";
    JsonArray roles;
    for (const auto& role : who.roles) roles.emplace_back(role);
    return JsonObject{{"who", who.name},
                      {"roles", std::move(roles)},
                      {"verb", policy::to_string(question.verb)},
                      {"kind", question.kind},
                      {"domain", question.domain},
                      {"allowed", verdict.allowed && duty.empty()},
                      {"why", duty.empty() ? verdict.why : duty}};
}

}  // namespace

Task<Response> can_i(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"verb", "kind", "name", "domain", "labels", "as"}));
    const auto as = request.query_value("as").value_or("");
    policy::Principal who = caller.who;
    if (!as.empty() && "user:" + as != caller.who.name) {
        std::string kind = "User", name = as;
        // Before it is looked up: who may not ask learns nothing about who there is.
        CO_TRY_VOID(state.authorize(caller, {Verb::get, "User", "default"}));
        CO_TRY_VOID(co_await state.parts.registry.get(std::move(kind), std::move(name)));
        const auto* account = state.parts.registry.find(as);
        who = {"user:" + as, account ? account->roles : std::vector<std::string>{}};
    }
    auto asking = question_in(state, caller, std::move(request));
    CO_TRY(const auto question, co_await std::move(asking));
    co_return Response::json(200, answer_for(state, question, who));
}

Task<Response> who_can(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"verb", "kind", "name", "domain", "labels"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, "User", "default"}));
    auto asking = question_in(state, caller, std::move(request));
    CO_TRY(const auto question, co_await std::move(asking));
    JsonArray items;
    auto visit = [&](const Resource& user) {
        const auto* account = state.parts.registry.find(user.name);
        if (!account) return;
        const policy::Principal who{"user:" + user.name, account->roles};
        if (state.allowed(Caller{who, {}}, question.access()))
            items.push_back(answer_for(state, question, who));
    };
    auto reading = each_resource(state.parts.registry, "User", std::move(visit));
    CO_TRY_VOID(co_await std::move(reading));
    auto writing = json_response(state, 200,
                                 JsonObject{{"verb", policy::to_string(question.verb)},
                                            {"kind", question.kind},
                                            {"domain", question.domain},
                                            {"items", std::move(items)}});
    co_return co_await std::move(writing);
}

// Roles that a role keeps apart: nobody gets both, and nobody who has both is overlooked.
Task<> check_duties(State& state, Resource wanted) {
    if (wanted.kind == "User") {
        std::vector<std::string> roles;
        if (const Json* names = find(wanted.spec, "roles"); names && names->is_array())
            for (const auto& name : names->get_array())
                if (name.is_string()) roles.emplace_back(name.get_string());
        const auto kept = state.parts.registry.policy()->kept_apart(roles);
        if (!kept.empty()) co_return Error{Errc::denied, "spec.roles: " + kept};
        co_return Result<>{};
    }
    if (wanted.kind != "Role") co_return Result<>{};
    auto role = policy::role_from_spec(wanted.name, wanted.spec);
    if (!role || role->apart.empty()) co_return Result<>{};  // what is wrong, the store says
    std::vector<policy::Role> alone;
    alone.push_back(*std::move(role));
    const auto policy = policy::Policy::compile(std::move(alone));
    std::string overlooked;
    auto visit = [&](const Resource& user) {
        const auto* account = state.parts.registry.find(user.name);
        const auto kept = account ? policy->kept_apart(account->roles) : "";
        if (overlooked.empty() && !kept.empty())
            overlooked = "user '" + user.name + "' holds both now: " + kept;
    };
    auto reading = each_resource(state.parts.registry, "User", std::move(visit));
    CO_TRY_VOID(co_await std::move(reading));
    if (!overlooked.empty())
        co_return Error{Errc::conflict, "spec.apart: " + overlooked + ". Take one away first"};
    co_return Result<>{};
}

}  // namespace mw::api
