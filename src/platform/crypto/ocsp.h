#pragma once
// The certificate status protocol (OCSP, RFC 6960): requests read, answers signed by the authority
// itself. OpenSSL reads and writes the messages. Values and pure functions, any thread; a signed
// answer takes some 60 us. Limits: 4 KiB and 16 certificates a request, nonces of 1 to 128 bytes
// (RFC 9654).

#include <functional>
#include <memory>

#include "platform/crypto/revocation_list.h"

namespace mw::crypto {

struct StatusVerdict {
    enum class Status { good, revoked, unknown } status = Status::unknown;
    Timestamp at{};  // of a revocation
    RevocationReason reason = RevocationReason::unspecified;
};
// About a certificate that the authority may have issued.
using StatusJudge = std::function<StatusVerdict(const SerialNumber& serial)>;

struct StatusValidity {
    Timestamp this_update, next_update;
};

class StatusRequest {
 public:
    static Result<StatusRequest> from_der(ByteView der);
    // Asks about one certificate: for tests and tools. nonce: empty for none.
    static Result<Bytes> about(const Certificate& certificate, const Certificate& issuer,
                               ByteView nonce = {});

    std::size_t size() const;  // certificates that are asked about
    bool has_nonce() const;
    // Whether its first question is about a certificate of this authority.
    bool is_about_one_of(const Certificate& authority) const;
    // The response, DER. Certificates of other authorities are "unknown" without asking the judge.
    Result<Bytes> answer(const Signer& by, const StatusJudge& judge,
                         const StatusValidity& valid) const;

 private:
    struct Handle;
    explicit StatusRequest(std::shared_ptr<const Handle> handle) : handle_(std::move(handle)) {}
    std::shared_ptr<const Handle> handle_;
};

// RFC 6960 4.2.1: why there is no answer. Unsigned.
enum class StatusRefusal { malformed = 1, internal_error = 2, try_later = 3, unauthorized = 6 };
Bytes status_refusal(StatusRefusal why);

// Reads a response that `issuer` itself signed, for tests and tools: what it says of a certificate.
// denied: the signature is not the issuer's, or it says nothing of that certificate.
Result<StatusVerdict> status_in_response(ByteView response, const Certificate& certificate,
                                         const Certificate& issuer);

}  // namespace mw::crypto
