#pragma once
// EST on a device: a first certificate by token or factory certificate, renewal by certificate.
// Times are those of the clock that is given, for a device's own may be wrong. TLS itself proves
// the pinned root (net's pinned_root), so neither token nor request ever reaches a server that does
// not hold it. Runs on the caller's loop; each request waits at most `limit`.

#include <string>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/loop/loop.h"

namespace mw::est {

struct Enrolled {
    crypto::Certificate certificate;
    std::vector<crypto::Certificate> intermediates;
    crypto::Certificate root;
    std::string chain_pem() const;    // certificate, then intermediates: what TLS presents
    std::string anchors_pem() const;  // the root: whom to trust
};

struct EnrollOptions {
    std::string url;      // "https://hub.example:8444"
    std::string device;   // resource name
    std::string token{};  // or a factory certificate:
    std::string factory_chain_pem{}, factory_key_pem{};
    std::string pin;              // SHA-256 of the root's public key (SPKI), 64 hex digits
    Workers* resolver = nullptr;  // for names; without it the host must be numeric
    nanoseconds limit = seconds{20};
};
// Errors: invalid_input (options; the hub did not like the request), denied (pin or token),
// conflict, overloaded (try later), timed_out, io_failed.
Task<Enrolled> enroll(EnrollOptions options, crypto::PrivateKey key, const Clock& clock);

struct RenewOptions {
    std::string url;
    std::string device;
    std::string anchors_pem;
    // The certificate that is to be replaced and its key; or, when that one has ended, the
    // factory's, and the new key is the old one.
    std::string chain_pem;
    std::string key_pem;
    Workers* resolver = nullptr;
    nanoseconds limit = seconds{20};
};
// key: the new key; it may be the old one.
Task<Enrolled> renew(RenewOptions options, crypto::PrivateKey key, const Clock& clock);

}  // namespace mw::est
