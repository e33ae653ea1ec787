#include "apps/hub/business_wiring.h"

namespace mw::hub {

BusinessWiring::BusinessWiring(Loop& loop, Workers& workers, registry::Registry& registry,
                               QueryEngine& query, DataPlane& data)
    : registry_(registry),
      data_(data),
      use_cases_(loop, registry),
      kpis_(kpi::Kpis::Parts{loop, workers, registry, query, *this}) {}

Task<> BusinessWiring::start() {
    CO_TRY_VOID(co_await use_cases_.start());
    co_return co_await kpis_.start();
}

Task<> BusinessWiring::stop() {
    CO_TRY_VOID(co_await kpis_.stop());
    co_return co_await use_cases_.stop();
}

void BusinessWiring::admit_into(api::Admission& admission) {
    admission["UseCase"] = [this](api::AdmissionRequest request) {
        return use_cases_.admit(std::move(request));
    };
    admission["Approval"] = [this](api::AdmissionRequest request) {
        return approvals::admit(registry_, registry_, std::move(request));
    };
}

Task<approvals::Verdict> BusinessWiring::consent(approvals::Subject subject,
                                                 std::uint64_t generation, std::string what,
                                                 std::vector<std::string> roles,
                                                 std::string author) {
    auto asked = subject;
    auto reading = approvals::approvals_of(registry_, std::move(asked));
    CO_TRY(const auto given, co_await std::move(reading));
    co_return approvals::judge(given, subject, generation, what, roles, author);
}

Task<JsonArray> BusinessWiring::rank() {
    CO_TRY(const auto ranked, co_await use_cases_.rank());
    JsonArray items;
    for (const auto& use_case : ranked) items.push_back(usecases::to_json(use_case));
    co_return std::move(items);
}

Task<Json> BusinessWiring::review(std::string use_case) {
    CO_TRY(const auto review, co_await use_cases_.review(std::move(use_case)));
    co_return usecases::to_json(review);
}

Task<> BusinessWiring::compute(std::string use_case) { return kpis_.compute(std::move(use_case)); }

Task<> BusinessWiring::store(Batch batch) { return data_.append(std::move(batch)); }

}  // namespace mw::hub
