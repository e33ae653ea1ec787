// Keys and signatures that are written as bare numbers, as JOSE does, not as DER.
#include <openssl/rsa.h>

#include <bit>

#include "platform/crypto/der.h"
#include "platform/crypto/key.h"
#include "platform/crypto/openssl_handles.h"
#include "platform/crypto/verify_signature.h"

namespace mw::crypto {
namespace {

constexpr std::uint8_t spki_ec_p256[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                         0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t spki_ec_p384[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                         0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t spki_ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr std::uint8_t spki_rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                     0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::size_t rsa_bytes_max = 1024;  // verifying costs some 150 us there
constexpr int rsa_bits_min = 2048;

Error bad_numbers(std::string_view what) {
    return Error{Errc::invalid_input, "public key: " + std::string(what)};
}

ByteView without_leading_zeros(ByteView number) {
    while (!number.empty() && number[0] == 0) number = number.subspan(1);
    return number;
}

// A positive INTEGER: minimal, with a zero in front where the first bit is set.
Bytes der_number(ByteView number) {
    static constexpr std::uint8_t zero[] = {0};
    number = without_leading_zeros(number);
    const bool pad = number.empty() || number[0] >= 0x80;
    return der::element(der::integer, {pad ? ByteView{zero} : ByteView{}, number});
}

Bytes wrap_spki(ByteView algorithm, ByteView key) {
    static constexpr std::uint8_t no_unused_bits[] = {0};
    const Bytes names = der::element(der::sequence, {algorithm});
    const Bytes bits = der::element(der::bit_string, {no_unused_bits, key});
    return der::element(der::sequence, {names, bits});
}

std::size_t bytes_of_curve(KeyKind kind) {
    return kind == KeyKind::p256 ? 32 : kind == KeyKind::p384 ? 48 : 0;
}

}  // namespace

Result<PublicKey> PublicKey::from_point(KeyKind curve, ByteView x, ByteView y) {
    const auto size = bytes_of_curve(curve);
    if (size == 0) return bad_numbers("a point is of P-256 or P-384");
    if (x.size() != size || y.size() != size)
        return bad_numbers("want coordinates of " + std::to_string(size) + " bytes each");
    Bytes point{4};  // uncompressed
    der::append(point, x);
    der::append(point, y);
    const ByteView algorithm =
        curve == KeyKind::p256 ? ByteView{spki_ec_p256} : ByteView{spki_ec_p384};
    return from_spki(wrap_spki(algorithm, point));
}

Result<PublicKey> PublicKey::from_ed25519(ByteView x) {
    if (x.size() != 32) return bad_numbers("an Ed25519 key has 32 bytes");
    return from_spki(wrap_spki(spki_ed25519, x));
}

Result<PublicKey> PublicKey::from_rsa(ByteView modulus, ByteView exponent) {
    modulus = without_leading_zeros(modulus), exponent = without_leading_zeros(exponent);
    if (modulus.size() > rsa_bytes_max) return bad_numbers("an RSA modulus has at most 8192 bits");
    const int bits =
        modulus.empty() ? 0 : static_cast<int>(modulus.size()) * 8 - std::countl_zero(modulus[0]);
    if (bits < rsa_bits_min) return bad_numbers("an RSA modulus has at least 2048 bits");
    std::uint64_t e = 0;
    if (exponent.size() <= 4)
        for (const std::uint8_t byte : exponent) e = e << 8 | byte;
    if (e < 65537 || e % 2 == 0)
        return bad_numbers("an RSA exponent is odd, at least 65537, and fits 32 bits");
    const Bytes n = der_number(modulus), numbers_e = der_number(exponent);
    return from_spki(wrap_spki(spki_rsa, der::element(der::sequence, {n, numbers_e})));
}

bool PublicKey::verify_flat(ByteView message, ByteView signature) const {
    const auto size = bytes_of_curve(kind_);
    if (size == 0 || signature.size() != 2 * size) return false;
    return verify(message, signature_from_flat(signature));
}

Bytes signature_from_flat(ByteView flat) {
    const Bytes r = der_number(flat.first(flat.size() / 2)),
                s = der_number(flat.subspan(flat.size() / 2));
    return der::element(der::sequence, {r, s});
}

bool PublicKey::verify_pss(ByteView message, ByteView signature) const {
    if (kind_ != KeyKind::rsa) return false;
    EvpDigestContext context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* key = nullptr;  // belongs to context
    const bool right = context &&
                       EVP_DigestVerifyInit_ex(context.get(), &key, "SHA256", nullptr, nullptr,
                                               handle_->key.get(), nullptr) == 1 &&
                       EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
                       EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) == 1 &&
                       EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                        message.data(), message.size()) == 1;
    if (!right) ERR_clear_error();
    return right;
}

}  // namespace mw::crypto
