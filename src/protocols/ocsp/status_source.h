#pragma once
// What the routes of this module need: who knows which certificates are revoked. fleet/revocation
// is one. Belongs to the loop of the servers that ask.

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace mw::ocsp {

// Lists that were made together (RFC 5280 5.2.4). Immutable.
struct Lists {
    std::uint64_t number = 0;
    Timestamp made, next_update;
    Bytes full, delta;          // DER
    Bytes issuer;               // the certificate of who signed them, DER
    std::string issuer_serial;  // its number, hex
    std::size_t revoked = 0;
};

class StatusSource {
 public:
    virtual ~StatusSource() = default;
    virtual std::shared_ptr<const Lists> lists() const = 0;  // of the newest authority
    // Of the authority with this serial number, hex; null: there is none.
    virtual std::shared_ptr<const Lists> lists_by(std::string_view issuer) const = 0;
    // The response to a request (RFC 6960), both DER. overloaded: too many ask at once;
    // invalid_input: it is no request.
    virtual Result<Bytes> answer(ByteView request) = 0;
};

}  // namespace mw::ocsp
