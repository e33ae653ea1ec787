// Certificates change while the hub runs.
#include "apps/hub/hub.h"
#include "base/log.h"

namespace mw::hub {
namespace {

constexpr nanoseconds renewal_check_every = hours{1};

}  // namespace

Task<> Hub::reload() {
    const crypto::Certificate server = authority_->server();
    const auto issuing = authority_->current_issuing();
    // On a worker: an operator's list may be long.
    auto reopening = authority_->reopening();
    CO_TRY(auto fresh, co_await disk_->run(std::move(reopening)));
    CO_TRY_VOID(authority_->adopt(std::move(fresh)));
    // The key that signs it may be in a token that is away; keep_lists() tries again.
    if (auto stapled = revocation_->renew_staple(); !stapled)
        log::error("hub.staple.not_renewed", {{"reason", stapled.error()}});
    using Wanted = net::ClientCertificate;
    CO_TRY(auto people, tls_context(Wanted::optional));
    CO_TRY(auto devices, tls_context(Wanted::unjudged));
    CO_TRY(auto mqtt, tls_context(Wanted::required));
    // Whom we admit comes first: a handshake under way with the old context asks it at its end.
    onboarding_->reload();
    api_server_->set_tls(std::move(people));
    device_server_->set_tls(std::move(devices));
    auto reloading = data_->reload_tls(std::move(mqtt));
    CO_TRY(std::size_t dropped, co_await std::move(reloading));
    dropped += drop_requesters();
    const auto changed = [](bool is) { return is ? "changed" : "same"; };
    log::info("hub.certificates.reloaded",
              {{"server", changed(!(server == authority_->server()))},
               {"server_until", to_iso8601(authority_->server().not_after)},
               {"issuing", changed(!(issuing == authority_->current_issuing()))},
               {"revoked", authority_->revoked() + authority_->book().size()},
               {"connections_ended", dropped}});
    // Last, since it takes a while, and those we have are still right.
    auto renewing = revocation_->renew();
    if (auto renewed = co_await std::move(renewing); !renewed)
        log::error("hub.revocation_lists.not_renewed", {{"reason", renewed.error()}});
    co_return Result<>{};
}

std::size_t Hub::drop_requesters() {
    const auto admission = onboarding_->admission();
    const auto revoked = [&admission](ByteView certificate) {
        return admission->is_revoked(certificate);
    };
    std::size_t dropped = 0;
    for (http::Server* server : {device_server_.get(), api_server_.get()})
        if (server) dropped += server->drop_connections(revoked);
    return dropped;
}

// Nobody who is revoked comes in any more; then those leave who are.
Task<std::size_t> Hub::end_revoked_sessions() {
    onboarding_->reload();
    const std::size_t requesters = drop_requesters();
    auto dropping = data_->drop_revoked();
    CO_TRY(const std::size_t sessions, co_await std::move(dropping));
    co_return requesters + sessions;
}

// The server's certificate is renewed a month before it ends, and nobody has to restart for it.
Task<> Hub::keep_server_certificate() {
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(renewal_check_every));
        auto renewed = authority_->renew_issuing_if_due();
        if (!renewed)
            log::error("hub.issuing_authority.not_renewed", {{"reason", renewed.error()}});
        const bool another = renewed && *renewed;
        renewed = authority_->renew_server_if_due();
        if (renewed) *renewed = *renewed || another;
        Result<> outcome = renewed.ok() ? Result<>{} : Result<>{std::move(renewed).error()};
        if (outcome && *renewed) outcome = co_await reload();
        if (!outcome)
            log::error("hub.server_certificate.not_renewed", {{"reason", outcome.error()}});
    }
}

}  // namespace mw::hub
