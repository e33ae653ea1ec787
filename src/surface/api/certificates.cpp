// Certificates: which there are, and their end before their time.
#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::string_view certificate_kind = "Certificate";  // list, get, delete
constexpr std::uint64_t certificates_most = 10'000;
const Error no_certificates{Errc::not_found, "this hub issues no certificates"};

// Whose certificate it is decides who may revoke it: "device:gw-1" is in its Device's domain.
Task<Standing> standing_of(State& state, std::string subject) {
    const auto colon = std::min(subject.find(':'), subject.size());
    std::string kind = subject.substr(0, colon) == "device" ? "Device" : "User";
    std::string name = subject.substr(std::min(colon + 1, subject.size()));
    auto stored = co_await state.parts.registry.get(std::move(kind), std::move(name));
    if (!stored) co_return Standing{"default", {}};
    co_return Standing{std::move(stored->domain), std::move(stored->labels)};
}

Result<CertificateDesk::Order> revocation_order(const Json& body) {
    if (!body.is_object()) return Error{Errc::invalid_input, "the body must be a JSON object"};
    for (const auto& [key, value] : body.get_object())
        if (key != "serial" && key != "subject" && key != "reason" && key != "why")
            return Error{Errc::invalid_input, "unknown key '" + std::string(key.substr(0, 60)) +
                                                  "' (want serial or subject, reason, why)"};
    CertificateDesk::Order order;
    order.serial = find_string(body, "serial").value_or("");
    order.subject = find_string(body, "subject").value_or("");
    order.reason = find_string(body, "reason").value_or("unspecified");
    order.why = find_string(body, "why").value_or("");
    if (order.serial.empty() == order.subject.empty())
        return Error{Errc::invalid_input,
                     "want \"serial\" of one certificate, or \"subject\", as device:gw-1, for all "
                     "that are good"};
    if (!order.subject.empty() && order.subject.find(':') == std::string::npos)
        return Error{Errc::invalid_input, "subject: want KIND:NAME, as device:gw-1 or user:ada"};
    return order;
}

}  // namespace

Task<Response> list_certificates(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"subject", "serial", "state", "limit"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, certificate_kind, "default"}));
    if (!state.parts.certificates) co_return no_certificates;
    CertificateDesk::Question question;
    question.serial = request.query_value("serial").value_or("");
    question.subject = request.query_value("subject").value_or("");
    question.state = request.query_value("state").value_or("");
    CO_TRY(question.limit, number(request, "limit", 100, certificates_most));
    auto listing = state.parts.certificates->list(std::move(question));
    CO_TRY(auto items, co_await std::move(listing));
    auto writing = json_response(state, 200, JsonObject{{"items", std::move(items)}});
    co_return co_await std::move(writing);
}

Task<Response> get_certificate(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::get, certificate_kind, "default"}));
    if (!state.parts.certificates) co_return no_certificates;
    CertificateDesk::Question question;
    question.serial = request.param("serial");
    question.limit = 1;
    auto listing = state.parts.certificates->list(std::move(question));
    CO_TRY(const auto items, co_await std::move(listing));
    if (items.empty())
        co_return Error{Errc::not_found, "this hub has issued no certificate with that number"};
    co_return Response::json(200, items.front());
}

Task<Response> revoke_certificates(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    if (!state.parts.certificates) co_return no_certificates;
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto order, revocation_order(body));
    order.actor = caller.who.name;
    std::string subject = order.subject;
    if (subject.empty()) {
        CertificateDesk::Question question;
        question.serial = order.serial, question.limit = 1;
        auto listing = state.parts.certificates->list(std::move(question));
        CO_TRY(const auto items, co_await std::move(listing));
        if (!items.empty()) subject = find_string(items.front(), "subject").value_or("");
    }
    auto finding = standing_of(state, std::move(subject));
    CO_TRY(const Standing whose, co_await std::move(finding));
    CO_TRY_VOID(
        state.authorize(caller, {Verb::remove, certificate_kind, whose.domain, &whose.labels}));
    auto revoking = state.parts.certificates->revoke(std::move(order));
    CO_TRY(auto done, co_await std::move(revoking));
    co_return Response::json(200, std::move(done));
}

}  // namespace mw::api
