#include "device/edge_labels/page.h"

#include "device/edge_labels/page_files.h"
#include "platform/crypto/crypto.h"

namespace mw::edge_labels {
namespace {

constexpr std::size_t questions_max = 50;
constexpr std::size_t token_bytes_min = 16;

bool is_loopback(std::string_view host) { return host == "::1" || host.starts_with("127."); }

// Browsers send the name that a person typed. A name that somebody else's DNS points at us is no
// address, so a page of theirs can't ask in a visitor's place.
bool is_address(std::string_view host) {
    if (host.starts_with('[')) return host.find(']') != std::string_view::npos;
    host = host.substr(0, host.find(':'));
    return host == "localhost" ||
           (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

http::Response served(const PageFile& file) {
    http::Response response = http::Response::text(200, std::string(file.body), file.content_type);
    response.headers.set("Cache-Control", "no-cache");
    response.headers.set("Content-Security-Policy",
                         "default-src 'none'; script-src 'self'; style-src 'self'; "
                         "connect-src 'self'; img-src data:; base-uri 'none'; "
                         "form-action 'none'; frame-ancestors 'none'");
    response.headers.set("X-Content-Type-Options", "nosniff");
    response.headers.set("Referrer-Policy", "no-referrer");
    return response;
}

}  // namespace

Result<> check(const PageOptions& options) {
    if (options.certificate_pem.empty() != options.key_pem.empty())
        return Error{Errc::invalid_input, "label page: want a certificate and its key, or neither"};
    if (!options.token.empty() && options.token.size() < token_bytes_min)
        return Error{Errc::invalid_input, "label page: the token has less than 16 characters"};
    if (is_loopback(options.host)) return {};
    if (options.certificate_pem.empty() || options.token.empty())
        return Error{Errc::invalid_input,
                     "label page: " + options.host +
                         " can be reached from elsewhere: want a certificate, its key and a token"};
    return {};
}

Page::Page(Parts parts, PageOptions options)
    : parts_(std::move(parts)), options_(std::move(options)) {}
Page::~Page() = default;

Result<std::unique_ptr<Page>> Page::open(Parts parts, PageOptions options) {
    TRY_VOID(check(options));
    std::unique_ptr<Page> made(new Page(std::move(parts), std::move(options)));
    http::ServerOptions server;
    server.listen.host = made->options_.host;
    server.listen.port = made->options_.port;
    server.listen.connections = 16;
    if (!made->options_.certificate_pem.empty()) {
        net::TlsOptions tls;
        tls.certificate_chain = made->options_.certificate_pem;
        tls.private_key = made->options_.key_pem;
        TRY(server.listen.tls, net::TlsContext::server(std::move(tls)));
    }
    TRY(made->server_, http::Server::open(made->parts_.loop, std::move(server), made->routes()));
    return made;
}

std::string Page::url() const {
    const net::Address& at = server_->address();
    const bool v6 = options_.host.find(':') != std::string::npos;
    const std::string host = v6 ? "[" + options_.host + "]" : options_.host;
    return (options_.certificate_pem.empty() ? "http://" : "https://") + host + ":" +
           std::to_string(at.port);
}

http::Router Page::routes() {
    http::Router router;
    add_files(router);
    router.add(http::Method::get, "/labels", guarded([this](http::Request) { return list(); }));
    router.add(http::Method::get, "/labels/{id}",
               guarded([this](http::Request request) { return snippet(std::move(request)); }));
    http::RouteOptions small;
    small.body_limit = 4096;
    router.add(http::Method::post, "/labels/{id}/answer",
               guarded([this](http::Request request) { return answer(std::move(request)); }),
               small);
    router.add(http::Method::get, "/metrics",
               guarded([this](http::Request) -> Task<http::Response> {
                   parts_.desk.measure();
                   co_return http::Response::text(200, parts_.metrics.expose(),
                                                  "text/plain; version=0.0.4; charset=utf-8");
               }));
    if (parts_.more)
        parts_.more(router, [this](http::Handler handler) { return guarded(std::move(handler)); });
    return router;
}

void Page::add_files(http::Router& router) {
    for (const PageFile& file : page_files()) {
        const auto serve = [&file](http::Request) -> Task<http::Response> {
            co_return served(file);
        };
        router.add(http::Method::get, file.path, serve);
        if (file.path == "/index.html") router.add(http::Method::get, "/", serve);
    }
}

http::Handler Page::guarded(http::Handler handler) {
    return [this, handler = std::move(handler)](http::Request request) -> Task<http::Response> {
        if (auto admitted = admit(request); !admitted)
            co_return http::Response::error(options_.token.empty() ? 403 : 401,
                                            to_string(admitted.error().code),
                                            admitted.error().message);
        auto handling = handler(std::move(request));
        co_return co_await std::move(handling);
    };
}

Result<> Page::admit(const http::Request& request) const {
    if (!options_.token.empty()) {
        const std::string_view token = request.bearer_token();
        if (crypto::equal_in_constant_time(bytes_of(token), bytes_of(options_.token))) return {};
        return Error{Errc::denied, "wrong token. It is in the file that --label-token-file names"};
    }
    if (!is_address(request.headers.get("Host")))
        return Error{Errc::denied, "ask for this page by its address"};
    return {};
}

Task<http::Response> Page::list() {
    const Json body = {{"device", parts_.device},
                       {"questions", parts_.desk.questions(questions_max)},
                       {"figures", parts_.desk.figures()},
                       {"link", parts_.link()}};
    co_return http::Response::json(200, body);
}

Task<http::Response> Page::snippet(http::Request request) {
    std::string id = request.param("id");
    auto reading = parts_.desk.read(std::move(id));
    auto snippet = co_await std::move(reading);
    if (!snippet) co_return http::Response::error(snippet.error());
    co_return http::Response::text(200, std::move(*snippet), "application/json");
}

Task<http::Response> Page::answer(http::Request request) {
    // What a page of somebody else can't send without asking us first.
    if (options_.token.empty() && !request.headers.has("X-Millwright"))
        co_return http::Response::error(403, "denied", "answers need the header X-Millwright");
    const auto body = parse_json(request.body);
    if (!body) co_return http::Response::error(body.error());
    auto answer = answer_of(*body);
    if (!answer) co_return http::Response::error(answer.error());
    std::string id = request.param("id");
    auto answering = parts_.desk.answer(std::move(id), std::move(*answer));
    auto kept = co_await std::move(answering);
    if (!kept) co_return http::Response::error(kept.error());
    co_return http::Response::json(200, *kept);
}

}  // namespace mw::edge_labels
