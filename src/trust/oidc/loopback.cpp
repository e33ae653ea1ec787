// Where the browser comes back to: one path on loopback, for one answer (RFC 8252 7.3).
#include "platform/crypto/crypto.h"
#include "trust/oidc/login.h"

namespace mw::oidc {
namespace {

constexpr auto callback_path = "/callback";

http::Response page(int status, std::string_view says) {
    auto response = http::Response::text(
        status,
        "<!doctype html><meta charset=utf-8><title>millwright</title><p>" + std::string(says),
        "text/html; charset=utf-8");
    response.headers.set("Cache-Control", "no-store");
    response.headers.set("Content-Security-Policy", "default-src 'none'");
    response.headers.set("Referrer-Policy", "no-referrer");  // the address has the code in it
    return response;
}

}  // namespace

struct Loopback::State {
    std::string state;
    std::optional<http::Request> answer;
    Event came;
    std::unique_ptr<http::Server> server;

    http::Response take(http::Request request) {
        const auto theirs = request.query_value("state").value_or("");
        // Any page that is open in the browser may knock here.
        if (state.empty() || !crypto::equal_in_constant_time(bytes_of(theirs), bytes_of(state)))
            return page(400, "This is no answer to millwright's question.");
        if (answer) return page(400, "This question has been answered.");
        const bool refused = request.query_value("error").has_value();
        answer = std::move(request);
        came.set();
        return page(200, refused ? "You are not logged in. The terminal says why."
                                 : "Done: this page may be closed, the terminal goes on.");
    }
};

Loopback::Loopback(std::unique_ptr<State> state) : state_(std::move(state)) {}
Loopback::~Loopback() = default;

Result<std::unique_ptr<Loopback>> Loopback::open(Loop& loop) {
    auto state = std::make_unique<State>();
    http::Router router;
    router.add(http::Method::get, callback_path,
               [state = state.get()](http::Request request) -> Task<http::Response> {
                   co_return state->take(std::move(request));
               });
    TRY(state->server, http::Server::open(loop, {}, std::move(router)));
    return std::unique_ptr<Loopback>(new Loopback(std::move(state)));
}

std::string Loopback::redirect() const {
    return "http://127.0.0.1:" + std::to_string(state_->server->address().port) + callback_path;
}

Task<http::Request> Loopback::answer_to(std::string state, nanoseconds limit) {
    state_->state = std::move(state);
    auto waiting = within(limit, state_->came.wait());
    auto came = co_await std::move(waiting);
    // The browser shall see its page before the port closes.
    auto stopping = state_->server->stop();
    auto stopped = co_await std::move(stopping);
    if (!came) co_return std::move(came).error();
    if (!stopped) co_return std::move(stopped).error();
    co_return std::move(*state_->answer);
}

}  // namespace mw::oidc
