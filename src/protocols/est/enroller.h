#pragma once
// The seam to whoever decides about enrolment (fleet/onboarding). Belongs to the server's loop.

#include <string>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/loop/loop.h"

namespace mw::est {

// How the requester says who it is. Nothing here is checked yet but the certificate's chain (by
// TLS).
struct Credentials {
    std::string user;        // HTTP Basic; a device's name
    std::string password;    // HTTP Basic; an enrolment token
    Bytes peer_certificate;  // DER; empty when TLS had none
    std::string peer;        // address, for the record
    bool empty() const { return user.empty() && password.empty() && peer_certificate.empty(); }
};

// Errors and the status they become: invalid_input 400 (the request), not_found 401 (who are you?),
// denied 403, conflict 409, overloaded 429, timed_out and others 503. Messages go to the requester.
class Enroller {
 public:
    virtual ~Enroller() = default;
    // RFC 7030 4.2.1: a first certificate, by token.
    virtual Task<crypto::Certificate> enroll(crypto::Csr csr, Credentials credentials) = 0;
    // RFC 7030 4.2.2: renewal, by the certificate that is to be replaced.
    virtual Task<crypto::Certificate> reenroll(crypto::Csr csr, Credentials credentials) = 0;
    // RFC 7030 4.1: issuing authorities first, the root last.
    virtual std::vector<crypto::Certificate> authorities() const = 0;
};

}  // namespace mw::est
