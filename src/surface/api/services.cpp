// Queries, blobs, alarms, facts, schemas and health.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

struct Format {
    std::string_view media_type;
    std::string_view name;
    ResultFormat format;
};
constexpr Format formats[] = {
    {"application/json", "json", ResultFormat::json},
    {"application/x-ndjson", "ndjson", ResultFormat::ndjson},
    {"text/csv", "csv", ResultFormat::csv},
    {"application/vnd.apache.parquet", "parquet", ResultFormat::parquet},
};

// The first media type of Accept that we can give; quality values are read as order.
Result<ResultFormat> negotiate(std::string_view accept) {
    if (accept.empty()) return ResultFormat::json;
    for (std::size_t from = 0; from <= accept.size();) {
        const auto comma = std::min(accept.find(',', from), accept.size());
        auto part = accept.substr(from, comma - from);
        part = part.substr(0, part.find(';'));
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
        if (part == "*/*" || part == "application/*") return ResultFormat::json;
        for (const auto& format : formats)
            if (part == format.media_type || part == format.name) return format.format;
        from = comma + 1;
    }
    return Error{Errc::invalid_input,
                 "Accept: want application/json, application/x-ndjson, text/csv"
                 " or application/vnd.apache.parquet"};
}

Result<QueryParameter> parameter_from(const Json& value) {
    if (value.is_null()) return QueryParameter(nullptr);
    if (value.is_bool()) return QueryParameter(value.get_bool());
    if (value.is_int64()) return QueryParameter(value.get_int64());
    if (value.is_double()) return QueryParameter(value.get_double());
    if (value.is_string()) return QueryParameter(std::string(value.get_string()));
    return Error{Errc::invalid_input, "want null, true, false, a text, or a number below 2^63"};
}

// The values of $1, $2, ...; they are bound, never part of the text.
Result<QueryParameters> parameters_from(const Json* list) {
    QueryParameters parameters;
    if (!list) return parameters;
    if (!list->is_array()) return Error{Errc::invalid_input, "parameters: want a list of values"};
    for (const Json& value : list->get_array()) {
        auto one = parameter_from(value);
        if (!one)
            return std::move(one).error().context("parameters[" +
                                                  std::to_string(parameters.size()) + "]");
        parameters.push_back(std::move(*one));
    }
    return parameters;
}

Result<QueryRequest> query_from(const Json& body, std::string_view accept,
                                const QueryLimits& most) {
    if (!body.is_object())
        return Error{Errc::invalid_input, "the body must be {\"sql\": ..., \"limits\": {...}}"};
    for (const auto& [key, value] : body.get_object())
        if (key != "sql" && key != "limits" && key != "parameters" && key != "id")
            return Error{Errc::invalid_input, "unknown key '" + std::string(key.substr(0, 60)) +
                                                  "' (want sql, parameters, limits, id)"};
    QueryRequest query;
    TRY(query.sql, want_string(body, "sql").context("sql"));
    TRY(query.format, negotiate(accept));
    TRY(query.parameters, parameters_from(find(body, "parameters")));
    const Json* limits = find(body, "limits");
    if (!limits) return query;
    if (!limits->is_object()) return Error{Errc::invalid_input, "limits: want an object"};
    for (const auto& [key, value] : limits->get_object())
        if (key != "time" && key != "rows" && key != "memory_bytes")
            return Error{Errc::invalid_input, "limits: unknown key '" +
                                                  std::string(key.substr(0, 60)) +
                                                  "' (want time, rows, memory_bytes)"};
    if (find(*limits, "time")) {
        TRY(const auto text, want_string(*limits, "time").context("limits.time"));
        TRY(query.limits.time, parse_duration(text).context("limits.time"));
    }
    for (auto [key, limit] : {std::pair{"rows", &query.limits.rows},
                              std::pair{"memory_bytes", &query.limits.memory_bytes}}) {
        if (!find(*limits, key)) continue;
        const auto value = find_integer(*limits, key);
        if (!value || *value < 1)
            return Error{Errc::invalid_input,
                         "limits." + std::string(key) + ": want a whole number above zero"};
        *limit = static_cast<std::size_t>(*value);
    }
    if (query.limits.time.count() <= 0)
        return Error{Errc::invalid_input, "limits.time: want a duration above zero"};
    query.limits.time = std::min(query.limits.time, most.time);
    query.limits.rows = std::min(query.limits.rows, most.rows);
    query.limits.memory_bytes = std::min(query.limits.memory_bytes, most.memory_bytes);
    return query;
}

class BlobSource final : public http::ByteSource {
 public:
    BlobSource(blobs::Blobs& blobs, blobs::Blob blob) : blobs_(blobs), blob_(std::move(blob)) {}
    std::uint64_t size() const override { return blob_.size; }
    Task<Bytes> read(std::uint64_t offset, std::size_t most) override {
        std::string name = blob_.sha256;
        return blobs_.read(std::move(name), offset, most);
    }

 private:
    blobs::Blobs& blobs_;
    blobs::Blob blob_;
};

}  // namespace

Task<Response> run_query(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize_query(caller));
    if (!state.parts.query) co_return Error{Errc::not_found, "this hub keeps no history"};
    const std::string accept(request.headers.get("Accept"));
    CO_TRY(auto body, co_await parse_body(state, std::move(request.body)));
    CO_TRY(auto query, query_from(body, accept, state.options.query_max));
    query.actor = caller.who.name;
    std::string id;
    if (find(body, "id")) {
        CO_TRY(id, want_string(body, "id").context("id"));
        CO_TRY_VOID(check_query_id(id));
    }
    auto running = state.queries.run(*state.parts.query, std::move(query), std::move(id));
    auto reply = co_await std::move(running);
    if (!reply) {
        if (reply.error().code == Errc::denied)
            state.note_refusal({caller.who.name, std::string(audit::action::access_refused),
                                "query: " + reply.error().message});
        co_return std::move(reply).error();
    }
    auto response = Response::text(200, std::move(reply->body), reply->content_type);
    response.headers.set("X-Millwright-Rows", std::to_string(reply->rows));
    response.headers.set("X-Millwright-Truncated", reply->truncated ? "true" : "false");
    co_return std::move(response);
}

