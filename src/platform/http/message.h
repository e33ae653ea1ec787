#pragma once
// Requests and responses as plain values, the same for server and client.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "platform/net/net.h"

namespace mw::http {

enum class Method { get, head, post, put, patch, del, options };
std::string_view to_string(Method method);  // "GET"

// In their order; names compare without case.
class Headers {
 public:
    Headers() = default;
    Headers(std::initializer_list<std::pair<std::string, std::string>> all) : all_(all) {}
    void set(std::string_view name, std::string value);  // replaces
    void add(std::string name, std::string value) {
        all_.emplace_back(std::move(name), std::move(value));
    }
    void remove(std::string_view name);
    // The first one's value; empty if there is none.
    std::string_view get(std::string_view name) const;
    bool has(std::string_view name) const;
    auto begin() const { return all_.begin(); }
    auto end() const { return all_.end(); }
    std::size_t size() const { return all_.size(); }

 private:
    std::vector<std::pair<std::string, std::string>> all_;
};

struct Request {
    Method method = Method::get;
    std::string path;  // percent-decoded, absolute, without "." or ".." or empty segments
    std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
    Headers headers;
    std::string body;
    std::vector<std::pair<std::string, std::string>> params;  // of the route: {name}

    // Server side only.
    net::Address peer;
    Bytes peer_certificate;  // DER; empty if there was none

    std::optional<std::string> query_value(std::string_view name) const;  // the first
    const std::string& param(std::string_view name) const;                // empty if unknown
    // "Bearer x" gives x; empty otherwise.
    std::string_view bearer_token() const;
};

class BodyWriter;
// Writes a body piece by piece, as an event stream does. The response owns it.
class BodyProducer {
 public:
    virtual ~BodyProducer() = default;
    // Cancelled when the client is gone. An error cuts the connection, so that nobody takes a part
    // for the whole.
    virtual Task<> produce(BodyWriter& writer) = 0;
};

struct Response {
    int status = 200;
    Headers headers;
    std::string body;
    // If set, it writes the body instead; `length` if known, else chunked.
    std::unique_ptr<BodyProducer> producer;
    std::optional<std::uint64_t> length;

    static Response text(int status, std::string body,
                         std::string_view content_type = "text/plain; charset=utf-8");
    static Response json(int status, const Json& body);
    // {"error":{"code":...,"message":...,"path":...}} with the status that fits the code.
    static Response error(const Error& error, std::string_view path = {});
    static Response error(int status, std::string_view code, std::string_view message);
};

// 400 403 404 409 429 499 500 503 504, by what the caller should do next.
int status_of(Errc code);
// The other way, for clients.
Errc errc_of(int status);
std::string_view reason_phrase(int status);

// "%41%20" to "A "; plus becomes a space only in queries. An error names the offset.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
std::string percent_encode(std::string_view text);  // all but RFC 3986 unreserved characters
// "/v1/devices/a%2Fb?x=1" into path and query. Refuses "..", control characters and encoded
// slashes.
Result<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>> parse_target(
    std::string_view target);
std::string make_target(std::string_view path,
                        const std::vector<std::pair<std::string, std::string>>& query);

}  // namespace mw::http
