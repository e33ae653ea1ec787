#pragma once
// Factory certificates (IDevID, IEEE 802.1AR): which makers' authorities a group trusts, and which
// of their serial numbers it expects. Immutable; about 100 bytes a serial number.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "platform/crypto/crypto.h"

namespace mw::onboarding {

// A device as its maker knows it.
struct FactoryIdentity {
    std::string maker;   // its name in the group's spec.factory
    std::string serial;  // the subject's serialNumber
    std::string device;  // the only name that it may take; empty: any of the group's
    std::string text() const { return maker + " " + serial; }
};

class FactoryPolicy {
 public:
    FactoryPolicy() = default;  // nobody
    // Of an EnrollmentGroup; the error names the key.
    static Result<FactoryPolicy> from_spec(const Json& spec);

    bool empty() const { return makers_.empty(); }
    // Whether the certificate names one of the authorities as its issuer; nothing is verified.
    bool knows_issuer(const crypto::Certificate& certificate) const;
    // denied: the chain does not verify at that time, or the serial number is not on the list.
    Result<FactoryIdentity> recognise(const crypto::Certificate& certificate, Timestamp at) const;

 private:
    struct Maker {
        std::string name;
        std::vector<std::string> issuers;  // common names of its authorities
        std::optional<crypto::TrustStore> trust;
        std::unordered_map<std::string, std::string> serials;  // to the device, or ""
    };
    static Result<Maker> read_maker(const Json& entry);
    std::vector<Maker> makers_;
};

// status.factory of a Device: {"maker", "serial", "fingerprint"}.
Json factory_status(const FactoryIdentity& factory, ByteView certificate);
// "MAKER SERIAL" of it; empty: it did not come with one.
std::string factory_of(const Json& device_status);

}  // namespace mw::onboarding
