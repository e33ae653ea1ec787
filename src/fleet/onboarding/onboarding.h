#pragma once
// Turns a stranger with a token into a Device with a certificate, and renews certificates. Belongs
// to the control loop. Limits: 256 enrolments at once, 100 live tokens and 100 waiting requests a
// group, 20 refusals a second in the audit log (the rest are counted), and rates by address and
// device.

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "domain/resource_store.h"
#include "fleet/onboarding/approvals.h"
#include "fleet/onboarding/rate_table.h"
#include "fleet/onboarding/roster.h"
#include "protocols/est/est.h"
#include "trust/identity/identity.h"

namespace mw::onboarding {

struct Options {
    std::size_t at_once_max = 256;
    double audited_refusals_per_second = 20;
    nanoseconds token_lifetime = hours{24} * 7;
    // Past these a request is not even read (429). A plant may stand behind one address; whoever
    // guesses is stopped by the refusals.
    RateLimit requests_per_address{1000, 2000};
    RateLimit refusals_per_address{2, 60};
    RateLimit requests_per_device{0.5, 20};
    nanoseconds approval_poll = seconds{30};  // Retry-After of a device that waits
    nanoseconds approval_lifetime = hours{24};
    Workers* workers = nullptr;  // make RSA keys; without them the control loop does
    // Where signatures by a key in a token are waited for, one at a time; without it the control
    // loop waits. When its queue is full, devices are told to come again.
    Workers* signing = nullptr;
};

struct TokenOrder {
    std::string group;
    std::uint64_t uses = 0;                 // 0: as many as the group's max_uses leaves
    nanoseconds lifetime = nanoseconds{0};  // 0: Options::token_lifetime; never past spec.expires
    std::string actor;                      // "user:ada", for the audit log
};
struct Token {
    std::string text;  // shown once; only its SHA-256 is kept
    Timestamp expires;
    std::uint64_t uses = 0;
};

// What a person says about a device's life (lifecycle.h).
struct Move {
    std::string device;
    std::string event;  // quarantine, release, suspend, resume, retire, readmit, transfer, replace
    std::string why;    // may be empty
    std::string actor;
    std::string other;  // transfer: the new owner's group; replace: the device that takes its place
};

// A device that asks to be let into a group where an operator decides.
struct Waiting {
    std::string group;
    WaitingRequest request;
};

class Onboarding final : public est::Enroller {
 public:
    // Reads the enrolled devices once, to know which keys are taken. All parameters outlive it.
    static Task<std::unique_ptr<Onboarding>> open(ResourceStore& store,
                                                  identity::CertificateAuthority& authority,
                                                  const Clock& clock, Random& random,
                                                  metrics::Registry& metrics, Options options);
    ~Onboarding() override;

    // not_found: no such group; invalid_input: the group has expired, or has too many tokens.
    Task<Token> create_token(TokenOrder order);

    std::vector<Waiting> waiting() const;  // and those decided that have not come back yet
    // not_found: nobody waits by that name; conflict: decided already.
    Task<WaitingRequest> decide(std::string device, bool approve, std::string actor);

    // The state that it is in then. not_found; conflict: the table has no such move.
    Task<std::string> move_device(Move move);
    // It has been let in with its certificate: active, if it was not.
    Task<> connected(std::string device);
    // Called when a device that might connect may not any more; deleted ones are not told.
    void on_shut_out(std::function<void(const std::string& device)> listener);

    nanoseconds wait_for(const est::Credentials& who) override;
    Task<> refused(Error error, est::Credentials who) override;
    Task<est::Decision> enroll(crypto::Csr csr, est::Credentials who, est::KeyMaker maker) override;
    Task<est::Decision> reenroll(crypto::Csr csr, est::Credentials who,
                                 est::KeyMaker maker) override;
    Task<est::KeyWish> key_wish(std::string label) override;
    std::vector<crypto::Certificate> authorities() const override;

    // Who holds a client certificate; for the broker's loops too.
    std::shared_ptr<const Admission> admission() const;
    void reload();  // the authority has read its files again

    struct Parts;  // in parts.h, for this module alone

 private:
    explicit Onboarding(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace mw::onboarding
