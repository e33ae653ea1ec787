#pragma once
// How a person's program gets tokens of an OpenID provider, without a secret of its own: device
// authorization (RFC 8628), or a code with PKCE S256 to a port on loopback (RFC 7636, RFC 8252);
// renewing and giving them back (RFC 6749 6, RFC 7009). What comes is not judged here: the hub does
// that. Belongs to the loop of its caller. Limits: 30 s and 256 KiB an answer.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "platform/http/http.h"

namespace mw::oidc {

struct ClientOptions {
    std::string issuer;     // as in Options
    std::string client_id;  // of a public client, registered at the provider
    std::vector<std::string> scopes;
    std::string resource;  // RFC 8707: whom tokens are for; empty: the provider knows
    std::string ca;        // PEM; empty: the system's
};
// What a hub tells its people's programs, and back. The names are those of the options.
Json to_json(const ClientOptions& options);
Result<ClientOptions> client_options_from_json(const Json& json);

struct Tokens {
    std::string access;
    std::string refresh;  // empty: the provider gave none, so the login can't be renewed
    Timestamp expires;    // of the access token
};

struct DeviceCode {
    std::string code;            // ours, secret
    std::string user_code;       // what the person types
    std::string where;           // at this address
    std::string where_complete;  // the same with the code inside; may be empty
    nanoseconds interval{0};
    Timestamp expires;
};

// One request for a code; kept until the code comes.
struct CodeRequest {
    std::string state, verifier, redirect;
    std::string url;  // where the browser goes
};

class LoginClient {
 public:
    struct Parts {  // all outlive it
        Loop& loop;
        Workers& workers;
        const Clock& clock;
        Random& random;
        std::function<Task<>(nanoseconds)> pause = [](nanoseconds time) -> Task<> {
            co_return co_await sleep_for(time);
        };
    };
    static Result<std::unique_ptr<LoginClient>> open(ClientOptions options, Parts parts);
    ~LoginClient();

    // Reads the provider's addresses; before everything else.
    Task<> discover();
    Task<DeviceCode> begin_device();
    // Asks until the person has answered. denied: they said no, or the code has ended.
    Task<Tokens> await_device(DeviceCode code);
    Result<CodeRequest> begin_code(std::string redirect) const;
    // `query` is what the browser brought back. denied: the person or the provider said no;
    // invalid_input: it is no answer to our request, so that one may still come.
    Task<Tokens> redeem(CodeRequest request, http::Request answer);
    // denied: the login has ended, another one is needed.
    Task<Tokens> renew(std::string refresh_token);
    // not_found: the provider takes nothing back.
    Task<> revoke(std::string refresh_token);

 private:
    struct State;
    explicit LoginClient(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Waits on 127.0.0.1 for the browser to come back with an answer to `state`; others are told off.
// timed_out after `limit`.
class Loopback {
 public:
    static Result<std::unique_ptr<Loopback>> open(Loop& loop);
    ~Loopback();
    std::string redirect() const;  // "http://127.0.0.1:PORT/callback"
    Task<http::Request> answer_to(std::string state, nanoseconds limit);

 private:
    struct State;
    explicit Loopback(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace mw::oidc
