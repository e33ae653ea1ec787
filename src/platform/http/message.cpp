#include "platform/http/message.h"

#include <algorithm>

namespace mw::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view to_string(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::del:
            return "DELETE";
        case Method::options:
            return "OPTIONS";
    }
    return "GET";
}

void Headers::set(std::string_view name, std::string value) {
    remove(name);
    add(std::string(name), std::move(value));
}
void Headers::remove(std::string_view name) {
    std::erase_if(all_, [&](const auto& header) { return same_name(header.first, name); });
}
std::string_view Headers::get(std::string_view name) const {
    for (const auto& [known, value] : all_)
        if (same_name(known, name)) return value;
    return {};
}
bool Headers::has(std::string_view name) const {
    return std::any_of(all_.begin(), all_.end(),
                       [&](const auto& header) { return same_name(header.first, name); });
}

std::optional<std::string> Request::query_value(std::string_view name) const {
    for (const auto& [known, value] : query)
        if (known == name) return value;
    return std::nullopt;
}

const std::string& Request::param(std::string_view name) const {
    static const std::string none;
    for (const auto& [known, value] : params)
        if (known == name) return value;
    return none;
}

std::string_view Request::bearer_token() const {
    std::string_view value = headers.get("Authorization");
    constexpr std::string_view scheme = "bearer ";
    if (value.size() <= scheme.size() || !same_name(value.substr(0, scheme.size()), scheme))
        return {};
    value.remove_prefix(scheme.size());
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    return value;
}

Response Response::text(int status, std::string body, std::string_view content_type) {
    Response response;
    response.status = status;
    response.headers.set("Content-Type", std::string(content_type));
    response.body = std::move(body);
    return response;
}

Response Response::json(int status, const Json& body) {
    return text(status, to_json(body), "application/json");
}

Response Response::error(const Error& error, std::string_view path) {
    JsonObject inner{{"code", mw::to_string(error.code)}, {"message", error.message}};
    if (!path.empty()) inner["path"] = path;
    return json(status_of(error.code), JsonObject{{"error", std::move(inner)}});
}

Response Response::error(int status, std::string_view code, std::string_view message) {
    return json(status, JsonObject{{"error", JsonObject{{"code", code}, {"message", message}}}});
}

int status_of(Errc code) {
    switch (code) {
        case Errc::invalid_input:
            return 400;
        case Errc::not_found:
            return 404;
        case Errc::conflict:
            return 409;
        case Errc::denied:
            return 403;
        case Errc::timed_out:
            return 504;
        case Errc::cancelled:
            return 503;  // we are stopping
        case Errc::overloaded:
            return 429;
        case Errc::io_failed:
            return 500;
        case Errc::corrupt:
            return 500;
    }
    return 500;
}

Errc errc_of(int status) {
    switch (status) {
        case 401:
        case 403:
            return Errc::denied;
        case 404:
        case 410:
            return Errc::not_found;
        case 409:
        case 412:
            return Errc::conflict;
        case 408:
        case 504:
            return Errc::timed_out;
        case 429:
        case 503:
            return Errc::overloaded;
        default:
            return status >= 500 ? Errc::io_failed : Errc::invalid_input;
    }
}

std::string_view reason_phrase(int status) {
    static constexpr std::pair<int, std::string_view> phrases[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (const auto& [known, phrase] : phrases)
        if (known == status) return phrase;
    return status < 400 ? "OK" : "Error";
}

}  // namespace mw::http
