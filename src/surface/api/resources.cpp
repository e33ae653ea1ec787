// list, create, get, replace, patch, delete: the same for every kind.
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr int write_attempts = 5;  // each judged by what is stored then

AuditNote note_of(const Caller& caller, std::string action, const Request& request) {
    return {caller.who.name, std::move(action), "from " + request.peer.host};
}

// The body as a resource of this kind. The URL says kind and name; the body may repeat them.
Result<Resource> resource_from_body(Json body, const registry::Kind& kind,
                                    const std::string& name) {
    if (!body.is_object())
        return Error{Errc::invalid_input, "the body must be a JSON object with name and spec"};
    auto& object = body.get_object();
    if (const auto said = find_string(body, "kind"); said && *said != kind.name)
        return Error{Errc::invalid_input, "kind: '" + said->substr(0, 63) +
                                              "' does not belong under /v1/" + kind.plural};
    object["kind"] = kind.name;
    if (!name.empty()) {
        if (const auto said = find_string(body, "name"); said && *said != name)
            return Error{Errc::invalid_input, "name: '" + said->substr(0, 63) + "' is not the '" +
                                                  name + "' of the URL"};
        object["name"] = name;
    }
    TRY(auto resource, resource_from_json(body));
    resource.status = JsonObject{};  // controllers write it
    return resource;
}

Response resource_response(int status, const Resource& resource) {
    auto response = Response::json(status, to_json(resource));
    response.headers.set("ETag", "\"" + std::to_string(resource.revision) + "\"");
    return response;
}

Task<Response> write_replacement(State& state, Resource resource, AuditNote note, bool dry_run) {
    if (dry_run) {
        CO_TRY(auto outcome, co_await state.parts.registry.rehearse(ResourceStore::Deed::replace,
                                                                    std::move(resource)));
        co_return resource_response(200, outcome);
    }
    CO_TRY(auto outcome,
           co_await state.parts.registry.replace(std::move(resource), std::move(note)));
    co_return resource_response(200, outcome);
}

Task<Resource> remove_stored(State& state, Resource stored, std::uint64_t revision, AuditNote note,
                             bool dry_run) {
    if (dry_run) {
        stored.revision = revision;
        co_return co_await state.parts.registry.rehearse(ResourceStore::Deed::remove,
                                                         std::move(stored));
    }
    std::string kind = stored.kind, name = stored.name;
    CO_TRY_VOID(co_await state.parts.registry.remove(std::move(kind), std::move(name), revision,
                                                     std::move(note)));
    co_return std::move(stored);
}

// The checks that replace and patch share, once both versions are known; gives what to write.
Task<Resource> check_change(State& state, Caller caller, Verb verb, Resource wanted,
                            Resource stored) {
    // What it is becoming has to be theirs as well as what it was.
    CO_TRY_VOID(state.authorize(caller, access_to(verb, wanted)));
    CO_TRY_VOID(check_given_labels(state, caller, verb, wanted));
    CO_TRY_VOID(check_escalation(state, caller, wanted, &stored));
    auto duties = check_duties(state, wanted);
    CO_TRY_VOID(co_await std::move(duties));
    if (wanted.revision != stored.revision)
        co_return Error{
            Errc::conflict,
            wanted.kind + " '" + wanted.name + "' is at revision " +
                std::to_string(stored.revision) + ", not " + std::to_string(wanted.revision) +
                ": somebody changed it meanwhile; read it again and repeat your change"};
    wanted.status = stored.status;
    wanted.generation = stored.generation;
    wanted.created = stored.created;
    AdmissionRequest request{verb, std::move(caller.who), std::move(wanted), std::move(stored)};
    auto admitting = admit(state, std::move(request));
    co_return co_await std::move(admitting);
}

}  // namespace

Task<Resource> stored_for(State& state, Caller caller, Verb verb, std::string kind,
                          std::string name) {
    const auto reach = state.parts.registry.policy()->reach(caller.who, verb, kind);
    if (reach && reach->empty()) CO_TRY_VOID(state.authorize(caller, {verb, kind, "default"}));
    std::string wanted_kind = kind, wanted_name = name;
    CO_TRY(auto stored,
           co_await state.parts.registry.get(std::move(wanted_kind), std::move(wanted_name)));
    if (state.allowed(caller, access_to(verb, stored))) co_return std::move(stored);
    if (!state.allowed(caller, access_to(Verb::get, stored)))
        co_return Error{Errc::not_found, "there is no " + kind + " '" + name.substr(0, 63) + "'"};
    CO_TRY_VOID(state.authorize(caller, access_to(verb, stored)));
    co_return std::move(stored);
}

