#include "apps/hub/revocation_wiring.h"

namespace mw::hub {
namespace {

Json json_of_certificate(const revocation::Listed& listed) {
    const auto& certificate = listed.certificate;
    JsonObject json{{"serial", certificate.serial},
                    {"subject", certificate.subject},
                    {"state", to_string(listed.standing)},
                    {"issued", to_iso8601(certificate.at)},
                    {"not_after", to_iso8601(certificate.not_after)},
                    {"fingerprint", certificate.fingerprint}};
    if (const auto& revocation = listed.revocation) {
        json["revoked"] = to_iso8601(revocation->at);
        json["reason"] = crypto::to_string(revocation->reason);
        json["why"] = revocation->why;
        json["by"] = revocation->actor;
    }
    return json;
}

Result<std::optional<revocation::Standing>> standing_from(const std::string& text) {
    using revocation::Standing;
    if (text.empty()) return std::optional<Standing>{};
    for (const auto each : {Standing::good, Standing::revoked, Standing::expired})
        if (text == to_string(each)) return std::optional(each);
    return Error{Errc::invalid_input, "state: want good, revoked or expired"};
}

}  // namespace

Task<JsonArray> RevocationWiring::list(Question asked) {
    revocation::Question question;
    question.serial = std::move(asked.serial), question.subject = std::move(asked.subject);
    question.limit = asked.limit;
    CO_TRY(question.standing, standing_from(asked.state));
    auto looking = desk_.certificates(std::move(question));
    CO_TRY(const auto found, co_await std::move(looking));
    JsonArray items;
    for (const auto& each : found) items.push_back(json_of_certificate(each));
    co_return std::move(items);
}

Task<Json> RevocationWiring::issue(Wish wish) {
    CO_TRY(const auto csr, crypto::csr_from_pem(wish.csr).context("csr"));
    CO_TRY(const auto certificate, authority_.issue_user(wish.user, csr.spki, wish.lifetime));
    const std::string until = to_iso8601(certificate.not_after);
    AuditNote note{wish.actor, std::string(audit::action::certificate_issued),
                   "for " + wish.user + ", serial " + certificate.serial + ", until " + until};
    CO_TRY_VOID(co_await store_.note(std::move(note)));
    const std::array chain{certificate, authority_.issuing_for(identity::Purpose::operators)};
    co_return Json(JsonObject{{"certificate", crypto::to_pem(chain)},
                              {"serial", certificate.serial},
                              {"not_after", until}});
}

Task<Json> RevocationWiring::revoke(Order asked) {
    revocation::Order order;
    order.serial = std::move(asked.serial), order.subject = std::move(asked.subject);
    order.why = std::move(asked.why), order.actor = std::move(asked.actor);
    CO_TRY(order.reason, crypto::revocation_reason_from(asked.reason).context("reason"));
    auto revoking = desk_.revoke(std::move(order));
    CO_TRY(const auto outcome, co_await std::move(revoking));
    JsonArray revoked;
    for (const auto& each : outcome.revoked)
        revoked.push_back(JsonObject{{"serial", each.serial}, {"subject", each.subject}});
    co_return Json(
        JsonObject{{"revoked", std::move(revoked)}, {"sessions_ended", outcome.sessions_ended}});
}

crypto::StatusUrls status_urls(const std::string& base) {
    if (base.empty()) return {};
    return {base + ocsp::status_path, base + ocsp::issuer_path_of, base + ocsp::full_list_path_of,
            base + ocsp::delta_list_path_of};
}

}  // namespace mw::hub
