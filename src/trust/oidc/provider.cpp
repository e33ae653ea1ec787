#include "trust/oidc/provider.h"

#include "platform/files/files.h"

namespace mw::oidc {
namespace {

constexpr std::size_t authorities_max = 4 << 20;
constexpr auto system_authorities = "/etc/ssl/certs/ca-certificates.crt";

bool is_loopback(const std::string& host) {
    return host == "127.0.0.1" || host == "::1" || host == "localhost";
}

}  // namespace

Result<http::Url> safe_url(std::string_view text, std::string_view what) {
    auto url = http::parse_url(text);
    if (!url) return std::move(url).error().context(what);
    if (!url->tls && !is_loopback(url->host))
        return Error{Errc::invalid_input, std::string(what) + ": want https://"};
    return url;
}

Result<std::shared_ptr<const net::TlsContext>> provider_tls(const std::string& ca) {
    net::TlsOptions tls;
    tls.trusted = ca;
    if (ca.empty()) {
        files::RealFiles files;
        auto bytes = files::read_all(files, system_authorities, authorities_max);
        if (!bytes)
            return std::move(bytes).error().context(
                "oidc.ca_file: is not set, and the system's authorities can't be read");
        tls.trusted = text_of(*bytes);
    }
    auto context = net::TlsContext::client(std::move(tls));
    if (!context) return std::move(context).error().context("oidc.ca_file");
    return context;
}

Task<http::Response> ask(Asker asker, std::string url, std::string form) {
    CO_TRY(auto parsed, safe_url(url, "the provider's address '" + url.substr(0, 200) + "'"));
    http::ClientOptions options;
    options.server.host = parsed.host;
    options.server.port = parsed.port;
    if (parsed.tls) options.server.tls = asker.tls;
    if (parsed.tls && !asker.tls)
        co_return Error{Errc::denied, "'" + url.substr(0, 200) + "': the issuer is not https://"};
    options.server.resolver = &asker.workers;
    options.limit = asker.limit;
    options.body_limit = asker.body_max;
    options.keep_alive = false;
    http::Client client{asker.loop, std::move(options)};
    http::Request request;
    CO_TRY(auto target, http::parse_target(parsed.path));
    request.path = std::move(target.first);
    request.query = std::move(target.second);
    request.headers.set("Accept", "application/json");
    if (!form.empty()) {
        request.method = http::Method::post;
        request.headers.set("Content-Type", "application/x-www-form-urlencoded");
        request.body = std::move(form);
    }
    auto requesting = client.request(std::move(request));
    auto response = co_await std::move(requesting);
    if (!response) co_return std::move(response).error().context("'" + url.substr(0, 200) + "'");
    co_return std::move(*response);
}

Task<Json> discover(Asker asker, std::string issuer) {
    std::string url = issuer;
    if (url.ends_with('/')) url.pop_back();
    url += "/.well-known/openid-configuration";
    const std::string no_form;
    auto asking = ask(std::move(asker), url, no_form);
    CO_TRY(const auto response, co_await std::move(asking));
    if (response.status != 200)
        co_return Error{Errc::io_failed,
                        "'" + url + "' answered " + std::to_string(response.status)};
    CO_TRY(Json document, parse_json(response.body).context("discovery document"));
    CO_TRY(const auto named, want_string(document, "issuer").context("discovery document"));
    if (named != issuer)  // OpenID Connect Discovery 1.0, 4.3
        co_return Error{Errc::denied, "discovery document: is of the issuer '" +
                                          named.substr(0, 200) + "', not of '" + issuer + "'"};
    co_return std::move(document);
}

}  // namespace mw::oidc
