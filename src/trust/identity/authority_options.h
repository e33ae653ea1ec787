#pragma once
// What a certificate authority is opened with. Plain data.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "platform/crypto/crypto.h"
#include "trust/identity/purposes.h"

namespace mw::identity {

struct AuthorityOptions {
    std::string directory;  // "DATA/pki"; made with mode 0700
    std::string organisation = "Millwright";
    std::vector<std::string> server_names = {"localhost"};
    std::vector<std::string> server_addresses = {"127.0.0.1", "::1"};
    nanoseconds root_lifetime = hours{24} * 7300;     // 20 years
    nanoseconds issuing_lifetime = hours{24} * 3650;  // 10 years
    // So long before it ends there is another one: twice what the longest certificate below it
    // lives, so that no device's is cut short. The old one counts until it ends.
    nanoseconds issuing_renewal = hours{24} * 800;
    nanoseconds server_lifetime = hours{24} * 397;
    nanoseconds server_renewal = hours{24} * 30;  // this long before it ends
    nanoseconds device_lifetime = hours{24} * 90;
    nanoseconds clock_slack = minutes{10};  // certificates begin this much before now
    // What certificates say about where to ask whether they are revoked; "{issuer}" stands for the
    // serial number of the authority that signs them.
    crypto::StatusUrls status{};
    // Where the keys are that root.uri and issuing.uri name by pkcs11:...; null: no such keys.
    std::shared_ptr<crypto::Token> token{};
    // What the default issuing authority vouches for, and those beside it.
    Purposes purposes = Purposes::all();
    std::vector<IssuerOrder> issuers{};
};

// The default one first.
inline std::vector<IssuerOrder> all_issuers(const AuthorityOptions& options) {
    std::vector<IssuerOrder> all{IssuerOrder{"", options.purposes, {}, {}, true}};
    all.insert(all.end(), options.issuers.begin(), options.issuers.end());
    return all;
}

}  // namespace mw::identity
