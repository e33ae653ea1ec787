#include "apps/hub/refusal_facts.h"

#include <algorithm>

#include "trust/audit/audit.h"

namespace mw::hub {
namespace {

constexpr double facts_at_once = 60, facts_per_second = 1.0 / 60;

}  // namespace

bool RefusalFacts::may_tell() {
    const SteadyTime now = clock_.steady();
    if (at_.ns != 0)
        left_ =
            std::min(facts_at_once, left_ + double((now - at_).count()) * 1e-9 * facts_per_second);
    at_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
}

Task<> RefusalFacts::tell(std::vector<Refused> refused) {
    for (const Refused& each : refused) {
        auto& told = told_[each.listener + " " + each.what];
        if (each.total <= told || !may_tell()) continue;
        const std::uint64_t more = each.total - told;
        AuditNote fact{"stranger", std::string(audit::action::access_refused),
                       audit::one_line("listener " + each.listener + ": " + std::to_string(more) +
                                       " " + each.what + " refused; last: " + each.last)};
        auto noting = store_.note(std::move(fact));
        CO_TRY_VOID(co_await std::move(noting));
        told = each.total;
    }
    co_return Result<>{};
}

}  // namespace mw::hub
