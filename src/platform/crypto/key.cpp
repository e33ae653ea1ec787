#include "platform/crypto/key.h"

#include <openssl/pem.h>

#include "platform/crypto/ec_road.h"
#include "platform/crypto/openssl_handles.h"
#include "platform/crypto/verify_signature.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

constexpr std::size_t pem_bytes_max = 64 * 1024;

Error failed(std::string_view what) {
    return Error{Errc::invalid_input, std::string(what) + ": " + openssl_reason()};
}

EvpKey make_key(const x509::SpkiFacts& facts, ByteView spki) {
    use_ec_keys_directly();
    // For other kinds than EC, d2i_PUBKEY asks every decoder in turn (over 100 us).
    if (facts.kind == KeyKind::ed25519)
        return EvpKey{EVP_PKEY_new_raw_public_key(
            EVP_PKEY_ED25519, nullptr, facts.public_bits.data(), facts.public_bits.size())};
    const std::uint8_t* at = spki.data();
    return EvpKey{d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size()))};
}

// Never asks a terminal: a server has none.
int no_passphrase(char*, int, int, void*) { return -1; }

Bytes spki_of(EVP_PKEY* key) {
    std::uint8_t* der = nullptr;
    int size = i2d_PUBKEY(key, &der);
    ASSERT(size > 0);
    Bytes spki(der, der + size);
    OPENSSL_free(der);
    return spki;
}

}  // namespace

std::string_view to_string(KeyKind kind) {
    switch (kind) {
        case KeyKind::p256:
            return "P-256";
        case KeyKind::p384:
            return "P-384";
        case KeyKind::ed25519:
            return "Ed25519";
        case KeyKind::rsa:
            return "RSA";
        case KeyKind::other:
            break;
    }
    return "another kind";
}

Result<PublicKey> PublicKey::from_spki(ByteView der) {
    TRY(auto facts, x509::parse_spki(der));
    if (facts.kind == KeyKind::other)
        return Error{Errc::invalid_input,
                     "public key: the kind is not supported; use P-256, P-384, Ed25519 or RSA"};
    auto handle = std::make_shared<KeyHandle>(KeyHandle{make_key(facts, der)});
    if (!handle->key) return failed("public key");
    PublicKey key;
    key.handle_ = std::move(handle);
    key.spki_.assign(der.begin(), der.end());
    key.kind_ = facts.kind, key.bits_ = facts.bits;
    return key;
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
    if (kind_ == KeyKind::ed25519) return verify_signature(*handle_, nullptr, message, signature);
    const char* digest = kind_ == KeyKind::p384 ? "SHA384" : "SHA256";
    return verify_signature(*handle_, digest, message, signature);
}

const KeyHandle& handle_of(const PublicKey& key) { return *key.handle_; }

bool verify_signature(const KeyHandle& key, const char* digest, ByteView message,
                      ByteView signature) {
    EvpDigestContext context{EVP_MD_CTX_new()};
    bool right = context &&
                 EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, nullptr, nullptr,
                                         key.key.get(), nullptr) == 1 &&
                 EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                                  message.size()) == 1;
    if (!right) ERR_clear_error();
    return right;
}

Result<PrivateKey> PrivateKey::generate(KeyKind kind, int rsa_bits) {
    use_ec_keys_directly();
    EVP_PKEY* made = nullptr;
    if (kind == KeyKind::other || (kind == KeyKind::rsa && (rsa_bits < 2048 || rsa_bits > 4096)))
        return Error{Errc::invalid_input,
                     "generate a key: want P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits"};
    if (kind == KeyKind::p256)
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", SN_X9_62_prime256v1);
    if (kind == KeyKind::p384) made = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", SN_secp384r1);
    if (kind == KeyKind::ed25519) made = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    if (kind == KeyKind::rsa)
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits));
    if (!made) return Error{Errc::io_failed, "generate a key: " + openssl_reason()};
    PrivateKey key;
    auto handle = std::make_shared<KeyHandle>(KeyHandle{EvpKey{made}});
    TRY(key.public_, PublicKey::from_spki(spki_of(made)));
    key.handle_ = std::move(handle);
    return key;
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
    if (pem.size() > pem_bytes_max) return Error{Errc::invalid_input, "private key: PEM too long"};
    use_ec_keys_directly();
    BioHandle bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    EvpKey read{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)
                    : nullptr};
    if (!read)
        return Error{Errc::invalid_input,
                     "private key: want an unencrypted PEM key: " + openssl_reason()};
    PrivateKey key;
    auto handle = std::make_shared<KeyHandle>(KeyHandle{std::move(read)});
    TRY(key.public_, PublicKey::from_spki(spki_of(handle->key.get())));
    key.handle_ = std::move(handle);
    return key;
}

PrivateKey PrivateKey::elsewhere(PublicKey key, std::shared_ptr<KeyService> service) {
    PrivateKey made;
    made.public_ = std::move(key);
    made.service_ = std::move(service);
    return made;
}

std::string PrivateKey::to_pem() const {
    ASSERT(handle_);
    BioHandle bio{BIO_new(BIO_s_secmem())};
    ASSERT(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), handle_->key.get(), nullptr, nullptr, 0,
                                                nullptr, nullptr) == 1);
    char* text = nullptr;
    long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

Bytes PrivateKey::to_der() const {
    ASSERT(handle_);
    BioHandle bio{BIO_new(BIO_s_secmem())};
    ASSERT(bio && i2d_PKCS8PrivateKey_bio(bio.get(), handle_->key.get(), nullptr, nullptr, 0,
                                          nullptr, nullptr) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    const ByteView der = bytes_of({text, static_cast<std::size_t>(size)});
    return {der.begin(), der.end()};
}

Result<Bytes> PrivateKey::sign(ByteView message) const {
    if (service_) return service_->sign(message);
    EvpDigestContext context{EVP_MD_CTX_new()};
    const char* digest = kind() == KeyKind::ed25519 ? nullptr
                         : kind() == KeyKind::p384  ? "SHA384"
                                                    : "SHA256";
    std::size_t size = 0;
    if (!context ||
        EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, handle_->key.get(),
                              nullptr) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1)
        return failed("sign");
    Bytes signature(size);
    if (EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1)
        return failed("sign");
    signature.resize(size);
    return signature;
}

}  // namespace mw::crypto
