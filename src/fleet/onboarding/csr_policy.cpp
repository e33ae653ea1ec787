#include "fleet/onboarding/csr_policy.h"

#include <algorithm>

#include "trust/identity/identity.h"

namespace mw::onboarding {
namespace {

using crypto::KeyKind;

constexpr int rsa_bits_min = 2048;
constexpr int subject_attributes_max = 8;  // beside the name: C, ST, L, O, OU, serialNumber ...

struct KeyWord {
    std::string_view word;
    est::KeyWish wish;
};
// The words of EnrollmentGroup.spec.keys.
constexpr KeyWord key_words[] = {
    {"P-256", {KeyKind::p256, 0}},      {"P-384", {KeyKind::p384, 0}},
    {"Ed25519", {KeyKind::ed25519, 0}}, {"RSA-2048", {KeyKind::rsa, 2048}},
    {"RSA-3072", {KeyKind::rsa, 3072}}, {"RSA-4096", {KeyKind::rsa, 4096}}};

std::string text_of_wish(const est::KeyWish& wish) {
    if (wish.kind != KeyKind::rsa) return std::string(crypto::to_string(wish.kind));
    return "RSA of " + std::to_string(wish.rsa_bits) + " bits or more";
}

Error foreign(const std::string& name) {
    return Error{Errc::denied, "the request asks for the name '" + name.substr(0, 80) +
                                   "', which is not this device's"};
}

Result<> check_names(const crypto::AlternativeNames& names, std::string_view device,
                     const Gateway& gateway) {
    const auto serves = [](const std::vector<std::string>& own, const std::string& name) {
        return std::ranges::find(own, name) != own.end();
    };
    for (const auto& name : names.dns)
        if (name != device && !serves(gateway.serves.dns, name)) return foreign(name);
    for (const auto& name : names.uris)
        if (name != identity::urn(identity::Principal::Kind::device, device) &&
            (!gateway.is || name != identity::gateway_urn(device)))
            return foreign(name);
    for (const auto& name : names.addresses)
        if (!serves(gateway.serves.addresses, name)) return foreign(name);
    for (const auto& name : names.other) return foreign(name);
    return {};
}

// An even exponent is none; 3 and its like have broken too many implementations (FIPS 186-5 5.1).
Result<> check_exponent(const crypto::Csr& csr) {
    if (csr.rsa_exponent >= 65537 && csr.rsa_exponent % 2 == 1) return {};
    return Error{Errc::invalid_input,
                 "the RSA key's public exponent is not one we take; make the key with 65537"};
}

// Besides clientAuth, which everybody may ask for.
const std::string* foreign_use(const crypto::Csr& csr, const Gateway& gateway) {
    static constexpr std::string_view server_auth = "1.3.6.1.5.5.7.3.1";
    const bool serves = !gateway.serves.empty();
    for (const std::string& use : csr.foreign_uses)
        if (!serves || use != server_auth) return &use;
    return nullptr;
}

}  // namespace

KeyPolicy::KeyPolicy()
    : wishes_{{KeyKind::p256, 0},
              {KeyKind::p384, 0},
              {KeyKind::ed25519, 0},
              {KeyKind::rsa, rsa_bits_min}} {}

Result<KeyPolicy> KeyPolicy::from_spec(const Json& spec) {
    KeyPolicy policy;
    const Json* list = mw::find(spec, "keys");
    if (!list || !list->is_array() || list->as_array().empty()) return policy;
    policy.wishes_.clear();
    for (const Json& each : list->as_array()) {
        const std::string word = each.is_string() ? std::string(each.get_string()) : std::string();
        const auto* at = std::ranges::find(key_words, word, &KeyWord::word);
        if (at == std::end(key_words))
            return Error{Errc::invalid_input, "spec.keys: '" + word + "' is no kind of key"};
        policy.wishes_.push_back(at->wish);
    }
    return policy;
}

const est::KeyWish* KeyPolicy::find(KeyKind kind) const {
    const auto at = std::ranges::find(wishes_, kind, &est::KeyWish::kind);
    return at == wishes_.end() ? nullptr : &*at;
}

Error KeyPolicy::unwanted(const std::string& what) const {
    std::string wanted;
    for (const auto& wish : wishes_) wanted += (wanted.empty() ? "" : ", ") + text_of_wish(wish);
    return Error{Errc::invalid_input, what + "; want " + wanted};
}

Result<> KeyPolicy::check(const crypto::Csr& csr) const {
    const est::KeyWish* wish = find(csr.key_kind);
    const std::string kind(crypto::to_string(csr.key_kind));
    if (csr.key_kind != KeyKind::rsa)
        return wish ? Result<>{} : unwanted("a key of the kind " + kind + " is not taken here");
    const std::string bits = "an RSA key of " + std::to_string(csr.key_bits) + " bits is too ";
    if (csr.key_bits < (wish ? wish->rsa_bits : rsa_bits_min)) return unwanted(bits + "weak");
    if (!wish) return unwanted("a key of the kind RSA is not taken here");
    if (csr.key_bits > rsa_bits_max) return unwanted(bits + "long");
    return check_exponent(csr);
}

Result<est::KeyWish> KeyPolicy::wish_for(const crypto::Csr& csr) const {
    if (csr.key_kind != KeyKind::rsa) return best();
    const est::KeyWish* wish = find(KeyKind::rsa);
    if (!wish) return unwanted("an RSA key is not made here");
    const int bits = std::clamp(csr.key_bits, wish->rsa_bits, rsa_bits_max);
    // Between the usual lengths there is nothing to gain.
    return est::KeyWish{KeyKind::rsa, bits <= 2048 ? 2048 : bits <= 3072 ? 3072 : 4096};
}

Result<> check_request(const crypto::Csr& csr, std::string_view device, const Gateway& gateway) {
    if (csr.asks_for_ca)
        return Error{Errc::denied, "the request asks to be a certificate authority"};
    if (csr.subject_cn != device)
        return Error{Errc::denied, "the request's subject is '" + csr.subject_cn.substr(0, 80) +
                                       "', want the device's name '" + std::string(device) + "'"};
    if (!csr.subject_identities.empty())
        return Error{Errc::denied,
                     "the request's subject has the attribute " + csr.subject_identities[0] +
                         ", which names somebody too; want only CN=" + std::string(device)};
    if (csr.subject_attributes > subject_attributes_max)
        return Error{Errc::invalid_input, "the request's subject has more than " +
                                              std::to_string(subject_attributes_max) +
                                              " parts beside CN"};
    if (const std::string* use = foreign_use(csr, gateway))
        return Error{Errc::denied, "the request asks for the use " + *use +
                                       "; a device's certificate is for clientAuth alone, and "
                                       "serverAuth where people made it a gateway that serves"};
    if (!csr.foreign_extensions.empty())
        return Error{Errc::denied, "the request asks for the extension " +
                                       csr.foreign_extensions[0].substr(0, 80) +
                                       ", which device certificates do not have"};
    return check_names(csr.names, device, gateway);
}

}  // namespace mw::onboarding
