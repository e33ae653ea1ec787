// A device from one state of its life to the next, to another owner, or another one into its place.
#include "fleet/onboarding/lifecycle.h"
#include "fleet/onboarding/parts.h"
#include "trust/audit/audit.h"

namespace mw::onboarding {
namespace {

AuditNote note_of(const Move& move) {
    std::string detail = audit::one_line(move.why);
    if (!move.other.empty()) detail = move.other + (detail.empty() ? "" : ": " + detail);
    return {move.actor, "device." + move.event, std::move(detail)};
}

// What the old owner said about it stays behind; what it is, if the new one says nothing, does not.
Resource of_new_owner(Resource device, const Resource& group) {
    Resource fresh = made_for(device.name, group);
    const auto profile = find_string(device.spec, "profile");
    if (profile && !find(fresh.spec, "profile")) fresh.spec.as_object()["profile"] = *profile;
    device.domain = std::move(fresh.domain);
    device.labels = std::move(fresh.labels);
    device.spec = std::move(fresh.spec);
    return device;
}

}  // namespace

Task<std::string> Onboarding::move_device(Move move) {
    Parts& parts = *parts_;
    CO_TRY_VOID(check_event(move.event));
    auto reading = parts.store.get("Device", move.device);
    CO_TRY(Resource device, co_await std::move(reading));
    // An enrolment under way would write over it.
    Turn turn{parts.under_way, {move.device}};
    if (!turn.is_mine()) co_return busy();
    const Enrolment* known = parts.roster.find(move.device);
    const std::string from = known ? known->state : device_state(device);
    CO_TRY(const std::string_view next, device_table().next(from, move.event));
    std::string to(next);
    JsonObject status{{"state", to}, {"reason", audit::one_line(move.why)}};
    // It enrols anew: what it holds is void.
    if (to == "registered")
        for (const char* key : {"certificate", "previous_certificate"}) status[key] = nullptr;
    if (move.event == "replace") {
        auto filling = parts.fill_place(move, device);
        CO_TRY_VOID(co_await std::move(filling));
        status["replaced_by"] = move.other;
    }
    Resource group;
    if (move.event == "transfer") {
        auto asking = parts.store.get("EnrollmentGroup", move.other);
        CO_TRY(group, co_await std::move(asking));
        status["group"] = group.name;
    }
    // First it is out; where it belongs comes second. Cut short in between, the same move goes on.
    auto merging =
        parts.store.merge_status("Device", move.device, std::move(status), note_of(move));
    CO_TRY(Resource moved, co_await std::move(merging));
    if (move.event == "transfer") {
        auto replacing = parts.store.replace(of_new_owner(std::move(moved), group), note_of(move));
        CO_TRY_VOID(co_await std::move(replacing));
    }
    co_return to;
}

// The new device gets what the broken one was to do: its profile, asset, site, domain and models.
Task<> Onboarding::Parts::fill_place(Move order, Resource fresh) {
    if (order.other == order.device || !identity::is_device_name(order.other))
        co_return Error{Errc::invalid_input, "by: want the name of another device"};
    auto reading = store.get("Device", order.other);
    auto there = co_await std::move(reading);
    if (!there && there.error().code != Errc::not_found) co_return std::move(there).error();
    if (there) {
        const std::string state = device_state(*there);
        if (state != "registered" && state != "enrolled" && state != "active")
            co_return Error{Errc::conflict, "device '" + order.other + "' is " + state +
                                                " and can't take another's place"};
        fresh.revision = there->revision;
    }
    fresh.name = order.other;
    fresh.status = JsonObject{{"state", "registered"}, {"replaces", order.device}};
    AuditNote note{order.actor, "device.replace", "in the place of " + order.device};
    if (!there) {
        fresh.revision = 0;
        auto creating = store.create(std::move(fresh), std::move(note));
        CO_TRY_VOID(co_await std::move(creating));
        co_return Result<>{};
    }
    auto replacing = store.replace(std::move(fresh), note);
    CO_TRY_VOID(co_await std::move(replacing));
    auto merging = store.merge_status("Device", order.other, JsonObject{{"replaces", order.device}},
                                      std::move(note));
    CO_TRY_VOID(co_await std::move(merging));
    co_return Result<>{};
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
