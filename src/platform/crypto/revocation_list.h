#pragma once
// Lists of revoked certificates (CRLs, RFC 5280 5), full and delta, written and read by ourselves:
// OpenSSL keeps an object with a lock and five allocations for each entry. Pure functions, any
// thread; a list of 100,000 takes tens of milliseconds, which is work for Workers.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/crypto/certificate.h"

namespace mw::crypto {

// RFC 5280 5.3.1. Certificates are not put on hold here: a device is suspended instead.
enum class RevocationReason : std::uint8_t {
    unspecified = 0,
    key_compromise = 1,
    ca_compromise = 2,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5,
    privilege_withdrawn = 9,
};
std::string_view to_string(RevocationReason reason);                     // "key-compromise"
Result<RevocationReason> revocation_reason_from(std::string_view text);  // the error lists them

// A certificate's number without leading zeros: at most 20 bytes (RFC 5280 4.1.2.2), the rest zero.
struct SerialNumber {
    std::uint8_t size = 0;
    std::array<std::uint8_t, 20> bytes{};
    auto operator<=>(const SerialNumber&) const = default;
};
Result<SerialNumber> serial_number_from(ByteView content);    // of the INTEGER
Result<SerialNumber> serial_number_of(std::string_view hex);  // as in Certificate

struct RevokedCertificate {
    SerialNumber serial;
    Timestamp at;
    RevocationReason reason = RevocationReason::unspecified;
};

struct ListOrder {
    std::uint64_t number = 1;
    std::optional<std::uint64_t> delta_of;  // the number of the full list that it adds to
    Timestamp this_update, next_update;
    std::string delta_at{};  // URL, of a full list
    std::vector<RevokedCertificate> revoked{};
};
Result<Bytes> make_revocation_list(const ListOrder& order, const Signer& signer);

struct RevocationList {
    std::uint64_t number = 0;  // 0: it has none, or one that we don't count to
    std::optional<std::uint64_t> delta_of;
    Timestamp this_update;
    Timestamp next_update{INT64_MAX};
    std::vector<SerialNumber> serials;
};
// denied unless the issuer signed it; invalid_input says what is wrong.
Result<RevocationList> revocation_list_from_der(ByteView der, const Certificate& issuer);
std::string revocation_list_to_pem(ByteView der);

}  // namespace mw::crypto
