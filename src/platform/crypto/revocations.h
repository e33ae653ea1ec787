#pragma once
// Which certificates of one authority are revoked: its lists (CRLs, RFC 5280 5), read and verified
// once. Immutable; any thread. At most 1 MiB of PEM, which is some 20,000 certificates.

#include <string>
#include <string_view>
#include <unordered_set>

#include "platform/crypto/certificate.h"

namespace mw::crypto {

class Revocations {
 public:
    Revocations() = default;  // none
    // One list or more. denied unless the issuer signed each; invalid_input says what is wrong.
    static Result<Revocations> from_pem(std::string_view pem, const Certificate& issuer);

    // The certificate must be known to be that issuer's.
    bool contains(const Certificate& certificate) const {
        return serials_.contains(certificate.serial);
    }
    // The same of a certificate in DER, reading its serial number alone. False for what is none.
    bool contains(ByteView certificate) const;
    bool contains_serial(const std::string& serial) const { return serials_.contains(serial); }
    std::size_t size() const { return serials_.size(); }
    // When the first of the lists is to be replaced; later than everything without one.
    Timestamp next_update() const { return next_update_; }

 private:
    std::unordered_set<std::string> serials_;  // as in Certificate
    Timestamp next_update_{INT64_MAX};
};

}  // namespace mw::crypto
