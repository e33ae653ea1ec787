// OpenSSL 3 asks that new programs use EVP alone; for texts of a few hundred bytes that costs more
// than the hashing (231 against 88 ns for 33 bytes), so the one-shot hash calls SHA-256 directly.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "platform/crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/assert.h"
#include "platform/crypto/openssl_handles.h"

namespace mw::crypto {
namespace {

// Fetched once: EVP_sha256() alone makes OpenSSL 3 look the algorithm up on every call.
const EVP_MD* sha256_algorithm() {
    static const EVP_MD* fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    ASSERT(fetched);
    return fetched;
}

}  // namespace

struct Sha256::State {
    EvpDigestContext context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    ASSERT(state_->context &&
           EVP_DigestInit_ex(state_->context.get(), sha256_algorithm(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
    ASSERT(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()));
}

Sha256Digest Sha256::finish() {
    Sha256Digest digest;
    ASSERT(EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr));
    ASSERT(EVP_DigestInit_ex(state_->context.get(), nullptr, nullptr));
    return digest;
}

Sha256Digest sha256(ByteView bytes) {
    Sha256Digest digest;
    SHA256_CTX context;
    ASSERT(SHA256_Init(&context) && SHA256_Update(&context, bytes.data(), bytes.size()) &&
           SHA256_Final(digest.data(), &context));
    return digest;
}

Sha384Digest sha384(ByteView bytes) {
    Sha384Digest digest;
    ASSERT(SHA384(bytes.data(), bytes.size(), digest.data()) != nullptr);
    return digest;
}

Sha1Digest sha1(ByteView bytes) {
    Sha1Digest digest;
    ASSERT(SHA1(bytes.data(), bytes.size(), digest.data()) != nullptr);
    return digest;
}

Sha256Digest hmac_sha256(ByteView key, ByteView message) {
    Sha256Digest digest;
    unsigned length = digest.size();
    // OpenSSL takes a null key pointer for "the previous key", so an empty key needs an address.
    static const std::uint8_t none = 0;
    ASSERT(HMAC(sha256_algorithm(), key.empty() ? &none : key.data(), static_cast<int>(key.size()),
                message.data(), message.size(), digest.data(), &length));
    return digest;
}

Sha256Digest pbkdf2_sha256(ByteView password, ByteView salt, unsigned rounds) {
    Sha256Digest digest;
    ASSERT(PKCS5_PBKDF2_HMAC(text_of(password).data(), static_cast<int>(password.size()),
                             salt.data(), static_cast<int>(salt.size()), static_cast<int>(rounds),
                             sha256_algorithm(), digest.size(), digest.data()) == 1);
    return digest;
}

bool equal_in_constant_time(ByteView a, ByteView b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mw::crypto