void merge_patch(Json& target, const Json& patch) {
    if (!patch.is_object()) {
        target = patch;
        return;
    }
    if (!target.is_object()) target = JsonObject{};
    auto& object = target.get_object();
    for (const auto& [key, value] : patch.get_object()) {
        if (value.is_null())
            object.erase(key);
        else
            merge_patch(object[key], value);
    }
}

Task<Response> list_resources(State& state, const registry::Kind& kind, Caller caller,
                              Request request) {
    if (flag(request, "watch")) {
        auto watching = watch_resources(state, kind, std::move(caller), std::move(request));
        co_return co_await std::move(watching);
    }
    CO_TRY_VOID(
        check_query(request, {"labelSelector", "fieldSelector", "limit", "continue", "watch"}));
    ListQuery query;
    query.kind = kind.name;
    query.label_selector = request.query_value("labelSelector").value_or("");
    query.field_selector = request.query_value("fieldSelector").value_or("");
    query.continue_from = request.query_value("continue").value_or("");
    CO_TRY(query.limit, number(request, "limit", query.limit, 5'000));
    query.reach = state.parts.registry.policy()->reach(caller.who, Verb::list, kind.name);
    if (query.reach && query.reach->empty())
        CO_TRY_VOID(state.authorize(caller, {Verb::list, kind.name, "default"}));
    CO_TRY(auto page, co_await state.parts.registry.list(std::move(query)));
    auto job = [page = std::move(page), name = kind.name] {
        JsonArray items;
        items.reserve(page.items.size());
        for (const auto& item : page.items) items.push_back(to_json(item));
        return to_json(Json(JsonObject{{"kind", name + "List"},
                                       {"items", std::move(items)},
                                       {"continue", page.continue_from},
                                       {"revision", std::to_string(page.revision)}}));
    };
    CO_TRY(auto text, co_await state.parts.workers.run(std::move(job)));
    co_return Response::text(200, std::move(text), "application/json");
}

Task<Response> create_resource(State& state, const registry::Kind& kind, Caller caller,
                               Request request) {
    CO_TRY_VOID(check_query(request, {"dryRun"}));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto resource, resource_from_body(std::move(body), kind, ""));
    CO_TRY_VOID(state.authorize(caller, access_to(Verb::create, resource)));
    CO_TRY_VOID(check_given_labels(state, caller, Verb::create, resource));
    CO_TRY_VOID(check_escalation(state, caller, resource, nullptr));
    auto duties = check_duties(state, resource);
    CO_TRY_VOID(co_await std::move(duties));
    AdmissionRequest asked{Verb::create, caller.who, std::move(resource), std::nullopt};
    auto admitting = admit(state, std::move(asked));
    CO_TRY(auto admitted, co_await std::move(admitting));
    if (flag(request, "dryRun")) {
        CO_TRY(auto outcome, co_await state.parts.registry.rehearse(ResourceStore::Deed::create,
                                                                    std::move(admitted)));
        co_return resource_response(200, outcome);
    }
    auto note = note_of(caller, "create", request);
    CO_TRY(auto created,
           co_await state.parts.registry.create(std::move(admitted), std::move(note)));
    auto response = resource_response(201, created);
    response.headers.set("Location", "/v1/" + kind.plural + "/" + created.name);
    co_return std::move(response);
}

Task<Response> get_resource(State& state, const registry::Kind& kind, Caller caller,
                            Request request) {
    CO_TRY_VOID(check_query(request, {}));
    std::string name = request.param("name");
    auto loading = stored_for(state, std::move(caller), Verb::get, kind.name, std::move(name));
    CO_TRY(const auto stored, co_await std::move(loading));
    co_return resource_response(200, stored);
}

namespace {

// What a stored resource is asked to become.
struct Change {
    Verb verb = Verb::replace;
    std::string action;
    bool pinned = false;  // it names the revision that it is about
    std::function<Result<Resource>(const Resource& stored)> wanted;
};

// Unless it is pinned, a change that raced with another is judged anew by what is stored then.
Task<Response> change_resource(State& state, const registry::Kind& kind, Caller caller,
                               Request request, Change change) {
    const std::string name = request.param("name");
    for (int attempt = 1;; ++attempt) {
        auto loading = stored_for(state, caller, change.verb, kind.name, name);
        CO_TRY(auto stored, co_await std::move(loading));
        CO_TRY(auto wanted, change.wanted(stored));
        if (!change.pinned) wanted.revision = stored.revision;
        auto checking =
            check_change(state, caller, change.verb, std::move(wanted), std::move(stored));
        CO_TRY(auto admitted, co_await std::move(checking));
        auto note = note_of(caller, change.action, request);
        auto writing =
            write_replacement(state, std::move(admitted), std::move(note), flag(request, "dryRun"));
        auto outcome = co_await std::move(writing);
        const bool raced = !outcome && outcome.error().code == Errc::conflict && !change.pinned;
        if (!raced || attempt == write_attempts) co_return std::move(outcome);
    }
}

Result<> check_patch(const Json& patch) {
    if (!patch.is_object())
        return Error{Errc::invalid_input, "the body must be a JSON merge patch (RFC 7396)"};
    for (const auto& [key, value] : patch.get_object())
        if (key != "spec" && key != "labels" && key != "domain" && key != "revision")
            return Error{Errc::invalid_input, std::string(key.substr(0, 63)) +
                                                  ": only spec, labels and domain can be patched"};
    return {};
}

}  // namespace

Task<Response> replace_resource(State& state, const registry::Kind& kind, Caller caller,
                                Request request) {
    CO_TRY_VOID(check_query(request, {"dryRun"}));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto asked, resource_from_body(std::move(body), kind, request.param("name")));
    Change change{Verb::replace, "replace", asked.revision != 0, {}};
    change.wanted = [asked = std::move(asked)](const Resource&) { return asked; };
    auto changing =
        change_resource(state, kind, std::move(caller), std::move(request), std::move(change));
    co_return co_await std::move(changing);
}

