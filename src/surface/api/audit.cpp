// The audit log: lists, heads, proofs, and the log as a file.
#include <limits>

#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::uint64_t sequence_max = std::numeric_limits<std::int64_t>::max();

Result<> may_read(State& state, const Caller& caller) {
    return state.authorize(caller, {Verb::list, "AuditFact", "default"});
}

Result<registry::FactQuery> fact_query(const Request& request) {
    registry::FactQuery query;
    for (auto [key, text] : {std::pair{"kind", &query.kind}, std::pair{"name", &query.name},
                             std::pair{"actor", &query.actor}, std::pair{"action", &query.action},
                             std::pair{"control", &query.control}})
        *text = request.query_value(key).value_or("");
    TRY(query.after, number(request, "after", 0, sequence_max));
    TRY(query.before, number(request, "before", 0, sequence_max));
    TRY(query.limit, number(request, "limit", 500, 5'000));
    query.newest = flag(request, "newest");
    const auto since = request.query_value("since");
    if (since) {
        TRY(query.since, parse_iso8601(*since).context("since"));
    }
    return query;
}

// The newest head; a new one when it does not reach that fact yet.
Task<audit::Head> head_covering(State& state, std::uint64_t sequence) {
    CO_TRY(auto head, co_await state.parts.registry.head());
    if (head && head->size >= sequence) co_return std::move(*head);
    co_return co_await state.parts.registry.sign_head();
}

Task<Json> with_certificates(State& state, audit::Hash signer, Json document) {
    CO_TRY(const auto chain, co_await state.parts.registry.certificates(signer));
    set(document, "certificates", Json(mw::to_base64(chain)));
    co_return std::move(document);
}

class LogExport final : public http::BodyProducer {
 public:
    LogExport(registry::Registry& registry, std::uint64_t size) : registry_(registry) {
        cursor_.size = size;
    }
    Task<> produce(http::BodyWriter& writer) override {
        while (!cursor_.ended) {
            CO_TRY(auto part, co_await registry_.export_part(cursor_));
            cursor_ = part.next;
            std::string piece(text_of(part.bytes));
            CO_TRY_VOID(co_await writer.write(std::move(piece)));
        }
        co_return Result<>{};
    }

 private:
    registry::Registry& registry_;
    registry::ExportCursor cursor_;
};

}  // namespace

Task<Response> list_facts(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"after", "before", "limit", "newest", "kind", "name", "actor",
                                      "action", "control", "since", "verify"}));
    CO_TRY_VOID(may_read(state, caller));
    CO_TRY(auto query, fact_query(request));
    JsonObject answer{{"kind", "AuditFactList"}};
    if (flag(request, "verify")) {
        CO_TRY(const auto verified, co_await state.parts.registry.verify_audit());
        answer["verified"] = verified;
    }
    CO_TRY(const auto page, co_await state.parts.registry.find_facts(std::move(query)));
    JsonArray items;
    for (const auto& fact : page.items) items.push_back(audit::to_json(fact));
    answer["next"] = page.next;
    answer["end"] = page.end;
    answer["items"] = std::move(items);
    auto writing = json_response(state, 200, Json(std::move(answer)));
    co_return co_await std::move(writing);
}

// With sign=1 a head of everything up to now; its certificates come along.
Task<Response> audit_head(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"sign"}));
    CO_TRY_VOID(may_read(state, caller));
    const auto covered = flag(request, "sign") ? sequence_max : 1;
    CO_TRY(const auto head, co_await head_covering(state, covered));
    Json document = audit::to_json(head);
    CO_TRY(document, co_await with_certificates(state, head.signer, std::move(document)));
    co_return Response::json(200, document);
}

Task<Response> audit_proof(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"sequence", "certificates"}));
    CO_TRY_VOID(may_read(state, caller));
    CO_TRY(const auto sequence, number(request, "sequence", 0, sequence_max));
    if (sequence == 0)
        co_return Error{Errc::invalid_input, "sequence: want the number of an audit fact"};
    CO_TRY_VOID(co_await head_covering(state, sequence));
    CO_TRY(const auto proof, co_await state.parts.registry.prove(sequence));
    Json document = audit::to_json(proof);
    if (flag(request, "certificates")) {
        CO_TRY(document, co_await with_certificates(state, proof.head.signer, std::move(document)));
    }
    co_return Response::json(200, document);
}

Task<Response> audit_consistency(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"from", "to"}));
    CO_TRY_VOID(may_read(state, caller));
    CO_TRY(const auto from, number(request, "from", 0, sequence_max));
    CO_TRY(const auto to, number(request, "to", 0, sequence_max));
    CO_TRY_VOID(co_await head_covering(state, std::max<std::uint64_t>(from, 1)));
    CO_TRY(const auto growth, co_await state.parts.registry.growth(from, to));
    Json document = JsonObject{{"kind", "AuditConsistency"},
                               {"from", from},
                               {"path", audit::to_base64(growth.path)},
                               {"to", audit::to_json(growth.to)}};
    CO_TRY(document, co_await with_certificates(state, growth.to.signer, std::move(document)));
    co_return Response::json(200, document);
}

// For good reasons of people, as a law gives them: what is taken out does not come back.
Task<Response> redact_facts(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::remove, "AuditFact", "default"}));
    CO_TRY(const auto body, co_await parse_body(state, std::move(request.body)));
    const Json* list = find(body, "sequences");
    if (!list || !list->is_array())
        co_return Error{Errc::invalid_input, "sequences: want a list of numbers of audit facts"};
    std::vector<std::uint64_t> sequences;
    for (const Json& each : list->get_array()) {
        if (!each.is_int64() || each.get_int64() < 1)
            co_return Error{Errc::invalid_input, "sequences: want whole numbers above zero"};
        sequences.push_back(static_cast<std::uint64_t>(each.get_int64()));
    }
    CO_TRY(auto why, want_string(body, "why"));
    const auto count = sequences.size();
    auto redacting =
        state.parts.registry.redact(std::move(sequences), caller.who.name, std::move(why));
    CO_TRY_VOID(co_await std::move(redacting));
    co_return Response::json(200, JsonObject{{"redacted", count}});
}

Task<Response> export_audit(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(may_read(state, caller));
    CO_TRY(const auto head, co_await state.parts.registry.sign_head());
    Response response;
    response.headers.set("Content-Type", "application/vnd.millwright.audit-log");
    response.headers.set("Content-Disposition", "attachment; filename=\"audit.mwaudit\"");
    response.producer = std::make_unique<LogExport>(state.parts.registry, head.size);
    co_return std::move(response);
}

}  // namespace mw::api
