// From a request to a certificate, or the reason why not.
#include <regex>

#include "base/log.h"
#include "fleet/onboarding/lifecycle.h"
#include "fleet/onboarding/parts.h"
#include "trust/audit/audit.h"

namespace mw::onboarding {
namespace {

using est::Decision;
using est::KeyMaker;

Result<> check_name(const std::string& device, const Json& group_spec) {
    if (!identity::is_device_name(device))
        return Error{Errc::invalid_input,
                     "'" + device.substr(0, 63) +
                         "' is not a device name ([a-z0-9][a-z0-9._-]*, at most "
                         "63 characters)"};
    auto pattern = find_string(group_spec, "names");
    if (!pattern) return {};
    try {
        if (std::regex_match(device, std::regex{*pattern})) return {};
    } catch (const std::regex_error&) {
        return Error{Errc::denied, "the group's 'names' is not a regular expression"};
    }
    return Error{Errc::denied,
                 "the name '" + device + "' does not match the group's '" + *pattern + "'"};
}

Result<> check_label(const std::string& label, const std::string& group) {
    if (label.empty() || label == group) return {};
    return Error{Errc::denied, "the path names the group '" + label.substr(0, 63) +
                                   "', and this is a device of '" + group + "'"};
}

}  // namespace

Resource made_for(const std::string& name, const Resource& group) {
    Resource device;
    device.kind = "Device";
    device.name = name;
    device.domain = group.domain;
    device.labels = group.labels;
    if (auto site = find_string(group.spec, "site")) device.labels["site"] = *site;
    JsonObject spec;
    for (const char* key : {"profile", "asset"})
        if (auto value = find_string(group.spec, key)) spec[key] = *value;
    device.spec = std::move(spec);
    return device;
}

nanoseconds Onboarding::Parts::wait_for(const est::Credentials& who) {
    const SteadyTime now = clock.steady();
    const std::string address = rate_name(who.peer);
    // A name counts per address: nobody can use up another's tries.
    std::string device = address + " " + who.user.substr(0, 64);
    if (who.user.empty())
        if (auto certificate = crypto::certificate_from_der(who.peer_certificate))
            device += certificate->issuer_cn + " " + certificate->subject_cn;
    nanoseconds wait = refusals.wait(address, now);
    if (wait > nanoseconds{0}) return instruments.limited("refusals"), wait;
    wait = by_address.take(address, now);
    if (wait > nanoseconds{0}) return instruments.limited("address"), wait;
    wait = by_device.take(device, now);
    if (wait > nanoseconds{0}) instruments.limited("device");
    return wait;
}

// Decides while there is a seat; a refusal is counted and noted.
Task<Decision> Onboarding::Parts::seated(Task<Decision> deciding, std::string peer,
                                         metrics::Counter& successes) {
    if (at_once >= options.at_once_max) {
        instruments.refused(Errc::overloaded);
        co_return Error{Errc::overloaded, "too many devices enrol at once; try again shortly"};
    }
    Seat seat{at_once, instruments.under_way};
    auto outcome = co_await std::move(deciding);
    if (!outcome) {
        auto recording = record_refusal(outcome.error(), "stranger:" + peer, peer);
        ignore(co_await std::move(recording), "the refusal stands, recorded or not");
    } else if (outcome->certificate) {
        successes.add();
    }
    co_return outcome;
}

Task<> Onboarding::Parts::record_refusal(Error error, std::string actor, std::string peer) {
    instruments.refused(error.code);
    if (error.code == Errc::cancelled) co_return Result<>{};
    refusals.take(rate_name(peer), clock.steady());  // who has none left waits already
    if (recorded.take("", clock.steady()) > nanoseconds{0}) {
        instruments.unrecorded.add();
        co_return Result<>{};
    }
    AuditNote note{std::move(actor), std::string(audit::action::enroll_refused),
                   audit::one_line(error.message + " (from " + peer + ")")};
    auto noting = store.note(std::move(note));
    co_return co_await std::move(noting);
}

Task<Decision> Onboarding::Parts::enroll(Ask ask) {
    if (ask.who.user.empty()) {
        auto entering = enroll_by_factory(std::move(ask));
        co_return co_await std::move(entering);
    }
    CO_TRY(auto token, parse_token_text(ask.who.password));
    auto reading = store.get("EnrollmentGroup", token.group);
    auto group = co_await std::move(reading);
    if (!group && group.error().code == Errc::not_found)
        co_return Error{Errc::not_found, "the enrolment token is not known"};
    if (!group) co_return std::move(group).error();
    auto admitting = admit_new(std::move(ask), token, *std::move(group));
    co_return co_await std::move(admitting);
}

Result<Gateway> Onboarding::Parts::gateway_for(const Ask& ask, const Json& group_spec) const {
    const Enrolment* known = roster.find(ask.device);
    return gateway_of(ask.device, known ? known->gateway : "", group_spec);
}

// What holds for first certificates and renewals alike.
Result<> Onboarding::Parts::check(const Ask& ask, const Json& group_spec) const {
    TRY(const Gateway gateway, gateway_for(ask, group_spec));
    TRY_VOID(check_request(ask.csr, ask.device, gateway));
    if (ask.maker == KeyMaker::hub) {
        if (!find_bool(group_spec, "server_keys").value_or(false))
            return Error{Errc::denied,
                         "the hub makes no keys for this group (spec.server_keys): make one on "
                         "the device, and use simpleenroll"};
        if (ask.csr.asks_for_wrapped_key)
            return Error{Errc::invalid_input,
                         "the hub does not wrap the keys that it makes, TLS protects them; leave "
                         "the decryption key identifier out"};
        return {};
    }
    TRY(const auto policy, KeyPolicy::from_spec(group_spec));
    TRY_VOID(policy.check(ask.csr));
    const auto digest = crypto::sha256(ask.csr.spki);
    if (authority.book().is_compromised(digest))
        return Error{
            Errc::denied,
            "this key was reported as compromised and is good for nothing; make a new one"};
    const std::string* holder = roster.holder(to_hex(digest));
    if ((!holder || *holder == ask.device) && !authority.keys().is_of_another(digest, ask.actor()))
        return {};
    return Error{Errc::conflict, "another device has this key already; make a new key"};
}

Task<Decision> Onboarding::Parts::admit_new(Ask ask, TokenText token, Resource group) {
    CO_TRY(const auto limits, GroupLimits::from_spec(group.spec));
    // Whoever has no live token learns nothing about names, keys and devices.
    if (!books_of(group).tokens.is_alive(token.hash, clock.now())) {
        auto refused = books_of(group).tokens.claim(token.hash, limits, clock.now());
        ASSERT(!refused);
        co_return std::move(refused).error();
    }
    CO_TRY_VOID(check_label(ask.who.label, group.name));
    auto admitting = admit(std::move(ask), std::move(token), std::move(group));
    co_return co_await std::move(admitting);
}

Task<Decision> Onboarding::Parts::admit(Ask ask, std::optional<TokenText> token, Resource group) {
    CO_TRY(const auto limits, GroupLimits::from_spec(group.spec));
    CO_TRY_VOID(check_name(ask.device, group.spec));
    CO_TRY_VOID(check(ask, group.spec));
    std::vector<std::string> words{ask.device, ask.key};
    if (ask.factory) words.push_back(ask.factory->text());
    Turn turn{under_way, std::move(words)};
    if (!turn.is_mine()) co_return busy();
    const Enrolment* known = roster.find(ask.device);
    CO_TRY_VOID(check_factory(ask, known));
    if (known && !may(known->state, "enroll"))
        co_return Error{Errc::denied, "device '" + ask.device + "' is " + known->state};
    if (known && !known->group.empty() && known->serial.empty() && known->group != group.name)
        co_return Error{Errc::denied, "device '" + ask.device + "' belongs to group '" +
                                          known->group + "'; millwright device transfer"};
    // Whose certificate was revoked comes back with a token and a new key, as if it were new.
    const bool enrolled = known && !known->serial.empty() && !authority.book().find(known->serial);
    const bool again = enrolled && known->key == ask.key && known->group == group.name;
    if (enrolled && !again)
        co_return Error{Errc::conflict, "device '" + ask.device +
                                            "' is enrolled already; renew with its "
                                            "certificate, or delete the device first"};
    if (again && limits.expires > clock.now()) {
        // The answer to a first request was lost: the same device with the same key asks once more.
        auto writing = write_device(std::move(ask), std::move(group));
        co_return co_await std::move(writing);
    }
    auto asking = is_approved(ask, group);
    CO_TRY(const bool approved, co_await std::move(asking));
    if (!approved) co_return Decision{{}, {}, options.approval_poll};
    auto using_it = use_place(std::move(ask), std::move(token), std::move(group));
    co_return co_await std::move(using_it);
}

// The use, the approval and the device are written at once, as a rule in one transaction, and the
// device hears of its certificate when both are there.
Task<Decision> Onboarding::Parts::use_place(Ask ask, std::optional<TokenText> token,
                                            Resource group) {
    CO_TRY(const auto limits, GroupLimits::from_spec(group.spec));
    TokenBook& book = books_of(group).tokens;
    CO_TRY_VOID(token ? book.claim(token->hash, limits, clock.now())
                      : book.count(limits, clock.now()));
    const std::string group_name = group.name;
    std::optional<WaitingRequest> approval;
    if (const auto* request = books_of(group).approvals.find(ask.device)) {
        approval = *request;
        books_of(group).approvals.settle(ask.device);
    }
    AuditNote note{ask.actor(), token ? "enroll.token.used" : "enroll.factory.used",
                   (token ? "" : ask.factory->text() + ", ") + "from " + ask.who.peer};
    Result<> saved;
    Result<Decision> outcome = Decision{};
    Scope both(Loop::here());
    const auto keep = []<class T>(Task<T> doing, Result<T>& into) -> Task<> {
        into = co_await std::move(doing);
        co_return Result<>{};
    };
    // The use comes first: should a crash part them, a use is lost and none is won.
    both.spawn(keep(save(group.name, std::move(note)), saved));
    both.spawn(keep(write_device(std::move(ask), std::move(group)), outcome));
    CO_TRY_VOID(co_await both.join());
    if (outcome && !saved) outcome = std::move(saved).error();
    if (outcome) co_return outcome;
    release(group_name, token);
    if (auto at = groups.find(group_name); at != groups.end() && approval)
        at->second.approvals.restore(*approval);
    co_return outcome;
}

// The certificate, for a key of the device or for one made here.
Task<Decision> Onboarding::Parts::certify(const Ask& ask, const Json& group_spec,
                                          const std::string& group) {
    Decision decision;
    if (ask.maker == KeyMaker::hub) {
        CO_TRY(const auto policy, KeyPolicy::from_spec(group_spec));
        CO_TRY(const auto wish, policy.wish_for(ask.csr));
        auto make = [wish] { return crypto::PrivateKey::generate(wish.kind, wish.rsa_bits); };
        if (wish.kind == crypto::KeyKind::rsa && options.workers) {
            auto making = options.workers->run(std::move(make));
            CO_TRY(decision.key, co_await std::move(making));
        } else {
            CO_TRY(decision.key, make());
        }
    }
    const Bytes& spki = decision.key ? decision.key->public_key().spki() : ask.csr.spki;
    nanoseconds lifetime{0};  // the authority's own
    if (const auto text = find_string(group_spec, "certificate_lifetime")) {
        CO_TRY(lifetime, parse_duration(*text).context("spec.certificate_lifetime"));
    }
    CO_TRY(const Gateway gateway, gateway_for(ask, group_spec));
    const std::string site = find_string(group_spec, "site").value_or("");
    const identity::DeviceOrder order{ask.device,     spki,  lifetime, gateway.is,
                                      gateway.serves, group, site};
    CO_TRY(auto draft, authority.draft_device(order));
    auto signing_it = sign(std::move(draft));
    CO_TRY(decision.certificate, co_await std::move(signing_it));
    co_return decision;
}

// A key in a file signs in less time than a worker takes to wake up.
Task<crypto::Certificate> Onboarding::Parts::sign(identity::Draft draft) {
    Result<crypto::Certificate> made = Error{Errc::cancelled, ""};
    if (draft.is_signed_elsewhere() && options.signing) {
        Seat waiting{signing, instruments.signing};
        auto work = [draft] { return draft.sign(); };
        auto signing_it = options.signing->run(std::move(work));
        made = co_await std::move(signing_it);
        if (!made && made.error().code == Errc::overloaded)
            co_return Error{Errc::overloaded,
                            "too many certificates wait for the token that signs them; try again "
                            "shortly"};
    } else {
        made = draft.sign();
    }
    if (made) CO_TRY_VOID(authority.settle(draft, *made));
    co_return made;
}

Task<Decision> Onboarding::Parts::write_device(Ask ask, Resource group) {
    auto certifying = certify(ask, group.spec, group.name);
    CO_TRY(auto decision, co_await std::move(certifying));
    const crypto::Certificate& certificate = *decision.certificate;
    AuditNote note{ask.actor(), std::string(audit::action::enroll),
                   "group " + group.name + ", serial " + certificate.serial +
                       (decision.key ? ", key made here" : "") +
                       (ask.factory ? ", made as " + ask.factory->text() : "") + ", from " +
                       ask.who.peer};
    JsonObject status{{"state", "enrolled"},
                      {"group", group.name},
                      {"enrolled", to_iso8601(clock.now())},
                      {"certificate", certificate_status(certificate)}};
    if (ask.factory) status["factory"] = factory_status(*ask.factory, ask.who.peer_certificate);
    if (const Enrolment* known =
            roster.find(ask.device)) {  // made by people beforehand: their spec stays
        // Another key and no factory certificate: perhaps other hardware under the old name.
        if (!ask.factory && !known->factory.empty() && known->key != ask.key)
            status["factory"] = nullptr;
        auto merging = store.merge_status("Device", ask.device, std::move(status), std::move(note));
        CO_TRY_VOID(co_await std::move(merging));
        co_return decision;
    }
    Resource fresh = made_for(ask.device, group);
    fresh.status = std::move(status);
    auto creating = store.create(std::move(fresh), std::move(note));
    auto created = co_await std::move(creating);
    if (created) co_return decision;
    // The group's profile or asset is gone: not the device's fault, and not for it to mend.
    if (created.error().code == Errc::invalid_input)
        co_return Error{Errc::denied, "enrolment group '" + group.name +
                                          "' cannot make devices: " + created.error().message};
    co_return std::move(created).error();
}

Task<Decision> Onboarding::Parts::reenroll(Ask ask) {
    if (ask.who.peer_certificate.empty())
        co_return Error{Errc::not_found,
                        "renewal needs the client certificate that is to be replaced; "
                        "for a first one, use simpleenroll"};
    CO_TRY(auto old, crypto::certificate_from_der(ask.who.peer_certificate));
    auto recognised = roster.admission()->recognise(old);
    if (!recognised && is_of_a_maker(old)) {
        auto renewing = renew_by_factory(std::move(ask), std::move(old));
        co_return co_await std::move(renewing);
    }
    if (!recognised && old.not_after < clock.now())
        co_return Error{Errc::denied, recognised.error().message +
                                          "; within the group's renewal_grace, show the factory "
                                          "certificate and sign the request with this key"};
    CO_TRY(const auto principal, std::move(recognised));
    if (principal.kind != identity::Principal::Kind::device)
        co_return Error{Errc::denied, "the client certificate is not a device's"};
    ask.device = principal.name;
    const Enrolment* known = roster.find(ask.device);
    std::string group_name = known ? known->group : "";
    CO_TRY_VOID(check_label(ask.who.label, group_name));
    Json spec = JsonObject{};
    if (!group_name.empty()) {
        auto reading = store.get("EnrollmentGroup", std::move(group_name));
        auto group = co_await std::move(reading);
        // A group that is gone wants nothing any more; the device keeps its place.
        if (group) spec = std::move(group->spec);
        if (!group && group.error().code != Errc::not_found) co_return std::move(group).error();
    }
    CO_TRY_VOID(check(ask, spec));
    Turn turn{under_way, {ask.device, ask.key}};
    if (!turn.is_mine()) co_return busy();
    auto replacing = replace_certificate(std::move(ask), std::move(spec), certificate_status(old));
    co_return co_await std::move(replacing);
}

Result<> Onboarding::Parts::may_renew(const std::string& device, const Json& old) const {
    const Enrolment* known = roster.find(device);
    if (!known || !may(known->state, "renew"))
        return Error{Errc::denied,
                     "device '" + device + "' " + (known ? "is " + known->state : "is gone")};
    const auto serial = crypto::serial_number_of(find_string(old, "serial").value_or(""));
    if (serial && authority.peers().is_revoked(*serial))
        return Error{Errc::denied, "the certificate of device '" + device + "' is revoked"};
    return {};
}

// In its turn. old: what status says of the certificate that goes.
Task<Decision> Onboarding::Parts::replace_certificate(Ask ask, Json spec, Json old) {
    // Now, for it may have been suspended while its group was read.
    CO_TRY_VOID(may_renew(ask.device, old));
    const std::string group = roster.find(ask.device)->group;
    auto certifying = certify(ask, spec, group);
    CO_TRY(auto decision, co_await std::move(certifying));
    CO_TRY_VOID(may_renew(ask.device, old));  // nor while a worker made a key, or a token signed
    AuditNote note{ask.actor(), "renew",
                   "serial " + decision.certificate->serial + " for " +
                       find_string(old, "serial").value_or("?") +
                       (decision.key ? ", key made here" : "") +
                       (ask.factory ? ", by factory certificate " + ask.factory->text() : "") +
                       ", from " + ask.who.peer};
    JsonObject status{{"certificate", certificate_status(*decision.certificate)},
                      {"previous_certificate", std::move(old)}};
    auto merging = store.merge_status("Device", ask.device, std::move(status), std::move(note));
    CO_TRY_VOID(co_await std::move(merging));
    co_return decision;
}

}  // namespace mw::onboarding
