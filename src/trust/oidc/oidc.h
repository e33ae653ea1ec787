#pragma once
// People whom an OpenID provider vouches for: bearer JWTs become principals with the roles that
// the hub's owner mapped. Fetches the provider's keys (OpenID Discovery 1.0) and keeps the last
// good ones. Belongs to the control loop. Limits: 10 s and 256 KiB an answer, a fetch a minute.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "platform/loop/loop.h"
#include "trust/jwt/jwt.h"
#include "trust/oidc/login.h"
#include "trust/policy/policy.h"

namespace mw::oidc {

struct Options {
    std::string issuer;    // "https://id.example/realms/plant"; http on loopback only. Empty: off
    std::string audience;  // what "aud" has to name
    std::string ca;        // PEM of who vouches for the issuer's TLS; empty: the system's
    std::string name_claim = "sub";
    std::string roles_claim = "roles";
    std::vector<std::string> roles;  // "THEIRS=OURS"; what is not named gives nothing
    // For people's programs: who they are at the provider, and what they ask for. Empty client_id:
    // they get their tokens elsewhere.
    std::string client_id;
    std::vector<std::string> scopes = {"openid", "offline_access"};
    std::string resource;  // RFC 8707; empty: none is named
};
// What speaks against them; names the option.
Result<> check(const Options& options);

class People final : public policy::ForeignTokens {
 public:
    struct Parts {  // all outlive it
        Loop& loop;
        Workers& workers;  // names are looked up and keys read there
        const Clock& clock;
        metrics::Registry& metrics;
    };
    static Result<std::unique_ptr<People>> open(Options options, Parts parts);
    ~People() override;

    bool takes(std::string_view token) const override { return jwt::looks_like_jwt(token); }
    Result<policy::Principal> authenticate(std::string_view token, Timestamp now) const override;
    // Asks the issuer at most once a minute; who comes meanwhile waits for the same answer.
    Task<> renew() override;
    // For GET /v1/login: null when people's programs have no client_id.
    Json login_words() const;
    // Once an hour, and each minute while the issuer doesn't answer. Until it is cancelled.
    Task<> keep_keys();

 private:
    struct State;
    explicit People(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace mw::oidc
