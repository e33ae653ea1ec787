#pragma once
// Private to this module: what certificates and signing requests share (RFC 5280): names, subject
// alternative names, extensions, key and signature algorithms.

#include <array>
#include <optional>

#include "platform/crypto/certificate.h"
#include "platform/crypto/der.h"

namespace mw::crypto::x509 {

// Object identifiers, as the content of their DER element.
inline constexpr std::uint8_t oid_common_name[] = {0x55, 0x04, 0x03};
inline constexpr std::uint8_t oid_serial_number[] = {0x55, 0x04, 0x05};
inline constexpr std::uint8_t oid_subject_key_id[] = {0x55, 0x1d, 0x0e};
inline constexpr std::uint8_t oid_key_usage[] = {0x55, 0x1d, 0x0f};
inline constexpr std::uint8_t oid_alternative_name[] = {0x55, 0x1d, 0x11};
inline constexpr std::uint8_t oid_basic_constraints[] = {0x55, 0x1d, 0x13};
inline constexpr std::uint8_t oid_authority_key_id[] = {0x55, 0x1d, 0x23};
inline constexpr std::uint8_t oid_extended_key_usage[] = {0x55, 0x1d, 0x25};
inline constexpr std::uint8_t oid_list_number[] = {0x55, 0x1d, 0x14};
inline constexpr std::uint8_t oid_reason[] = {0x55, 0x1d, 0x15};
inline constexpr std::uint8_t oid_delta_of[] = {0x55, 0x1d, 0x1b};
inline constexpr std::uint8_t oid_list_at[] = {0x55, 0x1d, 0x1f};   // cRLDistributionPoints
inline constexpr std::uint8_t oid_delta_at[] = {0x55, 0x1d, 0x2e};  // freshestCRL
inline constexpr std::uint8_t oid_authority_access[] = {0x2b, 0x06, 0x01, 0x05,
                                                        0x05, 0x07, 0x01, 0x01};
inline constexpr std::uint8_t oid_ocsp[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01};
inline constexpr std::uint8_t oid_ocsp_basic[] = {0x2b, 0x06, 0x01, 0x05, 0x05,
                                                  0x07, 0x30, 0x01, 0x01};
inline constexpr std::uint8_t oid_authority_file[] = {0x2b, 0x06, 0x01, 0x05,
                                                      0x05, 0x07, 0x30, 0x02};
inline constexpr std::uint8_t oid_any_usage[] = {0x55, 0x1d, 0x25, 0x00};
inline constexpr std::uint8_t oid_server_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
inline constexpr std::uint8_t oid_client_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02};
inline constexpr std::uint8_t oid_code_signing[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03};
inline constexpr std::uint8_t oid_extension_request[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                         0x0d, 0x01, 0x09, 0x0e};
inline constexpr std::uint8_t oid_ec_key[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
inline constexpr std::uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
inline constexpr std::uint8_t oid_p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
inline constexpr std::uint8_t oid_ed25519[] = {0x2b, 0x65, 0x70};
inline constexpr std::uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
inline constexpr std::uint8_t oid_ecdsa_sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
inline constexpr std::uint8_t oid_ecdsa_sha384[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
inline constexpr std::uint8_t oid_rsa_sha256[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                  0x0d, 0x01, 0x01, 0x0b};
inline constexpr std::uint8_t oid_pkcs7_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                  0x0d, 0x01, 0x07, 0x01};
inline constexpr std::uint8_t oid_pkcs7_signed[] = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                    0x0d, 0x01, 0x07, 0x02};

bool same(ByteView a, ByteView b);
// The content of an OBJECT IDENTIFIER as "1.2.840.113549"; "?" for what is none.
std::string oid_text(ByteView content);

struct Name {
    std::string common_name;
    std::string serial_number;  // X.520's: of a device, not of the certificate
    int other_attributes = 0;
    std::vector<std::string> identities;  // of these, what names somebody: "emailAddress" ...
};
Result<Name> parse_name(ByteView content, std::string_view what);  // content of the outer SEQUENCE
Bytes make_name(std::string_view common_name, std::string_view serial_number = {});

Result<AlternativeNames> parse_alternative_names(ByteView content);
Result<Bytes> make_alternative_names(const AlternativeNames& names);  // the whole GeneralNames

struct Extensions {
    AlternativeNames names;
    bool is_ca = false;
    bool signs_certificates = false;  // keyUsage keyCertSign
    bool signs_lists = false;         // keyUsage cRLSign
    bool limits_use = false;          // extended key usage is present
    bool client_auth = false;
    bool server_auth = false;
    bool code_signing = false;
    Bytes subject_key_id;
    std::vector<std::string> foreign_uses;  // extended key usage besides clientAuth, dotted
    std::vector<Use> uses;                  // those that we know, as listed
    std::vector<std::string> unknown;       // extensions that are not read here, dotted
};
Result<Extensions> parse_extensions(ByteView content);  // content of SEQUENCE OF Extension
Bytes make_extension(ByteView oid, bool critical, ByteView value);
Bytes make_extended_key_usage(std::span<const Use> uses);  // the whole extension
// CRLDistributionPoints with one URI (RFC 5280 4.2.1.13).
Bytes make_distribution_point(std::string_view url);
Bytes make_authority_key_id(ByteView key_id);  // the whole extension

struct SpkiFacts {
    KeyKind kind = KeyKind::other;
    int bits = 0;
    std::uint64_t rsa_exponent = 0;  // 0: none, or more than 64 bits
    ByteView public_bits;            // the key itself: an EC point, an Ed25519 key
};
Result<SpkiFacts> parse_spki(ByteView whole);
// RFC 7093 2(1): the first 160 bits of SHA-256 over the key.
Result<Bytes> key_id(ByteView spki);

// AlgorithmIdentifier of our own signatures, and reading those of others.
Bytes signature_algorithm(KeyKind kind);
enum class SignatureKind { ecdsa_sha256, ecdsa_sha384, rsa_sha256, ed25519 };
Result<SignatureKind> parse_signature_algorithm(ByteView content, std::string_view what);

}  // namespace mw::crypto::x509
