// What people do with resources of the closed loop beside writing them: answer or settle a label
// task, run a gate, retire a version.
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::size_t reason_bytes_max = 1000;

Result<std::string> text_from(const Json& body, std::string_view key) {
    if (!body.is_object() || body.get_object().size() != 1 || !find(body, key))
        return Error{Errc::invalid_input,
                     "the body must be {\"" + std::string(key) + "\": \"...\"}"};
    TRY(std::string text, want_string(body, key));
    if (text.empty() || text.size() > reason_bytes_max)
        return Error{Errc::invalid_input, std::string(key) + ": want 1 to " +
                                              std::to_string(reason_bytes_max) + " bytes"};
    return text;
}

}  // namespace

Task<Response> answer_label_task(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.labels) co_return Error{Errc::not_found, "this hub asks for no labels"};
    std::string name = request.param("name");
    auto loading = stored_for(state, caller, Verb::label, "LabelTask", name);
    CO_TRY(const Resource task, co_await std::move(loading));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto answered, co_await state.parts.labels->answer(task.name, std::move(body),
                                                              std::move(caller.who.name)));
    co_return Response::json(200, std::move(answered));
}

Task<Response> adjudicate_label_task(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.labels) co_return Error{Errc::not_found, "this hub asks for no labels"};
    std::string name = request.param("name");
    auto loading = stored_for(state, caller, Verb::label, "LabelTask", name);
    CO_TRY(const Resource task, co_await std::move(loading));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto settled, co_await state.parts.labels->adjudicate(task.name, std::move(body),
                                                                 std::move(caller.who)));
    co_return Response::json(200, std::move(settled));
}

Task<Response> label_agreement(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"use_case", "model"}));
    if (!state.parts.labels) co_return Error{Errc::not_found, "this hub asks for no labels"};
    CO_TRY_VOID(state.authorize(caller, {Verb::list, "LabelTask", "default"}));
    auto items = state.parts.labels->agreement(request.query_value("use_case").value_or(""),
                                               request.query_value("model").value_or(""));
    co_return Response::json(200, JsonObject{{"items", std::move(items)}});
}

Task<Response> run_gate(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.gates) co_return Error{Errc::not_found, "this hub runs no gates"};
    std::string name = request.param("name");
    // Whoever may have reports made, may run gates: those that they see.
    CO_TRY(const Resource gate, co_await state.parts.registry.get("GateSpec", name));
    const policy::Access access{Verb::create, "GateReport", gate.domain, &gate.labels};
    if (!state.allowed(caller, access) && !state.allowed(caller, access_to(Verb::get, gate)))
        co_return Error{Errc::not_found, "there is no GateSpec '" + gate.name + "'"};
    CO_TRY_VOID(state.authorize(caller, access));
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(std::string version, text_from(body, "version"));
    CO_TRY(auto started, co_await state.parts.gates->run(gate.name, std::move(version),
                                                         std::move(caller.who.name)));
    auto response = Response::json(202, started);
    response.headers.set("Location",
                         "/v1/gate-reports/" + find_string(started, "report").value_or(""));
    co_return std::move(response);
}

Task<Response> retire_version(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.gates) co_return Error{Errc::not_found, "this hub runs no gates"};
    std::string name = request.param("name");
    auto loading = stored_for(state, caller, Verb::patch, "ModelVersion", name);
    CO_TRY(const Resource version, co_await std::move(loading));
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(std::string reason, text_from(body, "reason"));
    CO_TRY(auto retired, co_await state.parts.gates->retire(version.name, std::move(reason),
                                                            std::move(caller.who.name)));
    co_return Response::json(200, std::move(retired));
}

}  // namespace mw::api
