// A device from one state of its life to the next.
#include "fleet/onboarding/lifecycle.h"
#include "fleet/onboarding/parts.h"
#include "trust/audit/audit.h"

namespace mw::onboarding {

Task<std::string> Onboarding::move_device(Move move) {
    Parts& parts = *parts_;
    CO_TRY_VOID(check_event(move.event));
    auto reading = parts.store.get("Device", move.device);
    CO_TRY(const Resource device, co_await std::move(reading));
    // An enrolment under way would write over it.
    Turn turn{parts.under_way, {move.device}};
    if (!turn.is_mine()) co_return busy();
    const Enrolment* known = parts.roster.find(move.device);
    const std::string from = known ? known->state : device_state(device);
    CO_TRY(const std::string_view next, device_table().next(from, move.event));
    std::string to(next);
    AuditNote note{std::move(move.actor), "device." + move.event, audit::one_line(move.why)};
    JsonObject status{{"state", to}, {"reason", audit::one_line(move.why)}};
    auto merging =
        parts.store.merge_status("Device", move.device, std::move(status), std::move(note));
    CO_TRY_VOID(co_await std::move(merging));
    co_return to;
}

Task<> Onboarding::connected(std::string device) {
    Parts& parts = *parts_;
    const Enrolment* known = parts.roster.find(device);
    if (!known || known->state != "enrolled") co_return Result<>{};
    Turn turn{parts.under_way, {device}};
    if (!turn.is_mine()) co_return Result<>{};  // with its next connection, then
    AuditNote note{"device:" + device, "device.activate", ""};
    auto merging = parts.store.merge_status("Device", device, JsonObject{{"state", "active"}},
                                            std::move(note));
    CO_TRY_VOID(co_await std::move(merging));
    co_return Result<>{};
}

void Onboarding::on_shut_out(std::function<void(const std::string&)> listener) {
    parts_->shut_out = std::move(listener);
}

}  // namespace mw::onboarding
