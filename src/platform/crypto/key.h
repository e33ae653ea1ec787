#pragma once
// Keys: P-256 and Ed25519 of our own; P-384 and RSA are made for devices that want them, and
// verified. Immutable values that may be shared between threads. A private key leaves only as PEM
// text for a file with mode 0600, and as DER for the device that it was made for. One that is in a
// token (token.h) doesn't leave at all.

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/crypto/hash.h"

namespace mw::crypto {

enum class KeyKind { p256, p384, ed25519, rsa, other };
std::string_view to_string(KeyKind kind);

struct KeyHandle;  // OpenSSL's, defined in one private header

class PublicKey {
 public:
    static Result<PublicKey> from_spki(ByteView der);  // SubjectPublicKeyInfo
    // From numbers, most significant byte first, as JWK writes them (RFC 7518 6, RFC 8037 2):
    // coordinates as long as the curve wants; RSA of 2048 to 8192 bits, exponent 65537 or more.
    static Result<PublicKey> from_point(KeyKind curve, ByteView x, ByteView y);
    static Result<PublicKey> from_ed25519(ByteView x);
    static Result<PublicKey> from_rsa(ByteView modulus, ByteView exponent);
    const Bytes& spki() const { return spki_; }
    KeyKind kind() const { return kind_; }
    int bits() const { return bits_; }  // RSA: of the modulus
    // SHA-256 of the SPKI: what people pin (curl --pinnedpubkey sha256//BASE64).
    Sha256Digest pin() const { return sha256(spki_); }
    // ECDSA signatures are DER; SHA-256 (P-384: SHA-384) except for Ed25519, which hashes by
    // itself.
    bool verify(ByteView message, ByteView signature) const;
    // ECDSA whose signature is r and s, each as long as the curve's numbers (RFC 7518 3.4).
    bool verify_flat(ByteView message, ByteView signature) const;
    // RSASSA-PSS with SHA-256, MGF1 of the same, and a salt of 32 bytes (RFC 7518 3.5).
    bool verify_pss(ByteView message, ByteView signature) const;

 private:
    friend class PrivateKey;
    friend const KeyHandle& handle_of(const PublicKey& key);
    PublicKey() = default;
    std::shared_ptr<const KeyHandle> handle_;
    Bytes spki_;
    KeyKind kind_ = KeyKind::other;
    int bits_ = 0;
};

// A key that is not in this process, but in a token for instance. Signing may block, and fail.
class KeyService {
 public:
    virtual ~KeyService() = default;
    virtual Result<Bytes> sign(ByteView message) = 0;  // as PrivateKey::sign
};

class PrivateKey {
 public:
    // rsa_bits: 2048 to 4096. An RSA key takes some 100 ms and more: that is work for Workers.
    static Result<PrivateKey> generate(KeyKind kind, int rsa_bits = 2048);
    static Result<PrivateKey> from_pem(std::string_view pem);  // PKCS#8, not encrypted
    static PrivateKey elsewhere(PublicKey key, std::shared_ptr<KeyService> service);
    bool is_elsewhere() const { return service_ != nullptr; }
    // Not of a key that is elsewhere.
    std::string to_pem() const;  // PKCS#8
    Bytes to_der() const;        // the same, not in text
    const PublicKey& public_key() const { return public_; }
    KeyKind kind() const { return public_.kind(); }
    Result<Bytes> sign(ByteView message) const;

 private:
    PrivateKey() = default;
    std::shared_ptr<const KeyHandle> handle_;
    std::shared_ptr<KeyService> service_;  // instead of the handle
    PublicKey public_;
};

}  // namespace mw::crypto
