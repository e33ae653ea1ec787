// The Open Inference Protocol for people and programs with a token: who may read a model's versions
// may ask them.
#include "insight/open_inference/open_inference.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

using Ask = Task<Response> (open_inference::Protocol::*)(Request);

Task<Response> ask_model(State& state, Caller caller, Request request, Ask ask) {
    if (!state.inference)
        co_return open_inference::error_answer({Errc::not_found, "this hub answers for no models"});
    const auto model = co_await state.parts.registry.get("Model", request.param("name"));
    policy::Access access{Verb::get, "ModelVersion", "default", &no_labels};
    if (model) access.domain = model->domain, access.labels = &model->labels;
    if (auto may = state.authorize(caller, access); !may)
        co_return open_inference::error_answer(may.error());
    auto asking = (*state.inference.*ask)(std::move(request));
    co_return co_await std::move(asking);
}

}  // namespace

Task<Response> describe_model(State& state, Caller caller, Request request) {
    return ask_model(state, std::move(caller), std::move(request),
                     &open_inference::Protocol::metadata);
}
Task<Response> model_is_ready(State& state, Caller caller, Request request) {
    return ask_model(state, std::move(caller), std::move(request),
                     &open_inference::Protocol::model_ready);
}
Task<Response> infer(State& state, Caller caller, Request request) {
    return ask_model(state, std::move(caller), std::move(request),
                     &open_inference::Protocol::infer);
}

Task<Response> inference_server(State& state, Request) {
    if (state.inference) co_return state.inference->server();
    co_return open_inference::error_answer({Errc::not_found, "this hub answers for no models"});
}
Task<Response> inference_live(State&, Request) {
    co_return Response::json(200, JsonObject{{"live", true}});
}
Task<Response> inference_ready(State& state, Request) {
    const bool is_ready = state.inference && readiness(state).status == 200;
    co_return Response::json(is_ready ? 200 : 503, JsonObject{{"ready", is_ready}});
}

}  // namespace mw::api
