#pragma once
// Turns a stranger with a token into a Device with a certificate, and renews certificates. Belongs
// to the control loop. Limits: 256 enrolments at once, 100 live tokens a group, 20 refusals a
// second in the audit log (the rest are counted).

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "domain/resource_store.h"
#include "fleet/onboarding/roster.h"
#include "protocols/est/est.h"
#include "trust/identity/identity.h"

namespace mw::onboarding {

struct Options {
    std::size_t at_once_max = 256;
    double audited_refusals_per_second = 20;
    int rsa_bits_min = 2048;
    nanoseconds token_lifetime = hours{24} * 7;
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

    Task<crypto::Certificate> enroll(crypto::Csr csr, est::Credentials credentials) override;
    Task<crypto::Certificate> reenroll(crypto::Csr csr, est::Credentials credentials) override;
    std::vector<crypto::Certificate> authorities() const override;

    // Who holds a client certificate; for the broker's loops too.
    std::shared_ptr<const Admission> admission() const;
    void reload();  // the authority has read its files again

 private:
    struct Parts;
    explicit Onboarding(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace mw::onboarding
