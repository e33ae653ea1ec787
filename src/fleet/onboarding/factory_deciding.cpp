// First certificates and late renewals for devices that show their maker's certificate in TLS.
#include "base/log.h"
#include "fleet/onboarding/factory.h"
#include "fleet/onboarding/lifecycle.h"
#include "fleet/onboarding/parts.h"

namespace mw::onboarding {
namespace {

using est::Decision;
using est::KeyMaker;

Result<crypto::Certificate> shown_certificate(const est::Credentials& who) {
    auto certificate = crypto::certificate_from_der(who.peer_certificate);
    if (certificate) return certificate;
    return Error{Errc::denied, "the client certificate: " + certificate.error().message};
}

Error needs_token() {
    return Error{Errc::not_found,
                 "a first certificate needs HTTP Basic with the device's name and an enrolment "
                 "token, or a factory certificate; to renew one, use simplereenroll"};
}

}  // namespace

void Onboarding::Parts::learn_makers(const Resource& group) {
    // Each enrolment changes the group's status; reading a long list for it would be a waste.
    auto [read, fresh] = makers_read.try_emplace(group.name, group.generation);
    if (!fresh && read->second == group.generation) return;
    read->second = group.generation;
    auto policy = FactoryPolicy::from_spec(group.spec);
    // The registry checks specs before they are stored; an older one may differ.
    if (!policy)
        log::error("onboarding.makers.not_read",
                   {{"group", group.name}, {"reason", policy.error()}});
    if (policy && !policy->empty())
        factories[group.name] = *std::move(policy);
    else
        factories.erase(group.name);
}

bool Onboarding::Parts::is_of_a_maker(const crypto::Certificate& certificate) const {
    for (const auto& [group, policy] : factories)
        if (policy.knows_issuer(certificate)) return true;
    return false;
}

// The group that expects this device. Without a label it is found by the serial number.
Result<Onboarding::Parts::Expected> Onboarding::Parts::expected(
    const crypto::Certificate& certificate, const std::string& label) const {
    std::optional<Expected> found;
    Error refusal{Errc::denied, "the maker of the factory certificate '" +
                                    certificate.subject_cn.substr(0, 63) +
                                    "' is not registered with an enrolment group"};
    for (const auto& [group, policy] : factories) {
        if ((!label.empty() && label != group) || !policy.knows_issuer(certificate)) continue;
        auto factory = policy.recognise(certificate, clock.now());
        if (!factory) {
            refusal = std::move(factory).error();
            continue;
        }
        if (found)
            return Error{Errc::denied, "the groups '" + found->group + "' and '" + group +
                                           "' expect this device; name one in the path"};
        found = Expected{group, *std::move(factory)};
    }
    if (found) return *std::move(found);
    return refusal;
}

Task<Decision> Onboarding::Parts::enroll_by_factory(Ask ask) {
    if (ask.who.peer_certificate.empty()) co_return needs_token();
    CO_TRY(const auto certificate, shown_certificate(ask.who));
    if (roster.admission()->recognise(certificate)) co_return needs_token();
    CO_TRY(auto expectation, expected(certificate, ask.who.label));
    ask.factory = std::move(expectation.factory);
    ask.device = ask.csr.subject_cn;
    auto reading = store.get("EnrollmentGroup", expectation.group);
    CO_TRY(auto group, co_await std::move(reading));
    auto admitting = admit(std::move(ask), {}, std::move(group));
    co_return co_await std::move(admitting);
}

// One device of its maker is one device here.
Result<> Onboarding::Parts::check_factory(const Ask& ask, const Enrolment* known) const {
    if (!ask.factory) return {};
    const std::string text = ask.factory->text();
    if (!ask.factory->device.empty() && ask.factory->device != ask.device)
        return Error{Errc::denied, "'" + text + "' is to be '" + ask.factory->device + "', not '" +
                                       ask.device + "'"};
    const std::string* holder = roster.holder_of_factory(text);
    if (holder && *holder != ask.device)
        return Error{Errc::conflict, "'" + text + "' is device '" + *holder + "' already"};
    if (known && !known->factory.empty() && known->factory != text)
        return Error{Errc::conflict, "device '" + ask.device +
                                         "' is another piece of hardware; to put this one in its "
                                         "place: millwright device replace"};
    return {};
}

// What the request's key says: which certificate is to be replaced, and whether it still may be.
Result<Json> Onboarding::Parts::replaceable(const Ask& ask, const Json& status,
                                            const Json& group_spec) const {
    nanoseconds grace{0};
    if (const auto text = find_string(group_spec, "renewal_grace")) {
        TRY(grace, parse_duration(*text).context("spec.renewal_grace"));
    }
    for (const char* which : {"certificate", "previous_certificate"}) {
        const Json* entry = find(status, which);
        if (!entry || find_string(*entry, "key") != ask.key) continue;
        const std::string serial = find_string(*entry, "serial").value_or("");
        const auto number = crypto::serial_number_of(serial);
        if (number && authority.peers().is_revoked(*number))
            return Error{Errc::denied, "certificate " + serial + " is revoked"};
        TRY(const auto end, parse_iso8601(find_string(*entry, "not_after").value_or("")));
        if (clock.now() <= end + grace) return *entry;
        return Error{Errc::denied,
                     "the certificate ended at " + to_iso8601(end) + ", and the group's grace (" +
                         to_text(grace) +
                         ") is over; next step: millwright device readmit, then simpleenroll"};
    }
    return Error{Errc::denied,
                 "with a factory certificate the request must be signed by the key of the "
                 "certificate that it renews"};
}

Task<Decision> Onboarding::Parts::renew_by_factory(Ask ask, crypto::Certificate shown) {
    ask.device = ask.csr.subject_cn;
    if (ask.maker == KeyMaker::hub)
        co_return Error{Errc::denied,
                        "with a factory certificate the hub makes no keys; use simpleenroll or "
                        "simplereenroll"};
    const Enrolment* known = roster.find(ask.device);
    const Error stranger{Errc::denied, "no device '" + ask.device.substr(0, 63) +
                                           "' came with this factory certificate"};
    if (!known || known->factory.empty()) co_return stranger;
    const auto policy = factories.find(known->group);
    if (policy == factories.end()) co_return stranger;
    CO_TRY(ask.factory, policy->second.recognise(shown, clock.now()));
    if (ask.factory->text() != known->factory) co_return stranger;
    const std::string group = known->group;
    if (!ask.who.label.empty() && ask.who.label != group) co_return stranger;
    Turn turn{under_way, {ask.device, ask.key}};
    if (!turn.is_mine()) co_return busy();
    auto reading_group = store.get("EnrollmentGroup", group);
    CO_TRY(const auto stored, co_await std::move(reading_group));
    auto reading = store.get("Device", ask.device);
    CO_TRY(const auto device, co_await std::move(reading));
    CO_TRY_VOID(check(ask, stored.spec));
    CO_TRY(auto old, replaceable(ask, device.status, stored.spec));
    auto replacing = replace_certificate(std::move(ask), stored.spec, std::move(old));
    co_return co_await std::move(replacing);
}

}  // namespace mw::onboarding
