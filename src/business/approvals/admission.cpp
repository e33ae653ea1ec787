#include <algorithm>

#include "business/approvals/approvals.h"

namespace mw::approvals {
namespace {

// Who may say this at all, and about which generation.
Result<Resource> signed_by(const policy::Accounts& accounts, const policy::Principal& who,
                           Resource wanted, const Resource& subject) {
    const auto role = *find_string(wanted.spec, "role");
    if (std::ranges::find(who.roles, role) == who.roles.end())
        return Error{Errc::denied, "spec.role: " + who.name + " does not hold role '" + role +
                                       "'; nobody approves in another's place, admin neither"};
    const auto access = access_to(policy::Verb::approve, subject);
    const policy::Principal in_that_role{who.name, {role}};
    if (const auto verdict = accounts.policy()->explain(in_that_role, access); !verdict.allowed)
        return Error{Errc::denied, "spec.role: " + verdict.why};
    const auto looked_at = find_integer(wanted.spec, "generation");
    if (looked_at && std::uint64_t(*looked_at) != subject.generation)
        return Error{Errc::conflict, "spec.generation: " + subject.kind + " '" + subject.name +
                                         "' is at generation " +
                                         std::to_string(subject.generation) + ", not " +
                                         std::to_string(*looked_at) + "; look at it again"};
    set(wanted.spec, "generation", Json(std::int64_t(subject.generation)));
    set(wanted.status, "by", Json(who.name));
    return wanted;
}

}  // namespace

Task<Resource> admit(ResourceStore& store, const policy::Accounts& accounts,
                     policy::AdmissionRequest request) {
    const auto& stored = request.stored;
    switch (request.deed) {
        case policy::Verb::create: {
            std::string kind = *find_string(request.wanted.spec, "subject.kind");
            std::string name = *find_string(request.wanted.spec, "subject.name");
            auto found = co_await store.get(std::move(kind), std::move(name));
            if (!found && found.error().code == Errc::not_found)
                co_return Error{Errc::invalid_input, "spec.subject: " + found.error().message};
            CO_TRY(const auto subject, std::move(found));
            co_return signed_by(accounts, request.who, std::move(request.wanted), subject);
        }
        case policy::Verb::remove:
            if (stored && find_string(stored->status, "by") != request.who.name)
                co_return Error{Errc::denied,
                                "an Approval can be withdrawn only by " +
                                    find_string(stored->status, "by").value_or("nobody") +
                                    ", who gave it"};
            co_return std::move(request.wanted);
        default:
            if (stored && stored->spec == request.wanted.spec) co_return std::move(request.wanted);
            co_return Error{Errc::conflict,
                            "an Approval is never changed; give another one under another name: "
                            "of a person's words in a role the newest counts"};
    }
}

Task<std::vector<Resource>> approvals_of(ResourceStore& store, Subject subject) {
    ListQuery query;
    query.kind = "Approval";
    query.limit = 5'000;
    query.field_selector =
        "spec.subject.kind=" + subject.kind + ",spec.subject.name=" + subject.name;
    CO_TRY(auto page, co_await store.list(std::move(query)));
    std::ranges::sort(page.items, {}, &Resource::created);
    co_return std::move(page.items);
}

}  // namespace mw::approvals
