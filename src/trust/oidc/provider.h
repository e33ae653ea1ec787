#pragma once
// Private to this module: how a provider is asked, by the hub for keys and by people's programs for
// tokens. Redirections are not followed: they would move the trust. Belongs to its loop.

#include <memory>
#include <string>

#include "platform/http/http.h"

namespace mw::oidc {

// https://, or http:// on loopback.
Result<http::Url> safe_url(std::string_view text, std::string_view what);
// Who vouches for the provider: `ca` (PEM), else the system's authorities.
Result<std::shared_ptr<const net::TlsContext>> provider_tls(const std::string& ca);

struct Asker {
    Loop& loop;
    Workers& workers;                              // names are looked up there
    std::shared_ptr<const net::TlsContext> tls{};  // null: none of its addresses is https://
    nanoseconds limit = seconds(10);
    std::size_t body_max = 256 * 1024;
};
// Any status is a Response. A form makes it a POST; an empty one is none.
Task<http::Response> ask(Asker asker, std::string url, std::string form);
// The discovery document (OpenID Connect Discovery 1.0), which has to name the issuer.
Task<Json> discover(Asker asker, std::string issuer);

}  // namespace mw::oidc
