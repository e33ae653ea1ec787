// The write routes: what InfluxDB's clients send and expect (docs/doors.md), and points as JSON.
#include <algorithm>

#include "surface/api/state.h"

namespace mw::api {
namespace {

constexpr std::string_view binary_type = "application/vnd.millwright.points";

// Both shapes in one: 2.x clients read code and message, 1.x clients read error.
Response influx_error(int status, std::string_view code, const std::string& message,
                      std::size_t line = 0) {
    JsonObject body{{"code", code}, {"message", message}, {"error", message}};
    if (line > 0) body["line"] = line;
    auto response = Response::json(status, body);
    response.headers.set("X-Influxdb-Error", message.substr(0, message.find('\n')));
    return response;
}

Response influx_error(const Error& error) {
    const bool again = error.code == Errc::overloaded || error.code == Errc::io_failed ||
                       error.code == Errc::timed_out || error.code == Errc::cancelled;
    const int status = error.code == Errc::overloaded ? 429
                       : again                        ? 503
                                                      : http::status_of(error.code);
    const char* code = status == 429   ? "too many requests"
                       : status == 503 ? "unavailable"
                       : status == 403 ? "forbidden"
                       : status == 404 ? "not found"
                       : status == 400 ? "invalid"
                                       : "internal error";
    auto response = influx_error(status, code, error.message);
    if (again) response.headers.set("Retry-After", "1");
    return response;
}

Result<bool> wants_gzip(const Request& request) {
    const auto coding = request.headers.get("Content-Encoding");
    if (coding.empty() || coding == "identity") return false;
    if (coding == "gzip") return true;
    return Error{Errc::invalid_input, "Content-Encoding '" + std::string(coding.substr(0, 40)) +
                                          "' is not known; send gzip or plain"};
}

// The device of points that name none: the parameter, else whose token it is.
std::string own_device(const Caller& caller, const Request& request) {
    if (auto named = request.query_value("device")) return *named;
    return caller.who.name.substr(caller.who.name.find(':') + 1);
}

Result<WriteOrder> line_order(const Caller& caller, Request& request) {
    TRY_VOID(check_query(
        request, {"org", "orgID", "bucket", "db", "rp", "precision", "consistency", "device"}));
    WriteOrder order;
    const std::string precision = request.query_value("precision").value_or("");
    const auto unit = line_protocol::precision_ns(precision);
    if (!unit)
        return Error{Errc::invalid_input, "precision '" + precision.substr(0, 20) +
                                              "' is not known; want ns, us, ms or s"};
    order.unit_ns = *unit;
    TRY(order.gzip, wants_gzip(request));
    order.device = own_device(caller, request);
    order.body = std::move(request.body);
    return order;
}

std::string told(const WriteReport& report) {
    std::string text = "partial write: " + std::to_string(report.points) + " points stored, " +
                       std::to_string(report.refused) + " lines, fields or points refused:";
    for (const auto& reason : report.reasons) text += "\n" + reason;
    if (report.reasons.size() < report.refused) text += "\n...";
    return text;
}

}  // namespace

Task<Response> write_influx(State& state, Request request) {
    auto asking = state.who_asks(presented_by(request));
    auto caller = co_await std::move(asking);
    if (!caller) {
        auto refused = state.refuse_token(request, caller.error());
        const bool slow = refused.status == 429;
        auto response =
            influx_error(refused.status, slow ? "too many requests" : "unauthorized",
                         slow ? "too many refused tokens; wait" : caller.error().message);
        if (slow) response.headers.set("Retry-After", "3");
        co_return std::move(response);
    }
    auto may = state.authorize(*caller, {Verb::create, "History", "default"});
    if (!may) co_return influx_error(may.error());
    auto order = line_order(*caller, request);
    if (!order) co_return influx_error(order.error());
    auto writing = state.writes.write_lines(std::move(*order));
    auto report = co_await std::move(writing);
    if (!report) co_return influx_error(report.error());
    if (report->refused > 0)
        co_return influx_error(400, "invalid", told(*report), report->first_line);
    Response done;
    done.status = 204;
    co_return std::move(done);
}

Task<Response> write_points(State& state, Caller caller, Request request) {
    CO_TRY_VOID(check_query(request, {"device", "stream"}));
    CO_TRY_VOID(state.authorize(caller, {Verb::create, "History", "default"}));
    WriteOrder order;
    CO_TRY(order.gzip, wants_gzip(request));
    const bool binary = request.headers.get("Content-Type") == binary_type;
    order.device =
        binary ? request.query_value("device").value_or("") : own_device(caller, request);
    // No topic level holds a '/': a number counted here never hides a message of the device's own.
    const std::string stream = request.query_value("stream").value_or("main");
    CO_TRY_VOID(payload::check_name(stream, 128).context("stream"));
    order.stream = "http/" + caller.who.name + "/" + stream;
    order.body = std::move(request.body);
    auto writing = binary ? state.writes.write_binary(std::move(order))
                          : state.writes.write_json(std::move(order));
    auto report = co_await std::move(writing);
    if (!report) {
        auto response = error_response(report.error());
        const auto code = report.error().code;
        if (code == Errc::overloaded || code == Errc::io_failed) {
            if (code == Errc::io_failed) response.status = 503;
            response.headers.set("Retry-After", "1");
        }
        co_return std::move(response);
    }
    if (!report->reasons.empty()) co_return Error{Errc::invalid_input, report->reasons.front()};
    Response done;
    done.status = 204;
    co_return std::move(done);
}

// What clients ask before they write. The version is that of the API whose paths these are.
Response influx_ping(State&, Request) {
    Response response;
    response.status = 204;
    response.headers.set("X-Influxdb-Version", "2.7-millwright");
    response.headers.set("X-Influxdb-Build", "OSS");
    return response;
}

Response influx_health(State& state, Request) {
    bool well = true;
    std::string says = "ready for writes";
    for (const auto& [name, check] : state.parts.ready) {
        const auto outcome = check();
        if (outcome) continue;
        well = false;
        says = name + ": " + outcome.error().message;
    }
    return Response::json(well ? 200 : 503, JsonObject{{"name", "millwright"},
                                                       {"message", says},
                                                       {"status", well ? "pass" : "fail"},
                                                       {"checks", JsonArray{}}});
}

// 1.x clients begin with CREATE DATABASE. A hub has one history: there is nothing to create.
Task<Response> influx_query(State& state, Request request) {
    auto asking = state.who_asks(presented_by(request));
    auto caller = co_await std::move(asking);
    if (!caller) {
        auto refused = state.refuse_token(request, caller.error());
        co_return influx_error(refused.status, "unauthorized", caller.error().message);
    }
    std::string text = request.query_value("q").value_or("");
    if (text.empty() && request.body.starts_with("q="))
        text = http::percent_decode(request.body.substr(2, request.body.find('&') - 2), true)
                   .value_or("");
    std::string upper = text.substr(0, 15);
    std::ranges::transform(upper, upper.begin(), [](char c) { return std::toupper(c); });
    if (upper == "CREATE DATABASE")
        co_return Response::json(
            200, JsonObject{{"results", JsonArray{JsonObject{{"statement_id", 0}}}}});
    co_return influx_error(
        400, "invalid",
        "InfluxQL is not spoken here; ask by SQL (POST /v1/query) or PromQL (GET "
        "/api/v1/query_range)");
}

}  // namespace mw::api
