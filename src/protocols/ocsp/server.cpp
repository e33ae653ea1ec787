#include "platform/crypto/crypto.h"
#include "protocols/ocsp/ocsp.h"

namespace mw::ocsp {
namespace {

constexpr std::size_t request_bytes_max = 4096;

struct StatusInstruments {
    metrics::Registry& registry;
    void count(const char* by, const char* outcome) const {
        registry
            .counter("millwright_ocsp_responses_total", "Status requests by method and outcome",
                     {{"method", by}, {"outcome", outcome}})
            .add();
    }
};

http::Response der_response(Bytes der, const char* type) {
    auto response = http::Response::text(200, std::string(text_of(der)), type);
    return response;
}

http::Response list_response(const Lists& lists, const Bytes& list, Timestamp now) {
    auto response = der_response(list, "application/pkix-crl");
    // Whoever revokes wants it known: caches ask again, and get a short answer by the tag.
    response.headers.set("Cache-Control", "no-cache");
    response.headers.set("ETag", '"' + std::to_string(lists.number) + '"');
    static_cast<void>(now);
    return response;
}

// RFC 6960 2.3: an answer without a signature for who can't be given one.
http::Response status_response(StatusSource& source, ByteView request, const char* method,
                               const StatusInstruments& instruments) {
    constexpr auto type = "application/ocsp-response";
    auto answered = source.answer(request);
    if (answered) {
        instruments.count(method, "answered");
        auto response = der_response(*std::move(answered), type);
        response.headers.set("Cache-Control", "no-cache");
        return response;
    }
    const Errc code = answered.error().code;
    using crypto::StatusRefusal;
    const auto why = code == Errc::invalid_input ? StatusRefusal::malformed
                     : code == Errc::overloaded  ? StatusRefusal::try_later
                                                 : StatusRefusal::internal_error;
    instruments.count(method, code == Errc::invalid_input ? "malformed"
                              : code == Errc::overloaded  ? "try_later"
                                                          : "failed");
    return der_response(crypto::status_refusal(why), type);
}

bool wants_no_more(const http::Request& request, const Lists& lists) {
    return request.headers.get("If-None-Match") == '"' + std::to_string(lists.number) + '"';
}

// The newest authority's, or that of the one in the path.
std::shared_ptr<const Lists> lists_for(const StatusSource& source, const http::Request& request) {
    const auto issuer = request.param("issuer");
    return issuer.empty() ? source.lists() : source.lists_by(issuer);
}

http::Response no_lists(const http::Request& request) {
    if (request.param("issuer").empty())
        return http::Response::error(503, "overloaded", "no list is made yet; try again shortly");
    return http::Response::error(404, "not_found",
                                 "this hub has no such issuing authority, or not its key");
}

void add_list(http::Router& router, StatusSource& source, const char* path, Bytes Lists::*which) {
    router.add(http::Method::get, path,
               [&source, which](http::Request request) -> Task<http::Response> {
                   const auto lists = lists_for(source, request);
                   if (!lists) co_return no_lists(request);
                   if (wants_no_more(request, *lists)) co_return http::Response::text(304, "", "");
                   co_return list_response(*lists, (*lists).*which, lists->made);
               });
}

void add_issuer(http::Router& router, StatusSource& source, const char* path) {
    router.add(http::Method::get, path, [&source](http::Request request) -> Task<http::Response> {
        const auto lists = lists_for(source, request);
        if (!lists) co_return no_lists(request);
        co_return der_response(lists->issuer, "application/pkix-cert");
    });
}

}  // namespace

void add_routes(http::Router& router, StatusSource& source, metrics::Registry& metrics) {
    const StatusInstruments instruments{metrics};
    for (const char* path : {full_list_path, full_list_path_of})
        add_list(router, source, path, &Lists::full);
    for (const char* path : {delta_list_path, delta_list_path_of})
        add_list(router, source, path, &Lists::delta);
    for (const char* path : {issuer_path, issuer_path_of}) add_issuer(router, source, path);
    router.add(http::Method::post, status_path,
               [&source, instruments](http::Request request) -> Task<http::Response> {
                   co_return status_response(source, bytes_of(request.body), "POST", instruments);
               },
               {.body_limit = request_bytes_max});
    // base64 in the path, which http::parse_target made base64url.
    router.add(http::Method::get, std::string(status_path) + "/{request}",
               [&source, instruments](http::Request request) -> Task<http::Response> {
                   const auto der = from_base64(request.param("request"));
                   co_return status_response(source, der ? ByteView{*der} : ByteView{}, "GET",
                                             instruments);
               });
}

}  // namespace mw::ocsp