// One's own, or, for who may delete History, that of another: ?user=ann.
Task<Response> end_query(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"user"}));
    CO_TRY_VOID(state.authorize_query(caller));
    const std::string id = request.param("id");
    std::string whose = caller.who.name;
    if (const auto user = request.query_value("user"); user && "user:" + *user != whose) {
        CO_TRY_VOID(state.authorize(caller, {Verb::remove, "History", "default"}));
        whose = "user:" + *user;
    }
    if (!state.queries.end(whose, id))
        co_return Error{Errc::not_found, "no statement of " + whose + " runs under the id '" +
                                             id.substr(0, 64) + "'"};
    co_return Response::json(200, JsonObject{{"id", id}, {"ended", true}});
}

Task<Response> upload_blob(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"sha256"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::create, "Blob", "default"}));
    auto expected = request.query_value("sha256");
    CO_TRY(auto upload, state.parts.blobs.begin());
    constexpr std::size_t piece = std::size_t{1} << 20;
    for (std::size_t at = 0; at < request.body.size(); at += piece) {
        const auto part = bytes_of(std::string_view(request.body).substr(at, piece));
        Bytes bytes(part.begin(), part.end());
        CO_TRY_VOID(co_await upload->write(std::move(bytes)));
    }
    CO_TRY(const auto blob, co_await upload->finish(std::move(expected)));
    AuditNote note{caller.who.name, std::string(audit::action::blob_stored),
                   blob.sha256 + ", " + std::to_string(blob.size) + " bytes"};
    CO_TRY_VOID(co_await state.parts.registry.note(std::move(note)));
    auto response = Response::json(201, JsonObject{{"sha256", blob.sha256}, {"size", blob.size}});
    response.headers.set("Location", "/v1/blobs/" + blob.sha256);
    co_return std::move(response);
}

Task<Response> download_blob(State& state, Caller caller, Request request) {
    CO_TRY_VOID(state.authorize(caller, {Verb::get, "Blob", "default"}));
    auto answering = blob_response(state, std::move(request));
    co_return co_await std::move(answering);
}

Task<Response> blob_response(State& state, Request request) {
    std::string name = request.param("sha256");
    CO_TRY(auto blob, co_await state.parts.blobs.stat(std::move(name)));
    const std::string etag = blob.sha256;  // download() quotes it
    auto source = std::make_unique<BlobSource>(state.parts.blobs, std::move(blob));
    auto response = http::download(request, std::move(source), "application/octet-stream", etag);
    // The name is the content's hash, so what was fetched once never changes.
    response.headers.set("Cache-Control", "private, max-age=31536000, immutable");
    co_return std::move(response);
}

Task<Response> list_alarms(State& state, Caller caller, Request request) {
    if (!state.parts.alarms) co_return Error{Errc::not_found, "this hub raises no alarms"};
    if (flag(request, "watch")) {
        auto watching = watch_alarms(state, std::move(caller), std::move(request));
        co_return co_await std::move(watching);
    }
    CO_TRY_VOID(check_query(request, {"state", "limit", "watch"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::list, "Alarm", "default"}));
    CO_TRY(const auto limit, number(request, "limit", 500, 5'000));
    std::string which = request.query_value("state").value_or("");
    CO_TRY(auto items, co_await state.parts.alarms->list(std::move(which), limit));
    Json document = JsonObject{{"kind", "AlarmList"}, {"items", std::move(items)}};
    auto writing = json_response(state, 200, std::move(document));
    co_return co_await std::move(writing);
}

Task<Response> explain_alarm(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    CO_TRY_VOID(state.authorize(caller, {Verb::get, "Alarm", "default"}));
    if (!state.parts.alarms) co_return Error{Errc::not_found, "this hub raises no alarms"};
    std::string id = request.param("id");
    CO_TRY(auto chain, co_await state.parts.alarms->why(std::move(id)));
    auto writing = json_response(state, 200, std::move(chain));
    co_return co_await std::move(writing);
}

Task<Response> list_schemas(State&, Caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    JsonArray items;
    for (const auto& kind : registry::kinds())
        items.push_back(JsonObject{
            {"kind", kind.name}, {"plural", kind.plural}, {"description", kind.description}});
    co_return Response::json(200, JsonObject{{"kind", "SchemaList"}, {"items", std::move(items)}});
}

Task<Response> get_schema(State&, Caller, Request request) {
    CO_TRY_VOID(check_query(request, {}));
    const auto& name = request.param("kind");
    const auto* kind = registry::find_plural(name);
    if (!kind) {
        auto found = registry::want_kind(name);
        if (!found) co_return Error{Errc::not_found, found.error().message};
        kind = *found;
    }
    co_return Response::json(200, kind->schema.source());
}

Response readiness(State& state) {
    JsonObject checks;
    bool all = true;
    for (const auto& [name, check] : state.parts.ready) {
        const auto outcome = check();
        checks[name] = outcome ? "ok" : outcome.error().message;
        all = all && outcome.ok();
    }
    return Response::json(all ? 200 : 503,
                          JsonObject{{"ready", all}, {"checks", std::move(checks)}});
}

}  // namespace mw::api
