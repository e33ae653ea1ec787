#include "apps/ctl/client.h"

#include <cstdlib>

#include "platform/files/files.h"

namespace mw::ctl {
namespace {

constexpr std::size_t small_file = 1 << 20;
constexpr nanoseconds call_limit = minutes(10);  // a query has its own limit on the hub

Result<std::string> read_text(const std::string& path) {
    files::RealFiles files;
    TRY(const Bytes bytes, files::read_all(files, path, small_file));
    std::string text(bytes.begin(), bytes.end());
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

Error not_logged_in(const std::string& path) {
    return {Errc::denied, "not logged in: '" + path +
                              "' is missing. Next step: millwright login --hub URL --token-file "
                              "FILE --ca FILE (or --data DIR on the hub's own machine)"};
}

}  // namespace

std::string login_path() {
    if (const char* path = std::getenv("MILLWRIGHT_CONFIG"); path && *path) return path;
    if (const char* base = std::getenv("XDG_CONFIG_HOME"); base && *base)
        return std::string(base) + "/millwright/login.json";
    const char* home = std::getenv("HOME");
    return std::string(home ? home : ".") + "/.config/millwright/login.json";
}

Result<Login> load_login(const std::string& path) {
    auto text = read_text(path);
    if (!text && text.error().code == Errc::not_found) return not_logged_in(path);
    if (!text) return std::move(text).error();
    TRY(const Json value, parse_json(*text).context("reading " + path));
    Login login;
    TRY(login.hub, want_string(value, "hub"));
    TRY(login.token, want_string(value, "token"));
    TRY(login.ca, want_string(value, "ca"));
    if (const Json* oidc = find(value, "oidc")) {
        Login::Provider provider;
        TRY(provider.at, oidc::client_options_from_json(*oidc).context("reading " + path));
        provider.refresh = find_string(*oidc, "refresh_token").value_or("");
        TRY(const auto expires, want_string(*oidc, "expires").context("reading " + path));
        TRY(provider.expires, parse_iso8601(expires).context("reading " + path));
        login.provider = std::move(provider);
    }
    return login;
}

Result<> save_login(const std::string& path, const Login& login) {
    files::RealFiles files;
    TRY_VOID(files.make_directories(files::parent_of(path), 0700));
    Json value = {{"hub", login.hub}, {"token", login.token}, {"ca", login.ca}};
    if (login.provider) {
        Json oidc = oidc::to_json(login.provider->at);
        oidc.get_object()["refresh_token"] = login.provider->refresh;
        oidc.get_object()["expires"] = to_iso8601(login.provider->expires);
        value.get_object()["oidc"] = std::move(oidc);
    }
    return files::atomic_replace(files, path, bytes_of(to_pretty_json(value) + "\n"), 0600);
}

Result<Login> login_of_data_directory(const std::string& directory) {
    TRY(const std::string text, read_text(directory + "/hub.json").context("looking for the hub"));
    TRY(const Json hub, parse_json(text));
    Login login;
    TRY(login.hub, want_string(hub, "api"));
    TRY(login.token, read_text(directory + "/admin.token"));
    TRY(login.ca, read_text(directory + "/pki/root.pem"));
    return login;
}

Hub::Hub(Login login, Renewal renewal, std::unique_ptr<Loop> loop, std::unique_ptr<Workers> workers)
    : loop_(std::move(loop)),
      workers_(std::move(workers)),
      login_(std::move(login)),
      renewal_(std::move(renewal)) {}

Result<std::unique_ptr<Hub>> Hub::open(Login login, Renewal renewal) {
    TRY(auto loop, Loop::open());
    WorkersOptions workers;
    workers.threads = 1;
    std::unique_ptr<Hub> self(new Hub(std::move(login), std::move(renewal), std::move(loop),
                                      std::make_unique<Workers>(workers)));
    TRY_VOID(self->connect());
    return self;
}

Result<> Hub::connect() {
    TRY(const http::Url url, http::parse_url(login_.hub).context("the hub's address"));
    http::ClientOptions options;
    options.server.host = url.host;
    options.server.port = url.port;
    options.server.resolver = workers_.get();
    if (url.tls) {
        net::TlsOptions tls;
        tls.trusted = login_.ca;
        TRY(options.server.tls, net::TlsContext::client(std::move(tls)));
    } else if (url.host != "127.0.0.1" && url.host != "localhost") {
        return Error{Errc::denied, "plain http is only for loopback. Use https://"};
    }
    options.limit = call_limit;
    options.body_limit = std::size_t{1} << 30;
    if (!login_.token.empty()) options.headers.set("Authorization", "Bearer " + login_.token);
    client_ = std::make_unique<http::Client>(*loop_, std::move(options));
    return {};
}

Result<http::Response> Hub::call(http::Request request) {
    if (!renewal_) {
        TRY(auto response, sync_wait(*loop_, client_->request(std::move(request))));
        return http::expect_success(std::move(response));
    }
    TRY(auto response, sync_wait(*loop_, client_->request(request)));
    if (response.status == 401) {
        TRY(login_.token, renewal_(login_.token));
        TRY_VOID(connect());
        TRY(response, sync_wait(*loop_, client_->request(std::move(request))));
    }
    return http::expect_success(std::move(response));
}

Result<Json> Hub::get(std::string path, std::vector<std::pair<std::string, std::string>> query) {
    http::Request request;
    request.path = std::move(path);
    request.query = std::move(query);
    TRY(const auto response, call(std::move(request)));
    return parse_json(response.body);
}

Result<Json> Hub::send(http::Method method, std::string path, const Json& body,
                       std::vector<std::pair<std::string, std::string>> query) {
    http::Request request;
    request.method = method;
    request.path = std::move(path);
    request.query = std::move(query);
    if (!body.is_null()) {
        request.body = to_json(body);
        request.headers.set("Content-Type", method == http::Method::patch
                                                ? "application/merge-patch+json"
                                                : "application/json");
    }
    TRY(const auto response, call(std::move(request)));
    if (response.body.empty()) return Json(nullptr);
    return parse_json(response.body);
}

namespace {

// Nothing to say of a 2xx; else the hub's error, whose body is read here.
Task<> expect_stream(http::Incoming& incoming) {
    if (incoming.head().status < 300) co_return Result<>{};
    http::Response refused;
    refused.status = incoming.head().status;
    for (;;) {
        CO_TRY(std::string piece, co_await incoming.read());
        if (piece.empty()) break;
        refused.body += piece;
    }
    co_return http::expect_success(std::move(refused)).error();
}

}  // namespace

Task<> Hub::download_task(http::Request request, std::function<Result<>(std::string_view)> take) {
    CO_TRY(auto incoming, co_await client_->open(std::move(request)));
    CO_TRY_VOID(co_await expect_stream(*incoming));
    for (;;) {
        CO_TRY(const std::string piece, co_await incoming->read());
        if (piece.empty()) co_return Result<>{};
        CO_TRY_VOID(take(piece));
    }
}

Result<> Hub::pause(nanoseconds time) { return sync_wait(*loop_, sleep_for(time)); }

Result<> Hub::download(std::string path, std::function<Result<>(std::string_view)> take) {
    http::Request request;
    request.path = std::move(path);
    return sync_wait(*loop_, download_task(std::move(request), std::move(take)));
}

Task<> Hub::follow_task(http::Request request,
                        std::function<bool(const http::ServerEvent&)> on_event) {
    CO_TRY(auto incoming, co_await client_->open(std::move(request)));
    CO_TRY_VOID(co_await expect_stream(*incoming));
    for (;;) {
        CO_TRY(auto event, co_await incoming->read_event());
        if (!event || !on_event(*event)) co_return Result<>{};
    }
}

Result<> Hub::follow(std::string path, std::vector<std::pair<std::string, std::string>> query,
                     std::function<bool(const http::ServerEvent&)> on_event) {
    http::Request request;
    request.path = std::move(path);
    request.query = std::move(query);
    request.headers.set("Accept", "text/event-stream");
    return sync_wait(*loop_, follow_task(std::move(request), std::move(on_event)));
}

}  // namespace mw::ctl
