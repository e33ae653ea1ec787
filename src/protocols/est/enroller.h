#pragma once
// The seam to whoever decides about enrolment (fleet/onboarding). Belongs to the server's loop.

#include <optional>
#include <string>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/loop/loop.h"

namespace mw::est {

// How the requester says who it is, and where it knocked. Nothing here is checked yet but the
// certificate's chain (by TLS).
struct Credentials {
    std::string user;        // HTTP Basic; a device's name
    std::string password;    // HTTP Basic; an enrolment token
    Bytes peer_certificate;  // DER; empty when TLS had none
    std::string peer;        // address, for the record
    std::string label;       // of the path: an enrolment group's name; empty: none
    bool empty() const { return user.empty() && password.empty() && peer_certificate.empty(); }
};

// Who makes the key. hub: of the request only its kind counts (RFC 7030 4.4), and the key goes out
// with the certificate.
enum class KeyMaker { device, hub };

struct Decision {
    std::optional<crypto::Certificate> certificate;  // none: a person decides, ask again later
    std::optional<crypto::PrivateKey> key;           // made by the hub
    nanoseconds ask_again_after{0};
};

// What a request should hold (RFC 7030 4.5).
struct KeyWish {
    crypto::KeyKind kind = crypto::KeyKind::p256;
    int rsa_bits = 0;
    // What the certificate will be for, if that is not what every device's is.
    std::vector<crypto::Use> uses{};
};

// Errors and the status they become: invalid_input 400 (the request), not_found 401 (who are you?),
// denied 403, conflict 409, overloaded 429, timed_out and others 503. Messages go to the requester.
class Enroller {
 public:
    virtual ~Enroller() = default;
    // Asked before anything else is read: zero, or how long they are to wait (429).
    virtual nanoseconds wait_for(const Credentials& credentials) = 0;
    // A request that could not even be read, for the record.
    virtual Task<> refused(Error error, Credentials credentials) = 0;
    // RFC 7030 4.2.1: a first certificate, by token.
    virtual Task<Decision> enroll(crypto::Csr csr, Credentials credentials, KeyMaker maker) = 0;
    // RFC 7030 4.2.2: renewal, by the certificate that is to be replaced.
    virtual Task<Decision> reenroll(crypto::Csr csr, Credentials credentials, KeyMaker maker) = 0;
    // What the group of that label wants; the hub's own wish for any other label.
    virtual Task<KeyWish> key_wish(std::string label) = 0;
    // RFC 7030 4.1: issuing authorities first, the root last.
    virtual std::vector<crypto::Certificate> authorities() const = 0;
};

}  // namespace mw::est
