#pragma once
// The command line's side of the hub's API: who we are (a file of mode 0600), and calls that wait.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "platform/http/http.h"
#include "trust/oidc/oidc.h"

namespace mw::ctl {

// What `millwright login` remembers.
struct Login {
    std::string hub;    // https://host:port
    std::string token;  // bearer
    std::string ca;     // PEM of the root that vouches for the hub
    struct Provider {
        oidc::ClientOptions at;
        std::string refresh;  // token that renews the other one; empty: there is none
        Timestamp expires;    // of the other one
    };
    std::optional<Provider> provider;  // where the token came from, unless from the hub
};

std::string
login_path();  // $MILLWRIGHT_CONFIG, or millwright/login.json in the user's config folder
Result<Login> load_login(const std::string& path);
Result<> save_login(const std::string& path, const Login& login);  // mode 0600
// Of a hub on this machine: hub.json, admin.token and the root in its data directory.
Result<Login> login_of_data_directory(const std::string& directory);

class Hub {
 public:
    // Gives a token instead of one that was refused; once per call.
    using Renewal = std::function<Result<std::string>(const std::string& refused)>;
    static Result<std::unique_ptr<Hub>> open(Login login, Renewal renewal = {});

    // The body of a 2xx answer as JSON; errors carry the hub's code and message.
    Result<Json> get(std::string path, std::vector<std::pair<std::string, std::string>> query = {});
    Result<Json> send(http::Method method, std::string path, const Json& body,
                      std::vector<std::pair<std::string, std::string>> query = {});
    // The body as it is.
    Result<http::Response> call(http::Request request);
    Result<> pause(nanoseconds time);  // before the next call
    // A body that need not fit in memory, piece by piece; an error of `take` ends it.
    Result<> download(std::string path, std::function<Result<>(std::string_view)> take);
    // Server-sent events, one call per event, until `on_event` says stop or the hub ends it.
    Result<> follow(std::string path, std::vector<std::pair<std::string, std::string>> query,
                    std::function<bool(const http::ServerEvent&)> on_event);

 private:
    Hub(Login login, Renewal renewal, std::unique_ptr<Loop> loop, std::unique_ptr<Workers> workers);
    Task<> download_task(http::Request request, std::function<Result<>(std::string_view)> take);
    Task<> follow_task(http::Request request,
                       std::function<bool(const http::ServerEvent&)> on_event);

    std::unique_ptr<Loop> loop_;
    std::unique_ptr<Workers> workers_;
    Result<> connect();

    Login login_;
    Renewal renewal_;
    std::unique_ptr<http::Client> client_;
};

}  // namespace mw::ctl
