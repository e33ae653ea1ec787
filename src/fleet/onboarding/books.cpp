// What a group's status keeps: tokens, and devices that wait for an operator.
#include "fleet/onboarding/parts.h"
#include "trust/audit/audit.h"

namespace mw::onboarding {

Onboarding::Parts::Group& Onboarding::Parts::books_of(const Resource& group) {
    auto [at, fresh] = groups.try_emplace(group.name);
    if (fresh || at->second.created < group.created)
        at->second = {group.created, TokenBook::from_status(group.status),
                      Approvals::from_status(group.status)};
    return at->second;
}

void Onboarding::Parts::observe(const ResourceChange& change) {
    bool deleted = change.what == ResourceChange::What::deleted;
    if (change.resource.kind == "Device") {
        const Enrolment* known = roster.find(change.resource.name);
        const bool might_connect = known && known->may_connect;
        deleted ? roster.drop(change.resource.name) : roster.take(change.resource);
        // Of deleted devices the hub knows already, and forgets their sessions as well.
        const bool ends =
            !deleted && might_connect && !roster.find(change.resource.name)->may_connect;
        if (ends && shut_out) shut_out(change.resource.name);
    }
    if (change.resource.kind != "EnrollmentGroup") return;
    if (!deleted) return learn_makers(change.resource);
    groups.erase(change.resource.name);
    factories.erase(change.resource.name);
    makers_read.erase(change.resource.name);
}

Task<> Onboarding::Parts::save(std::string group, AuditNote note) {
    auto at = groups.find(group);
    if (at == groups.end()) co_return Error{Errc::not_found, "the enrolment group is gone"};
    JsonObject status = at->second.tokens.to_status();
    status["requests"] = at->second.approvals.to_status();
    auto writing = store.merge_status("EnrollmentGroup", group, std::move(status), std::move(note));
    CO_TRY_VOID(co_await std::move(writing));
    co_return Result<>{};
}

void Onboarding::Parts::release(const std::string& group, const std::optional<TokenText>& token) {
    const auto at = groups.find(group);
    if (at == groups.end()) return;
    token ? at->second.tokens.release(token->hash) : at->second.tokens.uncount();
}

// True when an operator has let the device in, or the group needs none.
Task<bool> Onboarding::Parts::is_approved(const Ask& ask, const Resource& group) {
    if (find_string(group.spec, "approval").value_or("") != "manual") co_return true;
    const Timestamp now = clock.now();
    WaitingRequest request{ask.device,
                           ask.key,
                           ask.who.peer,
                           now,
                           now + options.approval_lifetime,
                           WaitingRequest::State::waiting,
                           ""};
    for (const auto& [name, books] : groups) {
        const WaitingRequest* other = books.approvals.find(ask.device);
        if (name != group.name && other && other->expires > now)
            co_return Error{Errc::conflict,
                            "the name '" + ask.device + "' waits in another group already"};
    }
    CO_TRY(const auto answer, books_of(group).approvals.ask(request, now));
    if (answer == Approvals::Answer::approved) co_return true;
    if (answer == Approvals::Answer::waiting) co_return false;
    AuditNote note{
        ask.actor(), std::string(audit::action::enroll_requested),
        "group " + group.name + ", key " + ask.key.substr(0, 16) + ", from " + ask.who.peer};
    std::string name = group.name;
    auto saving = save(name, std::move(note));
    auto saved = co_await std::move(saving);
    if (saved) co_return false;
    if (auto at = groups.find(name); at != groups.end()) at->second.approvals.settle(ask.device);
    co_return std::move(saved).error();
}

std::vector<Waiting> Onboarding::waiting() const {
    std::vector<Waiting> all;
    for (const auto& [name, books] : parts_->groups)
        for (const WaitingRequest& request : books.approvals.all())
            if (request.expires > parts_->clock.now()) all.push_back({name, request});
    return all;
}

Task<WaitingRequest> Onboarding::decide(std::string device, bool approve, std::string actor) {
    Parts& parts = *parts_;
    using State = WaitingRequest::State;
    for (auto& [name, books] : parts.groups) {
        if (!books.approvals.find(device)) continue;
        const WaitingRequest before = *books.approvals.find(device);
        const std::string group = name;
        CO_TRY(const WaitingRequest decided,
               books.approvals.decide(device, approve ? State::approved : State::denied, actor,
                                      parts.clock.now()));
        AuditNote note{
            actor,
            std::string(approve ? audit::action::enroll_approved : audit::action::enroll_denied),
            "device " + device + ", key " + decided.key.substr(0, 16) + ", from " + decided.from};
        auto saving = parts.save(group, std::move(note));
        auto saved = co_await std::move(saving);
        if (saved) co_return decided;
        if (auto at = parts.groups.find(group); at != parts.groups.end()) {
            at->second.approvals.settle(device);
            at->second.approvals.restore(before);
        }
        co_return std::move(saved).error();
    }
    co_return Error{Errc::not_found, "no device '" + device + "' asks to be let in"};
}

}  // namespace mw::onboarding