Task<Response> patch_resource(State& state, const registry::Kind& kind, Caller caller,
                              Request request) {
    CO_TRY_VOID(check_query(request, {"dryRun"}));
    CO_TRY(auto patch, co_await parse_body(state, std::move(request.body)));
    CO_TRY_VOID(check_patch(patch));
    Change change{Verb::patch, "patch", find(patch, "revision") != nullptr, {}};
    change.wanted = [patch = std::move(patch), &kind](const Resource& stored) {
        Json document = to_json(stored);
        merge_patch(document, patch);
        return resource_from_body(std::move(document), kind, stored.name);
    };
    auto changing =
        change_resource(state, kind, std::move(caller), std::move(request), std::move(change));
    co_return co_await std::move(changing);
}

Task<Response> delete_resource(State& state, const registry::Kind& kind, Caller caller,
                               Request request) {
    CO_TRY_VOID(check_query(request, {"dryRun", "revision"}));
    CO_TRY(const auto revision, number(request, "revision", 0, ~std::uint64_t{0} >> 1));
    const std::string name = request.param("name");
    for (int attempt = 1;; ++attempt) {
        auto loading = stored_for(state, caller, Verb::remove, kind.name, name);
        CO_TRY(auto stored, co_await std::move(loading));
        // Who can't give what the stored one has can't take it away either.
        CO_TRY_VOID(check_escalation(state, caller, stored, nullptr));
        AdmissionRequest asked{Verb::remove, caller.who, stored, stored};
        auto admitting = admit(state, std::move(asked));
        CO_TRY_VOID(co_await std::move(admitting));
        const std::uint64_t judged = revision != 0 ? revision : stored.revision;
        auto removing = remove_stored(state, stored, judged, note_of(caller, "delete", request),
                                      flag(request, "dryRun"));
        auto outcome = co_await std::move(removing);
        if (outcome) co_return resource_response(200, *outcome);
        const bool raced = outcome.error().code == Errc::conflict && revision == 0;
        if (!raced || attempt == write_attempts) co_return std::move(outcome).error();
    }
}

}  // namespace mw::api
