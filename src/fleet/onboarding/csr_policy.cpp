#include "fleet/onboarding/csr_policy.h"

#include "trust/identity/identity.h"

namespace mw::onboarding {
namespace {

Error foreign(const std::string& name) {
    return Error{Errc::denied, "the request asks for the name '" + name.substr(0, 80) +
                                   "', which is not this device's"};
}

Result<> check_names(const crypto::AlternativeNames& names, std::string_view device) {
    for (const auto& name : names.dns)
        if (name != device) return foreign(name);
    for (const auto& name : names.uris)
        if (name != identity::urn(identity::Principal::Kind::device, device)) return foreign(name);
    for (const auto& name : names.addresses) return foreign(name);
    for (const auto& name : names.other) return foreign(name);
    return {};
}

}  // namespace

Result<> check_request(const crypto::Csr& csr, std::string_view device, int rsa_bits_min) {
    using crypto::KeyKind;
    if (csr.key_kind == KeyKind::rsa && csr.key_bits < rsa_bits_min)
        return Error{Errc::invalid_input, "an RSA key of " + std::to_string(csr.key_bits) +
                                              " bits is too weak; want " +
                                              std::to_string(rsa_bits_min) + ", or better P-256"};
    if (csr.key_kind == KeyKind::other)
        return Error{Errc::invalid_input, "the kind of key is not supported; use P-256 or Ed25519"};
    if (csr.asks_for_ca)
        return Error{Errc::denied, "the request asks to be a certificate authority"};
    if (csr.subject_cn != device)
        return Error{Errc::denied, "the request's subject is '" + csr.subject_cn.substr(0, 80) +
                                       "', want the device's name '" + std::string(device) + "'"};
    return check_names(csr.names, device);
}

}  // namespace mw::onboarding
