#include "fleet/revocation/revocation.h"

#include <algorithm>

#include "base/log.h"
#include "trust/audit/audit.h"

namespace mw::revocation {
namespace {

constexpr std::size_t revoked_at_once = 1000;
constexpr std::size_t why_bytes_max = 300;

std::string issuer_id(const crypto::Certificate& issuing) { return to_hex(issuing.subject_key_id); }

Error not_there(const Order& order) {
    if (order.serial.empty())
        return {Errc::not_found, "'" + order.subject +
                                     "' has no certificate that is in date and not revoked "
                                     "(millwright certificate list --subject " +
                                     order.subject + ")"};
    return {Errc::not_found, "this hub has issued no certificate '" + order.serial.substr(0, 64) +
                                 "' (millwright certificate list)"};
}

}  // namespace

std::string_view to_string(Standing standing) {
    constexpr std::string_view names[] = {"good", "revoked", "expired"};
    return names[static_cast<std::size_t>(standing)];
}

Desk::Desk(Parts parts, Options options)
    : parts_(parts),
      options_(std::move(options)),
      answers_left_(options_.answers_per_second),
      revocations_(parts_.metrics.counter("millwright_revocation_certificates_total",
                                          "Certificates revoked since the hub started")),
      on_list_(parts_.metrics.gauge("millwright_revocation_list_entries",
                                    "Certificates on the list of revoked ones")) {}
Desk::~Desk() = default;

Task<std::unique_ptr<Desk>> Desk::open(Parts parts, Options options) {
    std::unique_ptr<Desk> desk(new Desk(parts, std::move(options)));
    auto renewing = desk->renew();
    // Without lists a hub is worth more than no hub: the token with the key may be away.
    if (auto renewed = co_await std::move(renewing); !renewed) {
        log::error("revocation.lists.not_made", {{"reason", renewed.error()}});
        desk->lists_failed_ = true;
    }
    co_return std::move(desk);
}

Task<> Desk::renew() {
    CO_TRY_VOID(renew_staple());
    auto making = make_lists(true);
    co_return co_await std::move(making);
}

// What the order means, from the record of everything that was ever issued.
Task<std::vector<identity::IssuedCertificate>> Desk::wanted_by(const Order& order) {
    const Timestamp now = parts_.clock.now();
    identity::IssuedQuery query{order.serial, order.subject, {}, revoked_at_once};
    if (order.serial.empty())
        query.wanted = [now, peers = parts_.authority.peers()](const auto& one) {
            const auto serial = crypto::serial_number_of(one.serial);
            return now < one.not_after && serial && !peers.is_revoked(*serial);
        };
    auto look = [&files = parts_.files, path = parts_.authority.issued_path(), query] {
        return identity::find_issued(files, path, query);
    };
    CO_TRY(auto found, co_await parts_.workers.run(std::move(look)));
    if (found.empty()) co_return not_there(order);
    if (!order.serial.empty()) {
        const auto* before = parts_.authority.book().find(order.serial);
        if (before)
            co_return Error{Errc::conflict, "it was revoked at " + to_iso8601(before->at) +
                                                " already, " +
                                                std::string(to_string(before->reason))};
        if (found.back().not_after <= now)
            co_return Error{Errc::conflict, "it ended at " + to_iso8601(found.back().not_after) +
                                                "; there is nothing to revoke"};
    }
    co_return std::move(found);
}

Task<Desk::Outcome> Desk::revoke(Order order) {
    if (order.serial.empty() == order.subject.empty())
        co_return Error{Errc::invalid_input, "want a serial number or a subject"};
    if (order.why.size() > why_bytes_max)
        co_return Error{Errc::invalid_input, "why: want at most 300 bytes"};
    while (revoking_) CO_TRY_VOID(co_await revoked_.wait());
    Outcome outcome;
    {
        Turn turn{revoking_, revoked_};
        auto looking = wanted_by(order);
        CO_TRY(const auto found, co_await std::move(looking));
        for (const auto& one : found)
            outcome.revoked.push_back({parts_.clock.now(), one.serial, order.reason, one.subject,
                                       one.not_after, one.key,
                                       issuer_id(parts_.authority.issuer_of(one)), order.actor,
                                       audit::one_line(order.why)});
        auto writing = write_down(outcome.revoked);
        CO_TRY_VOID(co_await std::move(writing));
    }
    // In effect before it is told: whoever has the key is out first.
    if (end_sessions_) {
        auto ending = end_sessions_();
        auto ended = co_await std::move(ending);
        if (!ended) co_return std::move(ended).error().context("revoked; ending its sessions");
        outcome.sessions_ended = *ended;
    }
    auto noting = note(outcome.revoked);
    if (auto noted = co_await std::move(noting); !noted)
        co_return std::move(noted).error().context("revoked; writing the audit facts");
    auto making = make_lists(false);
    if (auto made = co_await std::move(making); !made)
        co_return std::move(made).error().context("revoked; making the lists");
    co_return std::move(outcome);
}

Task<> Desk::write_down(std::vector<identity::Revocation> revocations) {
    auto write = [&file = parts_.authority.revocation_file(), revocations] {
        return file.write(revocations);
    };
    CO_TRY_VOID(co_await parts_.workers.run(std::move(write)));
    parts_.authority.revoke(revocations);
    revocations_.add(revocations.size());
    for (const auto& each : revocations)
        log::info("revocation.certificate.revoked", {{"serial", each.serial},
                                                     {"subject", each.subject},
                                                     {"reason", to_string(each.reason)}});
    co_return Result<>{};
}

Task<> Desk::note(std::vector<identity::Revocation> revocations) {
    for (const auto& each : revocations) {
        AuditNote fact{each.actor, std::string(audit::action::certificate_revoked),
                       each.subject + ", serial " + each.serial + ", " +
                           std::string(to_string(each.reason)) +
                           (each.why.empty() ? "" : ": " + each.why)};
        auto noting = parts_.store.note(std::move(fact));
        CO_TRY_VOID(co_await std::move(noting));
    }
    co_return Result<>{};
}

Task<std::vector<Listed>> Desk::certificates(Question question) {
    const Timestamp now = parts_.clock.now();
    identity::IssuedQuery query{question.serial, question.subject, {}, question.limit};
    const auto standing_of = [now, peers = parts_.authority.peers()](const auto& one) {
        const auto serial = crypto::serial_number_of(one.serial);
        if (serial && peers.is_revoked(*serial)) return Standing::revoked;
        return now < one.not_after ? Standing::good : Standing::expired;
    };
    if (question.standing)
        query.wanted = [standing_of, wanted = *question.standing](const auto& one) {
            return standing_of(one) == wanted;
        };
    auto look = [&files = parts_.files, path = parts_.authority.issued_path(), query] {
        return identity::find_issued(files, path, query);
    };
    CO_TRY(auto found, co_await parts_.workers.run(std::move(look)));
    std::vector<Listed> listed;
    std::ranges::reverse(found);
    for (auto& one : found) {
        Listed item{std::move(one), Standing::good, {}};
        item.standing = standing_of(item.certificate);
        if (const auto* known = parts_.authority.book().find(item.certificate.serial))
            item.revocation = *known;
        listed.push_back(std::move(item));
    }
    co_return std::move(listed);
}

}  // namespace mw::revocation
