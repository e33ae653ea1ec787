#include "protocols/est/server.h"

#include "base/log.h"
#include "protocols/est/wire.h"

namespace mw::est {
namespace {

struct Instruments {
    metrics::Registry& registry;
    void count(std::string_view operation, int status) {
        registry
            .counter("millwright_est_responses_total", "EST responses by operation and status",
                     {{"operation", std::string(operation)}, {"status", std::to_string(status)}})
            .add();
    }
};

enum class Deed { enroll, reenroll, serverkeygen };

std::string_view name_of(Deed deed) {
    switch (deed) {
        case Deed::enroll:
            return "simpleenroll";
        case Deed::reenroll:
            return "simplereenroll";
        case Deed::serverkeygen:
            break;
    }
    return "serverkeygen";
}

Task<Decision> perform(Deed deed, Enroller& enroller, http::Request request,
                       Credentials credentials) {
    const bool keygen = deed == Deed::serverkeygen;
    auto csr =
        read_request(request, keygen ? crypto::Possession::ignored : crypto::Possession::proved);
    if (!csr) {
        auto recording = enroller.refused(csr.error(), std::move(credentials));
        ignore(co_await std::move(recording), "the refusal stands, recorded or not");
        co_return std::move(csr).error();
    }
    // RFC 7030 4.4: a first certificate or a renewal, by what the requester shows.
    const bool first = deed == Deed::enroll || (keygen && !credentials.user.empty());
    const KeyMaker maker = keygen ? KeyMaker::hub : KeyMaker::device;
    auto deciding = first ? enroller.enroll(*std::move(csr), std::move(credentials), maker)
                          : enroller.reenroll(*std::move(csr), std::move(credentials), maker);
    co_return co_await std::move(deciding);
}

void tell(Deed deed, const Result<Decision>& outcome, int status, const std::string& peer) {
    if (outcome && outcome->certificate)
        log::info("est.certificate.issued", {{"operation", name_of(deed)},
                                             {"device", outcome->certificate->subject_cn},
                                             {"serial", outcome->certificate->serial},
                                             {"peer", peer}});
    else if (!outcome)
        // Not a warning: strangers must not be able to fill our log; audit and metrics have it.
        log::debug("est.request.refused", {{"operation", name_of(deed)},
                                           {"status", status},
                                           {"reason", outcome.error()},
                                           {"peer", peer}});
}

Task<http::Response> answer(Deed deed, Enroller& enroller, Instruments instruments,
                            http::Request request) {
    auto credentials = read_credentials(request);
    if (!credentials) {
        auto response = refusal(credentials.error());
        instruments.count(name_of(deed), response.status);
        co_return response;
    }
    // Before the request is read: whose signatures we verify is limited too.
    if (const nanoseconds wait = enroller.wait_for(*credentials); wait > nanoseconds{0}) {
        instruments.count(name_of(deed), 429);
        co_return limited(wait);
    }
    const std::string peer = credentials->peer;
    auto performing = perform(deed, enroller, std::move(request), *std::move(credentials));
    const auto outcome = co_await std::move(performing);
    auto response = outcome ? decision_response(*outcome) : refusal(outcome.error());
    instruments.count(name_of(deed), response.status);
    tell(deed, outcome, response.status, peer);
    co_return response;
}

Task<http::Response> list_authorities(Enroller& enroller, Instruments instruments) {
    instruments.count("cacerts", 200);
    co_return cacerts_response(enroller.authorities());
}

Task<http::Response> tell_attributes(Enroller& enroller, Instruments instruments,
                                     std::string label) {
    auto asking = enroller.key_wish(std::move(label));
    const auto wish = co_await std::move(asking);
    auto response = wish ? attributes_response(*wish) : refusal(wish.error());
    instruments.count("csrattrs", response.status);
    co_return response;
}

}  // namespace

void add_routes(http::Router& router, Enroller& enroller, metrics::Registry& metrics) {
    const Instruments instruments{metrics};
    const http::RouteOptions options{.body_limit = body_bytes_max, .limit = seconds{30}};
    // RFC 7030 3.2.2: a label between the two names an authority, or here a group of devices.
    for (const char* label : {"", "/{label}"}) {
        const std::string base = std::string(base_path) + label + "/";
        router.add(http::Method::get, base + "cacerts", [&enroller, instruments](http::Request) {
            return list_authorities(enroller, instruments);
        });
        router.add(http::Method::get, base + "csrattrs",
                   [&enroller, instruments](http::Request request) {
                       return tell_attributes(enroller, instruments, request.param("label"));
                   });
        for (const Deed deed : {Deed::enroll, Deed::reenroll, Deed::serverkeygen})
            router.add(
                http::Method::post, base + std::string(name_of(deed)),
                [&enroller, instruments, deed](http::Request request) {
                    return answer(deed, enroller, instruments, std::move(request));
                },
                options);
    }
}

}  // namespace mw::est
