// OpenAPI 3.1, made from the routes and the schemas of the kinds: it can't say what isn't there.
// What a route is for stands in the table below; a test finds routes without a line.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

struct RouteWords {
    const char* method;
    const char* pattern;
    const char* summary;
    const char* query = "";  // "after:integer,kind": parameters, text without a type
    const char* body = "";   // what a request carries: a media type, or empty
    const char* answer = "application/json";
};

constexpr RouteWords all_words[] = {
    {"GET", "/v1/login", "How people log in: the OpenID provider, its client and scopes"},
    {"POST", "/v1/login", "Exchange a token for one of a session", "", "application/json"},
    {"GET", "/v1/whoami", "Who the token or certificate belongs to, and their roles"},
    {"POST", "/v1/users/{name}/token", "Make a token of a user; shown once", "",
     "application/json"},
    {"POST", "/v1/users/{name}/certificate",
     "Make a client certificate of a user, a program's, from a request (PKCS#10)", "",
     "application/json"},
    {"DELETE", "/v1/users/{name}/tokens", "Make every token of a user void"},
    {"POST", "/v1/enrollment-groups/{name}/token", "Make a token with which devices enrol", "",
     "application/json"},
    {"GET", "/v1/enrollments", "Devices that wait to be let in, or that were decided about"},
    {"POST", "/v1/enrollments/{name}/approve", "Let a device that waits enrol"},
    {"POST", "/v1/enrollments/{name}/deny", "Refuse a device that waits"},
    {"POST", "/v1/devices/{name}/life",
     "Quarantine, release, suspend, resume, retire, readmit, transfer or replace a device", "",
     "application/json"},
    {"POST", "/v1/devices:import", "Register many devices; each row has its own outcome", "",
     "application/json"},
    {"GET", "/v1/policy/can-i", "Whether the caller, or another user, may do something, and why",
     "verb,kind,name,domain,as"},
    {"GET", "/v1/policy/who-can", "All users who may do something, and why",
     "verb,kind,name,domain"},
    {"GET", "/v1/certificates", "Certificates that the hub has issued, newest first",
     "subject,serial,state,limit:integer"},
    {"GET", "/v1/certificates/{serial}", "One of them"},
    {"POST", "/v1/certificates:revoke",
     "Revoke a certificate, or all of a device or user; their sessions end at once", "",
     "application/json"},
    {"POST", "/v1/query", "SQL over history; the form of the answer follows Accept", "",
     "application/json"},
    {"DELETE", "/v1/query/{id}", "End one's own statement that runs under this id", "user"},
    {"POST", "/v1/blobs", "Upload a blob; its name is its SHA-256", "", "application/octet-stream"},
    {"GET", "/v1/blobs/{sha256}", "Download a blob; Range is understood", "", "",
     "application/octet-stream"},
    {"GET", "/v1/alarms", "Alarms, newest first; with watch=1 a stream of events",
     "state,open:boolean,device,limit:integer,watch:boolean"},
    {"GET", "/v1/alarms/{id}/why", "The chain that led to an alarm"},
    {"POST", "/v1/label-tasks/{name}/answer", "Say whether a window was an event", "",
     "application/json"},
    {"POST", "/v1/label-tasks/{name}/adjudicate", "Settle what people disagree about", "",
     "application/json"},
    {"GET", "/v1/labels/agreement", "How far people agree, by task and pair of authors",
     "use_case,model"},
    {"POST", "/v1/quarantine", "Release, hold or confirm points", "", "application/json"},
    {"GET", "/v1/quarantine", "What was decided about points, newest first",
     "device,limit:integer"},
    {"GET", "/v1/lineage/{kind}/{name}", "Where data came from, or where it went",
     "direction,limit:integer"},
    {"POST", "/v1/gate-specs/{name}/run", "Measure a version; its GateReport comes later", "",
     "application/json"},
    {"POST", "/v1/model-versions/{name}/retire", "Take a version out of use", "",
     "application/json"},
    {"GET", "/v2", "Open Inference Protocol: what this server is"},
    {"GET", "/v2/health/live", "Open Inference Protocol: the server lives"},
    {"GET", "/v2/health/ready", "Open Inference Protocol: models can be asked"},
    {"GET", "/v2/models/{name}", "A model's tensors and versions"},
    {"GET", "/v2/models/{name}/versions/{version}", "A version's tensors"},
    {"GET", "/v2/models/{name}/ready", "Whether a model can be asked"},
    {"GET", "/v2/models/{name}/versions/{version}/ready", "Whether a version can be asked"},
    {"POST", "/v2/models/{name}/infer", "Run a model on rows, JSON or binary tensors", "",
     "application/json"},
    {"POST", "/v2/models/{name}/versions/{version}/infer", "Run a version on rows", "",
     "application/json"},
    {"POST", "/v1/monitors/{name}/ack", "Acknowledge a monitor's alert", "", "application/json"},
    {"GET", "/v1/audit", "Facts of the audit log",
     "kind,name,actor,action,control,since,after:integer,before:integer,limit:integer,"
     "newest:boolean,verify:boolean"},
    {"POST", "/v1/audit:redact", "Take actor, name and detail out of facts; the chain stays whole",
     "", "application/json"},
    {"GET", "/v1/audit/head", "The newest signed head of the audit log", "sign:boolean"},
    {"GET", "/v1/audit/proof", "A proof that a fact is in the log",
     "sequence:integer,certificates:boolean"},
    {"GET", "/v1/audit/consistency", "A proof that a later log holds an earlier one",
     "from:integer,to:integer"},
    {"GET", "/v1/audit/export", "The whole audit log as a file", "", "",
     "application/octet-stream"},
    {"GET", "/v1/use-cases:rank", "The portfolio by expected value and readiness, and why"},
    {"GET", "/v1/use-cases/{name}/review", "What its stage needs before it is left"},
    {"POST", "/v1/use-cases/{name}/kpis", "Compute its KPIs now"},
    {"GET", "/v1/data-products/{name}/contract",
     "The contract in the Open Data Contract Standard; with Accept: application/yaml as YAML"},
    {"POST", "/v1/data-products/{name}/diff",
     "What another spec would change, and whom that breaks", "", "application/json"},
    {"GET", "/v1/data-products/{name}/scorecard", "How good it was, day by day", "days:integer"},
    {"GET", "/v1/data-products/{name}/policy", "Which rules hold, and from which policy each is"},
    {"GET", "/v1/mqtt/clients", "Clients of the broker, connected or remembered",
     "identity,client,connected:boolean,limit:integer,continue"},
    {"GET", "/v1/mqtt/subscriptions", "Subscriptions; with topic those that it reaches",
     "identity,client,connected:boolean,topic,limit:integer,continue"},
    {"GET", "/v1/mqtt/retained", "Retained messages in topic order",
     "filter,payload:boolean,limit:integer,continue"},
    {"GET", "/v1/mqtt/bridges", "Bridges to other brokers, and how they are"},
    {"POST", "/v1/mqtt/kick", "End connections of an identity, a client, or both", "",
     "application/json"},
    {"GET", "/v1/mqtt/trace", "Packets as they pass, a stream of events",
     "topic,client,payload:boolean,count:integer,seconds:integer", "", "text/event-stream"},
    {"GET", "/v1/history/stats", "How many points are stored, in which files, how large"},
    {"POST", "/v1/history/compact", "Seal and compact now", "wait:integer"},
    {"POST", "/v1/history/verify", "Read every sealed file and name what is damaged"},
    {"POST", "/v1/history/delete", "Delete what a device sent, all or of a time", "",
     "application/json"},
    {"GET", "/v1/backups", "The backup that is being made, and the last one", "wait:integer"},
    {"POST", "/v1/backups", "Begin a backup of this hub", "", "application/json"},
    {"POST", "/v1/backups/stop", "Stop the backup that is being made"},
    {"POST", "/v1/points", "Points of a device, as it would publish them; 204 when durable",
     "device,stream", "application/json"},
    {"POST", "/api/v2/write", "InfluxDB line protocol; 204 when durable",
     "org,bucket,precision,device", "text/plain"},
    {"POST", "/write", "The same for clients of InfluxDB 1", "db,rp,precision,consistency,device",
     "text/plain"},
    {"GET", "/query", "For clients of InfluxDB 1: CREATE DATABASE has nothing to do", "q,db"},
    {"POST", "/query", "For clients of InfluxDB 1: CREATE DATABASE has nothing to do", "q,db"},
    {"GET", "/ping", "For clients of InfluxDB: it is here", "", "", "text/plain"},
    {"GET", "/health", "For clients of InfluxDB: whether it takes points"},
    {"GET", "/api/v1/query", "Prometheus: PromQL at one time", "query,time"},
    {"POST", "/api/v1/query", "Prometheus: PromQL at one time", "",
     "application/x-www-form-urlencoded"},
    {"GET", "/api/v1/query_range", "Prometheus: PromQL over a time, step by step",
     "query,start,end,step"},
    {"POST", "/api/v1/query_range", "Prometheus: PromQL over a time, step by step", "",
     "application/x-www-form-urlencoded"},
    {"GET", "/api/v1/series", "Prometheus: Series that match", "match[]"},
    {"POST", "/api/v1/series", "Prometheus: Series that match", "",
     "application/x-www-form-urlencoded"},
    {"GET", "/api/v1/labels", "Prometheus: Names of labels", "match[]"},
    {"POST", "/api/v1/labels", "Prometheus: Names of labels", "",
     "application/x-www-form-urlencoded"},
    {"GET", "/api/v1/label/{name}/values", "Prometheus: values of a label", "match[]"},
    {"GET", "/api/v1/status/buildinfo", "Prometheus: what server this is"},
    {"GET", "/api/v1/metadata", "Prometheus: nothing is known of metrics"},
    {"GET", "/v1/schemas", "The kinds of resources"},
    {"GET", "/v1/schemas/{kind}", "The JSON Schema of a kind"},
    {"GET", "/openapi.json", "This document"},
    {"GET", "/healthz", "Whether the process lives", "", "", "text/plain"},
    {"GET", "/readyz", "Whether it is ready, check by check"},
    {"GET", "/metrics", "Metrics for Prometheus", "", "", "text/plain"},
};

