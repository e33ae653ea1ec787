// The seam through which a kind's own module judges what people write.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

// Four eyes need to know whose the first two are.
constexpr std::string_view authored[] = {"Approval",     "Dataset", "Firmware",
                                         "ModelVersion", "Rollout", "UseCase"};

}  // namespace

Task<Resource> admit(State& state, AdmissionRequest request) {
    const bool is_new = request.deed == Verb::create;
    if (is_new && std::ranges::find(authored, request.wanted.kind) != std::end(authored))
        request.wanted.status = JsonObject{{"author", request.who.name}};
    const auto judge = state.parts.admission.find(request.wanted.kind);
    if (judge == state.parts.admission.end()) co_return std::move(request.wanted);
    CO_TRY_VOID(registry::check(request.wanted));  // a judge may rely on the schema
    const std::string kind = request.wanted.kind, name = request.wanted.name,
                      who = request.who.name;
    auto judging = judge->second(std::move(request));
    auto admitted = co_await std::move(judging);
    ASSERT(!admitted || (admitted->kind == kind && admitted->name == name));
    if (!admitted && admitted.error().code == Errc::denied)
        state.note_refusal({who, std::string(audit::action::access_refused),
                            kind + " " + name + ": " + admitted.error().message});
    co_return std::move(admitted);
}

}  // namespace mw::api
