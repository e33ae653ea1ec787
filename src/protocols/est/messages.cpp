#include "protocols/est/messages.h"

#include <algorithm>

#include "protocols/est/wire.h"

namespace mw::est {
namespace {

constexpr std::string_view certs_only = "application/pkcs7-mime; smime-type=certs-only";
constexpr std::size_t credential_bytes_max = 1024;
constexpr std::string_view retry_after_s = "5";

bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
    return text.size() >= start.size() &&
           std::ranges::equal(text.substr(0, start.size()), start,
                              [](char a, char b) { return std::tolower(a) == std::tolower(b); });
}

int status_of(Errc code) {
    switch (code) {
        case Errc::invalid_input:
            return 400;
        case Errc::not_found:
            return 401;
        case Errc::denied:
            return 403;
        case Errc::conflict:
            return 409;
        case Errc::overloaded:
            return 429;
        case Errc::timed_out:
        case Errc::cancelled:
            return 503;
        case Errc::io_failed:
        case Errc::corrupt:
            break;
    }
    return 500;
}

http::Response pkcs7_response(std::span<const crypto::Certificate> certificates) {
    auto body = to_base64(crypto::to_pkcs7(certificates), base64_columns);
    auto response = http::Response::text(200, std::move(body), certs_only);
    // RFC 8951 2.1: it means nothing, but clients of RFC 7030 look for it.
    response.headers.set("Content-Transfer-Encoding", "base64");
    response.headers.set("Cache-Control", "no-store");
    return response;
}

std::string seconds_text(nanoseconds wait) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(wait).count();
    return std::to_string(std::max<std::int64_t>(whole, 1));
}

// RFC 7030 4.4.2. Base64 holds no "-", so no part can hold the boundary.
http::Response key_and_certificate(const crypto::PrivateKey& key,
                                   const crypto::Certificate& certificate) {
    constexpr std::string_view boundary = "millwright-est-part";
    std::string body;
    const auto part = [&](std::string_view type, const Bytes& der) {
        body += "--" + std::string(boundary) + "\r\nContent-Type: " + std::string(type) +
                "\r\nContent-Transfer-Encoding: base64\r\n\r\n";
        body += to_base64(der, base64_columns);
        body += "\r\n";
    };
    part("application/pkcs8", key.to_der());
    part(certs_only, crypto::to_pkcs7({&certificate, 1}));
    body += "--" + std::string(boundary) + "--\r\n";
    auto response = http::Response::text(200, std::move(body),
                                         "multipart/mixed; boundary=" + std::string(boundary));
    response.headers.set("Cache-Control", "no-store");
    return response;
}

}  // namespace

Result<crypto::Csr> read_request(const http::Request& request, crypto::Possession possession) {
    auto type = request.headers.get("Content-Type");
    if (!type.empty() && !starts_with_ignoring_case(type, "application/pkcs10"))
        return Error{Errc::invalid_input, "want Content-Type: application/pkcs10, got '" +
                                              std::string(type.substr(0, 60)) + "'"};
    if (request.body.empty())
        return Error{Errc::invalid_input, "the body is empty; want a base64 PKCS#10 request"};
    if (request.body.size() > body_bytes_max)
        return Error{Errc::invalid_input, "the body is longer than 32 KiB"};
    if (request.body.find("-----BEGIN") != std::string::npos)
        return crypto::csr_from_pem(request.body, possession);
    auto der = from_base64(request.body);
    if (!der) return std::move(der).error().context("the body is not base64 of a PKCS#10 request");
    return crypto::csr_from_der(*der, possession);
}

Result<Credentials> read_credentials(const http::Request& request) {
    Credentials credentials;
    credentials.peer = request.peer.host;
    credentials.peer_certificate = request.peer_certificate;
    credentials.label = request.param("label");
    auto header = request.headers.get("Authorization");
    if (header.empty()) {
        if (!credentials.empty() && !credentials.peer_certificate.empty()) return credentials;
        return Error{
            Errc::not_found,
            "say who you are: HTTP Basic with the device's name and an enrolment token, or "
            "a client certificate"};
    }
    if (!starts_with_ignoring_case(header, "basic "))
        return Error{Errc::not_found, "want HTTP Basic: the device's name and an enrolment token"};
    if (header.size() > credential_bytes_max)
        return Error{Errc::invalid_input, "the Authorization header is too long"};
    auto decoded = from_base64(std::string_view(header).substr(6));
    if (!decoded) return Error{Errc::invalid_input, "the Authorization header is not base64"};
    std::string_view pair = text_of(*decoded);
    auto colon = pair.find(':');
    if (colon == pair.npos)
        return Error{Errc::invalid_input, "want 'name:token' in the Authorization header"};
    credentials.user = pair.substr(0, colon);
    credentials.password = pair.substr(colon + 1);
    if (credentials.user.empty() || credentials.password.empty())
        return Error{Errc::not_found, "the device's name or the enrolment token is empty"};
    return credentials;
}

http::Response cacerts_response(const std::vector<crypto::Certificate>& authorities) {
    return pkcs7_response(authorities);
}

http::Response attributes_response(const KeyWish& wish) {
    const auto attributes = crypto::make_csr_attributes(wish.kind, wish.rsa_bits, wish.uses);
    if (!attributes) return refusal(Error{Errc::io_failed, attributes.error().message});
    auto response =
        http::Response::text(200, to_base64(*attributes, base64_columns), "application/csrattrs");
    response.headers.set("Content-Transfer-Encoding", "base64");
    return response;
}

http::Response decision_response(const Decision& decision) {
    if (decision.certificate && decision.key)
        return key_and_certificate(*decision.key, *decision.certificate);
    if (decision.certificate) return pkcs7_response({&*decision.certificate, 1});
    auto response = http::Response::text(
        202, "an operator must approve this device; send the same request again later\n");
    response.headers.set("Retry-After", seconds_text(decision.ask_again_after));
    return response;
}

http::Response limited(nanoseconds wait) {
    auto response =
        http::Response::text(429, "too many requests from this address or device; ask again in " +
                                      seconds_text(wait) + " s\n");
    response.headers.set("Retry-After", seconds_text(wait));
    return response;
}

http::Response refusal(const Error& error) {
    int status = status_of(error.code);
    // Our own failures are for our log, not for strangers.
    std::string message =
        status == 500 ? "the hub could not issue the certificate; its log says why" : error.message;
    auto response = http::Response::text(status, message + "\n");
    if (status == 401) response.headers.set("WWW-Authenticate", "Basic realm=\"millwright-est\"");
    if (status == 429 || status == 503)
        response.headers.set("Retry-After", std::string(retry_after_s));
    return response;
}

}  // namespace mw::est
