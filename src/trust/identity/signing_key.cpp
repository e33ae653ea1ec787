#include "trust/identity/signing_key.h"

#include <optional>

#include "base/log.h"
#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr nanoseconds lifetime = hours{24} * 1825;  // 5 years
constexpr nanoseconds renewal = hours{24} * 365;
constexpr std::size_t signature_bytes = 64;
constexpr std::size_t chain_certificates_max = 4;

Result<crypto::PrivateKey> open_key(files::Files& files, const std::string& path) {
    TRY(auto size, files.size(path));
    if (size) {
        TRY(auto bytes, files::read_all(files, path, pem_bytes_max));
        auto key = crypto::PrivateKey::from_pem(text_of(bytes));
        if (!key) return does_not_fit(path, key.error().message);
        if (key->kind() != crypto::KeyKind::ed25519)
            return does_not_fit(path, "it is not an Ed25519 key");
        return key;
    }
    TRY(auto key, crypto::PrivateKey::generate(crypto::KeyKind::ed25519));
    TRY_VOID(files::atomic_replace(files, path, bytes_of(key.to_pem()), 0600));
    return key;
}

// The stored certificate when it is this key's, leads to this authority and lasts long enough.
Result<std::optional<crypto::Certificate>> usable(files::Files& files, const std::string& path,
                                                  const crypto::PrivateKey& key,
                                                  const CertificateAuthority& authority,
                                                  Timestamp now) {
    TRY(auto size, files.size(path));
    if (!size) return std::optional<crypto::Certificate>{};
    TRY(auto bytes, files::read_all(files, path, pem_bytes_max));
    auto read = crypto::certificates_from_pem(text_of(bytes));
    if (!read || read->front().spki != key.public_key().spki())
        return std::optional<crypto::Certificate>{};
    const crypto::Certificate& issuer = authority.issuing_for(Purpose::code);
    TRY(auto trust, crypto::TrustStore::make({&authority.root(), 1}, {&issuer, 1}));
    const auto& certificate = read->front();
    bool lasts = now + renewal < certificate.not_after || certificate.not_after == issuer.not_after;
    if (!lasts || !trust.verify(certificate, now, crypto::Purpose::code_signing))
        return std::optional<crypto::Certificate>{};
    return std::optional<crypto::Certificate>{certificate};
}

// The bytes of the first DER element: X.509 certificates are SEQUENCEs with a definite length.
std::size_t element_size(ByteView bytes) {
    if (bytes.size() < 2 || bytes[0] != 0x30) return 0;
    std::size_t size = bytes[1], head = 2;
    if (size & 0x80) {
        const std::size_t digits = size & 0x7f;
        if (digits == 0 || digits > 3 || bytes.size() < 2 + digits) return 0;
        size = 0;
        for (std::size_t i = 0; i < digits; ++i) size = size << 8 | bytes[2 + i];
        head += digits;
    }
    return size <= bytes.size() - head ? head + size : 0;
}

Result<std::vector<crypto::Certificate>> read_chain(ByteView chain) {
    std::vector<crypto::Certificate> certificates;
    while (!chain.empty()) {
        const auto size = element_size(chain);
        if (size == 0 || certificates.size() == chain_certificates_max)
            return Error{Errc::denied, "the signing certificate is malformed"};
        auto certificate = crypto::certificate_from_der(chain.first(size));
        if (!certificate)
            return Error{Errc::denied, "the signing certificate: " + certificate.error().message};
        certificates.push_back(*std::move(certificate));
        chain = chain.subspan(size);
    }
    if (certificates.empty()) return Error{Errc::denied, "there is no signing certificate"};
    return certificates;
}

}  // namespace

SigningKey::SigningKey(crypto::PrivateKey key, crypto::Certificate certificate, Bytes chain)
    : key_(std::move(key)), certificate_(std::move(certificate)), chain_(std::move(chain)) {}

Result<std::unique_ptr<SigningKey>> SigningKey::open(files::Files& files, const Clock& clock,
                                                     CertificateAuthority& authority,
                                                     const std::string& directory,
                                                     std::string_view purpose) {
    const std::string stem = files::join(directory, purpose);
    TRY_VOID(files.make_directories(directory, 0700));
    TRY(auto key, open_key(files, stem + ".key"));
    TRY(auto certificate, usable(files, stem + ".pem", key, authority, clock.now()));
    if (!certificate) {
        TRY(certificate, authority.issue_signing(purpose, key.public_key().spki(), lifetime));
        const auto pem = crypto::to_pem(*certificate);
        TRY_VOID(files::atomic_replace(files, stem + ".pem", bytes_of(pem), 0644));
        log::info("identity.signing.certified",
                  {{"purpose", std::string(purpose)}, {"serial", certificate->serial}});
    }
    Bytes chain = certificate->der;
    const Bytes& issuer = authority.issuing_for(Purpose::code).der;
    chain.insert(chain.end(), issuer.begin(), issuer.end());
    return std::unique_ptr<SigningKey>{
        new SigningKey(std::move(key), *std::move(certificate), std::move(chain))};
}

Result<> verify_signed(ByteView message, ByteView signature, ByteView chain,
                       const crypto::TrustStore& trust, std::string_view purpose, Timestamp at) {
    TRY(auto certificates, read_chain(chain));
    const auto& leaf = certificates.front();
    if (leaf.subject_cn != purpose)
        return Error{Errc::denied, "the signing certificate is for '" + leaf.subject_cn +
                                       "'; want one for '" + std::string(purpose) + "'"};
    TRY_VOID(
        trust.verify(leaf, at, crypto::Purpose::code_signing, std::span{certificates}.subspan(1)));
    if (leaf.key_kind != crypto::KeyKind::ed25519 || signature.size() != signature_bytes)
        return Error{Errc::denied, "want an Ed25519 signature of 64 bytes"};
    TRY(auto key, crypto::PublicKey::from_spki(leaf.spki));
    if (!key.verify(message, signature))
        return Error{Errc::denied,
                     "the signature does not belong to this text: one of them was "
                     "changed, or another key signed it"};
    return {};
}

}  // namespace mw::identity