constexpr std::string_view open_to_all[] = {"/v1/login", "/openapi.json", "/healthz", "/readyz",
                                            "/metrics",  "/ping",         "/health"};

const RouteWords* words_of(std::string_view method, std::string_view pattern) {
    for (const auto& words : all_words)
        if (words.method == method && words.pattern == pattern) return &words;
    return nullptr;
}

Json reference(const std::string& schema) {
    return JsonObject{{"$ref", "#/components/schemas/" + schema}};
}

Json content(const std::string& type, Json schema) {
    return JsonObject{{type, JsonObject{{"schema", std::move(schema)}}}};
}

Json response(const std::string& says, const std::string& type, Json schema) {
    return JsonObject{{"description", says}, {"content", content(type, std::move(schema))}};
}

Json parameter(const std::string& name, const char* where, const std::string& type) {
    return JsonObject{{"name", name},
                      {"in", where},
                      {"required", std::string_view(where) == "path"},
                      {"schema", JsonObject{{"type", type}}}};
}

// "{name}" in a pattern, "after:integer,kind" of a table.
JsonArray parameters_of(std::string_view pattern, std::string_view query) {
    JsonArray list;
    for (auto open = pattern.find('{'); open != pattern.npos; open = pattern.find('{', open + 1)) {
        const auto close = pattern.find('}', open);
        list.push_back(
            parameter(std::string(pattern.substr(open + 1, close - open - 1)), "path", "string"));
    }
    while (!query.empty()) {
        const auto end = std::min(query.find(','), query.size());
        const auto one = query.substr(0, end);
        const auto colon = std::min(one.find(':'), one.size());
        const auto type = one.substr(std::min(colon + 1, one.size()));
        list.push_back(parameter(std::string(one.substr(0, colon)), "query",
                                 type.empty() ? "string" : std::string(type)));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return list;
}

// "GET /v1/users/{name}/token" -> "get_users_name_token"
std::string operation_id(std::string_view method, std::string_view pattern) {
    std::string id;
    for (const char c : method) id += char(std::tolower(static_cast<unsigned char>(c)));
    if (pattern == "/query") pattern = "/influxql";  // /v1/query has the other name
    for (const char c : pattern.substr(pattern.starts_with("/v1") ? 3 : 0)) {
        if (std::isalnum(static_cast<unsigned char>(c)))
            id += c;
        else if (id.back() != '_')
            id += '_';
    }
    while (id.back() == '_') id.pop_back();
    return id;
}

JsonObject operation(std::string_view method, const std::string& pattern,
                     const std::string& summary, std::string_view query) {
    JsonObject deed{{"operationId", operation_id(method, pattern)}, {"summary", summary}};
    if (auto list = parameters_of(pattern, query); !list.empty())
        deed["parameters"] = std::move(list);
    if (std::ranges::find(open_to_all, pattern) == std::end(open_to_all))
        deed["security"] = JsonArray{JsonObject{{"token", JsonArray{}}}};
    return deed;
}

void add_error(JsonObject& responses) {
    responses["default"] =
        response("What was wrong, where, and what to do", "application/json", reference("Error"));
}

Json plain_operation(std::string_view method, const std::string& pattern) {
    const auto* words = words_of(method, pattern);
    auto deed = operation(method, pattern, words ? words->summary : "", words ? words->query : "");
    if (words && *words->body)
        deed["requestBody"] = JsonObject{{"content", content(words->body, JsonObject{})}};
    const std::string type = words ? words->answer : "application/json";
    JsonObject responses{{"200", response("Done", type, JsonObject{})}};
    add_error(responses);
    deed["responses"] = std::move(responses);
    return deed;
}

// list, create, get, replace, patch, delete of a kind.
Json kind_operation(std::string_view method, const std::string& pattern,
                    const registry::Kind& kind) {
    const bool one = pattern.ends_with("/{name}");
    const std::string verb = method == "GET"     ? (one ? "One " : "List of ")
                             : method == "POST"  ? "Create a "
                             : method == "PUT"   ? "Replace a "
                             : method == "PATCH" ? "Change parts of a "
                                                 : "Delete a ";
    const char* query = method == "GET"
                            ? (one ? ""
                                   : "labelSelector,fieldSelector,limit:integer,continue,"
                                     "watch:boolean,from:integer")
                        : method == "DELETE" ? "dryRun:boolean,revision:integer"
                                             : "dryRun:boolean";
    auto deed = operation(method, pattern, verb + kind.name, query);
    deed["tags"] = JsonArray{kind.name};
    if (method == "POST" || method == "PUT")
        deed["requestBody"] = JsonObject{
            {"required", true}, {"content", content("application/json", reference(kind.name))}};
    if (method == "PATCH")
        deed["requestBody"] = JsonObject{
            {"required", true}, {"content", content("application/merge-patch+json", JsonObject{})}};
    const bool list = method == "GET" && !one;
    JsonObject responses{{method == "POST" ? "201" : "200",
                          response(list ? "A page" : "The resource", "application/json",
                                   reference(kind.name + (list ? "List" : "")))}};
    add_error(responses);
    deed["responses"] = std::move(responses);
    return deed;
}

const registry::Kind* kind_of(const std::string& pattern) {
    auto rest = std::string_view(pattern).substr(std::min<std::size_t>(4, pattern.size()));
    if (rest.ends_with("/{name}")) rest.remove_suffix(7);
    return registry::find_plural(rest);
}

JsonObject schemas() {
    JsonObject all;
    for (const auto& kind : registry::kinds()) {
        all[kind.name] = kind.schema.source();
        all[kind.name + "List"] = JsonObject{
            {"type", "object"},
            {"properties",
             JsonObject{{"kind", JsonObject{{"const", kind.name + "List"}}},
                        {"items", JsonObject{{"type", "array"}, {"items", reference(kind.name)}}},
                        {"continue", JsonObject{{"type", "string"}}},
                        {"revision", JsonObject{{"type", "string"}}}}}};
    }
    JsonObject error{{"code", JsonObject{{"type", "string"}}},
                     {"message", JsonObject{{"type", "string"}}},
                     {"path", JsonObject{{"type", "string"}}}};
    all["Error"] = JsonObject{
        {"type", "object"},
        {"properties",
         JsonObject{{"error", JsonObject{{"type", "object"}, {"properties", std::move(error)}}}}}};
    return all;
}

}  // namespace

Json openapi(const std::vector<RouteLine>& routes) {
    JsonObject paths;
    for (const auto& route : routes) {
        if (route.pattern == "/" || route.pattern == "/{rest...}") continue;
        const std::string method(http::to_string(route.method));
        std::string key;
        for (const char c : method) key += char(std::tolower(static_cast<unsigned char>(c)));
        if (!paths.contains(route.pattern)) paths[route.pattern] = JsonObject{};
        const auto* kind = kind_of(route.pattern);
        paths[route.pattern].get_object()[key] = kind ? kind_operation(method, route.pattern, *kind)
                                                      : plain_operation(method, route.pattern);
    }
    JsonObject token{{"type", "http"}, {"scheme", "bearer"}};
    return JsonObject{
        {"openapi", "3.1.0"},
        {"info",
         JsonObject{{"title", "Millwright"},
                    {"version", "v1"},
                    {"license", JsonObject{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
        {"paths", std::move(paths)},
        {"components", JsonObject{{"schemas", schemas()},
                                  {"securitySchemes", JsonObject{{"token", std::move(token)}}}}}};
}

}  // namespace mw::api
