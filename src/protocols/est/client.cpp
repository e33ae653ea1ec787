#include "protocols/est/client.h"

#include <algorithm>

#include "platform/http/http.h"
#include "protocols/est/server.h"
#include "protocols/est/wire.h"

namespace mw::est {
namespace {

constexpr std::size_t answer_bytes_max = 256 * 1024;

struct Contact {
    std::string url;
    net::TlsOptions tls;
    Workers* resolver;
    nanoseconds limit;
};

Result<std::unique_ptr<http::Client>> connect(Contact contact) {
    TRY(auto url, http::parse_url(contact.url));
    if (!url.tls) return Error{Errc::invalid_input, "the hub's URL must begin with https://"};
    TRY(auto tls, net::TlsContext::client(std::move(contact.tls)));
    http::ClientOptions options;
    options.server.host = url.host;
    options.server.port = url.port;
    options.server.tls = std::move(tls);
    options.server.resolver = contact.resolver;
    options.limit = contact.limit;
    options.body_limit = answer_bytes_max;
    return std::make_unique<http::Client>(Loop::here(), std::move(options));
}

// The server's words as an error: bodies are one line of plain text.
Error refused(const http::Response& response, std::string_view operation) {
    std::string reason = response.body.substr(0, 300);
    while (!reason.empty() && (reason.back() == '\n' || reason.back() == '\r')) reason.pop_back();
    for (char& c : reason)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    Errc code = response.status == 400   ? Errc::invalid_input
                : response.status == 401 ? Errc::denied
                : response.status == 403 ? Errc::denied
                : response.status == 404 ? Errc::not_found
                : response.status == 409 ? Errc::conflict
                : response.status == 429 ? Errc::overloaded
                : response.status == 202 ? Errc::overloaded
                                         : Errc::io_failed;
    return Error{code, std::string(operation) + ": the hub says " +
                           std::to_string(response.status) + ": " + reason};
}

Result<std::vector<crypto::Certificate>> read_certificates(const http::Response& response,
                                                           std::string_view operation) {
    if (response.status != 200) return refused(response, operation);
    auto der = from_base64(response.body);
    if (!der) return std::move(der).error().context(operation);
    return crypto::certificates_from_pkcs7(*der).context(operation);
}

Task<std::vector<crypto::Certificate>> call(http::Client& client, http::Method method,
                                            std::string operation, http::Headers headers,
                                            std::string body) {
    http::Request request;
    request.method = method;
    request.path = std::string(base_path) + "/" + operation;
    request.headers = std::move(headers);
    request.body = std::move(body);
    auto response = co_await client.request(std::move(request));
    if (!response) co_return std::move(response).error().context("EST " + operation);
    co_return read_certificates(*response, "EST " + operation);
}

struct Authorities {
    crypto::Certificate root;
    std::vector<crypto::Certificate> intermediates;
};

// The one self-signed root with the pinned key; the rest are intermediates.
Result<Authorities> choose_root(std::vector<crypto::Certificate> list, ByteView pin) {
    Authorities authorities;
    bool found = false;
    for (auto& certificate : list) {
        auto digest = crypto::sha256(certificate.spki);
        if (certificate.is_ca && !found && crypto::equal_in_constant_time(digest, pin))
            authorities.root = std::move(certificate), found = true;
        else if (certificate.is_ca)
            authorities.intermediates.push_back(std::move(certificate));
    }
    if (found) return authorities;
    return Error{Errc::denied, "EST cacerts: no authority has the pinned key"};
}

// A hub that errs must not leave us with a certificate that TLS will refuse later.
Result<Enrolled> check(std::vector<crypto::Certificate> issued, Authorities authorities,
                       const std::string& device, const crypto::PrivateKey& key, Timestamp now) {
    auto mine = std::ranges::find_if(
        issued, [&](const auto& each) { return each.spki == key.public_key().spki(); });
    if (mine == issued.end())
        return Error{Errc::io_failed, "the hub's answer holds no certificate for our key"};
    if (mine->subject_cn != device)
        return Error{Errc::io_failed,
                     "the certificate is for '" + mine->subject_cn + "', not '" + device + "'"};
    TRY(auto trust, crypto::TrustStore::make({&authorities.root, 1}, authorities.intermediates));
    auto verified = trust.verify(*mine, now, crypto::Purpose::client);
    if (!verified)
        return Error{Errc::io_failed,
                     "our new certificate does not verify (check this machine's "
                     "clock): " +
                         verified.error().message};
    // Of several authorities the one that signed it is the whole chain.
    const auto signed_it = [&](const crypto::Certificate& each) {
        const auto authority = crypto::PublicKey::from_spki(each.spki);
        return authority && crypto::is_signed_by(*mine, *authority);
    };
    auto& chain = authorities.intermediates;
    if (std::ranges::any_of(chain, signed_it))
        std::erase_if(chain, [&](const auto& each) { return !signed_it(each); });
    return Enrolled{*mine, std::move(authorities.intermediates), std::move(authorities.root)};
}

Result<std::string> request_body(const std::string& device, const crypto::PrivateKey& key) {
    TRY(auto csr, crypto::make_csr({device, {}}, key));
    return to_base64(csr, base64_columns);
}

Task<Enrolled> exchange(http::Client& client, std::string operation, http::Headers headers,
                        std::string device, const crypto::PrivateKey& key, Bytes pin,
                        const Clock& clock) {
    auto listing = call(client, http::Method::get, "cacerts", http::Headers{}, "");
    CO_TRY(auto listed, co_await std::move(listing));
    CO_TRY(auto authorities, choose_root(std::move(listed), pin));
    CO_TRY(auto body, request_body(device, key));
    headers.set("Content-Type", "application/pkcs10");
    headers.set("Content-Transfer-Encoding", "base64");
    auto asking =
        call(client, http::Method::post, std::move(operation), std::move(headers), std::move(body));
    CO_TRY(auto issued, co_await std::move(asking));
    co_return check(std::move(issued), std::move(authorities), device, key, clock.now());
}

}  // namespace

std::string Enrolled::chain_pem() const {
    return crypto::to_pem(certificate) + crypto::to_pem(intermediates);
}
std::string Enrolled::anchors_pem() const { return crypto::to_pem(root); }

Task<Enrolled> enroll(EnrollOptions options, crypto::PrivateKey key, const Clock& clock) {
    auto pin = from_hex(options.pin);
    if (!pin || pin->size() != 32)
        co_return Error{Errc::invalid_input, "the pin must be 64 hex digits (SHA-256)"};
    if (options.device.empty() || (options.token.empty() && options.factory_chain_pem.empty()))
        co_return Error{Errc::invalid_input,
                        "enrolment needs a device name, and a token or a factory certificate"};
    Contact contact{options.url, {}, options.resolver, options.limit};
    // TLS itself proves the pinned root, so not even the first request goes to a stranger.
    contact.tls.pinned_root = *pin;
    if (options.token.empty()) {
        contact.tls.certificate_chain = options.factory_chain_pem;
        contact.tls.private_key = options.factory_key_pem;
    }
    CO_TRY(auto client, connect(std::move(contact)));
    http::Headers headers;
    const std::string pair = options.device + ":" + options.token;
    if (!options.token.empty()) headers.set("Authorization", "Basic " + to_base64(bytes_of(pair)));
    auto task =
        exchange(*client, "simpleenroll", std::move(headers), options.device, key, *pin, clock);
    co_return co_await std::move(task);
}

Task<Enrolled> renew(RenewOptions options, crypto::PrivateKey key, const Clock& clock) {
    CO_TRY(auto anchors, crypto::certificates_from_pem(options.anchors_pem));
    Contact contact{options.url, {}, options.resolver, options.limit};
    contact.tls.trusted = options.anchors_pem;
    contact.tls.certificate_chain = options.chain_pem;
    contact.tls.private_key = options.key_pem;
    contact.tls.now = [&clock] { return clock.now(); };
    CO_TRY(auto client, connect(std::move(contact)));
    auto pin = crypto::sha256(anchors.front().spki);
    auto task = exchange(*client, "simplereenroll", {}, options.device, key,
                         Bytes(pin.begin(), pin.end()), clock);
    co_return co_await std::move(task);
}

}  // namespace mw::est
