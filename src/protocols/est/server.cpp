#include "protocols/est/server.h"

#include <algorithm>

#include "base/log.h"
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

struct Instruments {
    metrics::Registry& registry;
    void count(std::string_view operation, int status) {
        registry
            .counter("millwright_est_responses_total", "EST responses by operation and status",
                     {{"operation", std::string(operation)}, {"status", std::to_string(status)}})
            .add();
    }
};

// What the two enrolment operations differ in.
enum class Deed { enroll, reenroll };

Task<crypto::Certificate> perform(Deed deed, Enroller& enroller, http::Request request) {
    CO_TRY(auto credentials, read_credentials(request));
    CO_TRY(auto csr, read_request(request));
    if (deed == Deed::enroll)
        co_return co_await enroller.enroll(std::move(csr), std::move(credentials));
    co_return co_await enroller.reenroll(std::move(csr), std::move(credentials));
}

Task<http::Response> answer(Deed deed, Enroller& enroller, Instruments instruments,
                            http::Request request) {
    const char* operation = deed == Deed::enroll ? "simpleenroll" : "simplereenroll";
    auto peer = net::to_text(request.peer);
    auto outcome = co_await perform(deed, enroller, std::move(request));
    auto response = outcome ? enrolled_response(*outcome) : refusal(outcome.error());
    instruments.count(operation, response.status);
    if (outcome)
        log::info("est.certificate.issued", {{"operation", operation},
                                             {"device", outcome->subject_cn},
                                             {"serial", outcome->serial},
                                             {"peer", peer}});
    else
        // Not a warning: strangers must not be able to fill our log; audit and metrics have it.
        log::debug("est.request.refused", {{"operation", operation},
                                           {"status", response.status},
                                           {"reason", outcome.error()},
                                           {"peer", peer}});
    co_return response;
}

Task<http::Response> list_authorities(Enroller& enroller, Instruments instruments) {
    instruments.count("cacerts", 200);
    co_return cacerts_response(enroller.authorities());
}

}  // namespace

void add_routes(http::Router& router, Enroller& enroller, metrics::Registry& metrics) {
    std::string base(base_path);
    Instruments instruments{metrics};
    router.add(http::Method::get, base + "/cacerts", [&enroller, instruments](http::Request) {
        return list_authorities(enroller, instruments);
    });
    http::RouteOptions options{.body_limit = body_bytes_max, .limit = seconds{30}};
    for (auto [name, deed] :
         {std::pair{"/simpleenroll", Deed::enroll}, std::pair{"/simplereenroll", Deed::reenroll}})
        router.add(
            http::Method::post, base + name,
            [&enroller, instruments, deed = deed](http::Request request) {
                return answer(deed, enroller, instruments, std::move(request));
            },
            options);
}

Result<crypto::Csr> read_request(const http::Request& request) {
    auto type = request.headers.get("Content-Type");
    if (!type.empty() && !starts_with_ignoring_case(type, "application/pkcs10"))
        return Error{Errc::invalid_input, "want Content-Type: application/pkcs10, got '" +
                                              std::string(type.substr(0, 60)) + "'"};
    if (request.body.empty())
        return Error{Errc::invalid_input, "the body is empty; want a base64 PKCS#10 request"};
    if (request.body.size() > body_bytes_max)
        return Error{Errc::invalid_input, "the body is longer than 32 KiB"};
    if (request.body.find("-----BEGIN") != std::string::npos)
        return crypto::csr_from_pem(request.body);
    auto der = from_base64(request.body);
    if (!der) return std::move(der).error().context("the body is not base64 of a PKCS#10 request");
    return crypto::csr_from_der(*der);
}

Result<Credentials> read_credentials(const http::Request& request) {
    Credentials credentials;
    credentials.peer = request.peer.host;
    credentials.peer_certificate = request.peer_certificate;
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

http::Response enrolled_response(const crypto::Certificate& certificate) {
    return pkcs7_response({&certificate, 1});
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
