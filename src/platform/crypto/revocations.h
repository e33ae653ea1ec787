#pragma once
// Which certificates of authorities are revoked: what their lists (CRLs, RFC 5280 5) say, read and
// verified once, and single ones. Immutable but for add(); any thread. 21 bytes a certificate.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/crypto/revocation_list.h"

namespace mw::crypto {

class Revocations {
 public:
    Revocations() = default;  // none
    // One list or more, at most 64 MiB. denied unless one of the issuers signed each; invalid_input
    // says what is wrong.
    static Result<Revocations> from_pem(std::string_view pem, std::span<const Certificate> issuers);
    static Result<Revocations> from_pem(std::string_view pem, const Certificate& issuer) {
        return from_pem(pem, std::span{&issuer, 1});
    }

    void add(std::span<const SerialNumber> serials);

    // The certificate must be known to be of one of those issuers.
    bool contains(const Certificate& certificate) const;
    // The same of a certificate in DER, reading its serial number alone. False for what is none.
    bool contains(ByteView certificate) const;
    bool contains(const SerialNumber& serial) const;
    std::size_t size() const { return serials_.size(); }
    // When the first of the lists is to be replaced; later than everything without one.
    Timestamp next_update() const { return next_update_; }

 private:
    std::vector<SerialNumber> serials_;  // sorted, each once
    Timestamp next_update_{INT64_MAX};
};

// Of a certificate in DER, without decoding the rest: its number, and the Name of who signed it.
struct SerialAndIssuer {
    SerialNumber serial;
    ByteView issuer;  // the whole Name, inside of the DER
};
Result<SerialAndIssuer> serial_and_issuer(ByteView certificate);

}  // namespace mw::crypto
