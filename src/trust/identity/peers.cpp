#include "trust/identity/peers.h"

#include <algorithm>
#include <array>

namespace mw::identity {

constexpr std::size_t verified_bytes = 160, verified_most = 16'384;

namespace {

bool is_gateways(const crypto::Certificate& certificate) {
    const auto& uris = certificate.names.uris;
    return uris.size() == 2 && uris[0] == urn(Principal::Kind::device, certificate.subject_cn) &&
           uris[1] == gateway_urn(certificate.subject_cn);
}

// Hosts' names are for a gateway that serves TLS, and for nobody else.
bool names_one(const crypto::Certificate& certificate) {
    const auto& names = certificate.names;
    const bool serves = !names.dns.empty() || !names.addresses.empty();
    if (!names.other.empty()) return false;
    if (is_gateways(certificate)) return serves == certificate.for_server;
    return names.uris.size() == 1 && !serves;
}

}  // namespace

Result<Peers> Peers::make(const crypto::Certificate& root, std::span<const Vouching> issuing,
                          crypto::Revocations revoked) {
    std::vector<crypto::Certificate> certificates;
    std::vector<Issuer> issuers;
    for (const auto& [certificate, purposes] : issuing) {
        TRY(auto key, crypto::PublicKey::from_spki(certificate.spki));
        const crypto::Sha256Digest pin = key.pin();
        issuers.push_back(
            {certificate, purposes.within(allowed_by(certificate)), std::move(key), pin});
        certificates.push_back(certificate);
    }
    TRY(auto trust, crypto::TrustStore::make({&root, 1}, certificates));
    return Peers{std::move(trust), std::make_shared<const crypto::Certificate>(root),
                 std::make_shared<const std::vector<Issuer>>(std::move(issuers)),
                 std::make_shared<Verified>(verified_most * verified_bytes), std::move(revoked)};
}

Peers Peers::with(crypto::Revocations revoked) const {
    return Peers{trust_, root_, issuers_, verified_, std::move(revoked)};
}

Peers Peers::with_more(std::span<const crypto::SerialNumber> revoked) const {
    crypto::Revocations all = *revoked_;
    all.add(revoked);
    return with(std::move(all));
}

bool Peers::is_ours(const crypto::SerialAndIssuer& known) const {
    return std::ranges::any_of(*issuers_, [&](const Issuer& issuer) {
        return std::ranges::equal(known.issuer, issuer.certificate.subject);
    });
}

bool Peers::is_revoked(ByteView der) const {
    if (revoked_->size() == 0) return false;
    const auto known = crypto::serial_and_issuer(der);
    return known && is_ours(*known) && revoked_->contains(known->serial);
}

Result<> Peers::can_tell(ByteView der, Timestamp at) const {
    if (at < revoked_->next_update()) return {};
    const auto known = crypto::serial_and_issuer(der);
    if (known && !is_ours(*known)) return {};
    return Error{Errc::denied, "the list of revoked certificates pki/crl.pem ended at " +
                                   to_iso8601(revoked_->next_update()) +
                                   "; put a new one there, send SIGHUP"};
}

bool Peers::vouch_for(ByteView der, Timestamp at) const {
    const auto certificate = crypto::certificate_from_der(der);
    return certificate && voucher_of(*certificate, at);
}

const Peers::Issuer* Peers::voucher_of(const crypto::Certificate& certificate, Timestamp at) const {
    const auto in_date = [at](const crypto::Certificate& each) {
        return at >= each.not_before && at <= each.not_after;
    };
    if (certificate.is_ca || !certificate.for_client || !in_date(certificate) || !in_date(*root_))
        return nullptr;
    for (const Issuer& issuer : *issuers_)
        if (issuer.certificate.for_client &&
            issuer.certificate.subject_cn == certificate.issuer_cn && in_date(issuer.certificate) &&
            is_signed_by(issuer, certificate))
            return &issuer;
    return nullptr;
}

// Two authorities may have one name: what is remembered is the certificate under this key.
bool Peers::is_signed_by(const Issuer& issuer, const crypto::Certificate& certificate) const {
    crypto::Sha256Digest digest = crypto::sha256(certificate.der);
    for (std::size_t i = 0; i < digest.size(); ++i) digest[i] ^= issuer.pin[i];
    if (verified_->get(digest)) return true;
    if (!crypto::is_signed_by(certificate, issuer.key)) return false;
    static const auto mark = std::make_shared<const Signed>();
    verified_->put(digest, mark, verified_bytes);
    return true;
}

Result<Principal> Peers::principal(ByteView der, Timestamp at) const {
    if (der.empty()) return Error{Errc::denied, "there is no client certificate"};
    auto certificate = crypto::certificate_from_der(der);
    if (!certificate) return Error{Errc::denied, certificate.error().message};
    return principal(*certificate, at);
}

Result<Principal> Peers::principal(const crypto::Certificate& certificate, Timestamp at) const {
    auto refuse = [&](std::string why) {
        return Error{Errc::denied,
                     "certificate '" + certificate.subject_cn + "': " + std::move(why)};
    };
    const Issuer* voucher = voucher_of(certificate, at);
    if (!voucher) {
        TRY_VOID(trust_.verify(certificate, at, crypto::Purpose::client));
        return refuse("none of this hub's issuing authorities signed it");
    }
    if (revoked_->contains(certificate)) return refuse("it is revoked");
    TRY_VOID(can_tell(certificate.der, at));
    if (certificate.is_ca) return refuse("it is an authority's and names nobody");
    const auto& names = certificate.names;
    if (!names_one(certificate))
        return refuse("want one alternative name, urn:millwright:KIND:NAME");
    using Kind = Principal::Kind;
    for (auto kind : std::array{Kind::device, Kind::user, Kind::service})
        if (names.uris[0] == urn(kind, certificate.subject_cn)) {
            if (!is_device_name(certificate.subject_cn)) return refuse("it is not a resource name");
            const Purpose purpose = is_gateways(certificate) ? Purpose::gateways
                                    : kind == Kind::device   ? Purpose::devices
                                                             : Purpose::operators;
            if (!voucher->purposes.has(purpose))
                return refuse("the authority '" + voucher->certificate.subject_cn +
                              "' does not vouch for " + std::string(to_string(purpose)));
            return Principal{kind, certificate.subject_cn, "default", {}};
        }
    return refuse("its alternative name '" + names.uris[0] + "' does not fit");
}

}  // namespace mw::identity
