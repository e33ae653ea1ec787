#include "platform/crypto/certificate.h"

#include "platform/crypto/pem.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

constexpr std::size_t certificate_bytes_max = 64 * 1024;
constexpr std::size_t bundle_max = 256;
constexpr std::string_view certificate_label = "CERTIFICATE";

Result<> parse_validity(der::Reader& reader, Certificate& out) {
    TRY(auto validity, reader.want(der::sequence, "validity"));
    der::Reader inside{validity.content};
    TRY(auto from, inside.next("validity"));
    TRY(auto until, inside.next("validity"));
    TRY(out.not_before, der::time(from, "not before"));
    TRY(out.not_after, der::time(until, "not after"));
    return {};
}

Result<> parse_tbs(ByteView content, Certificate& out) {
    der::Reader reader{content};
    TRY_VOID(reader.maybe(der::context_constructed(0), "version"));
    TRY(auto serial, reader.want(der::integer, "serial number"));
    TRY_VOID(reader.want(der::sequence, "signature algorithm"));
    TRY(auto issuer, reader.want(der::sequence, "issuer"));
    TRY_VOID(parse_validity(reader, out));
    TRY(auto subject, reader.want(der::sequence, "subject"));
    TRY(auto spki, reader.want(der::sequence, "public key"));
    TRY_VOID(reader.maybe(der::context(1), "issuer id"));
    TRY_VOID(reader.maybe(der::context(2), "subject id"));
    TRY(auto wrapped, reader.maybe(der::context_constructed(3), "extensions"));
    TRY_VOID(reader.want_end("certificate"));

    TRY(auto issuer_name, x509::parse_name(issuer.content, "issuer"));
    TRY(auto subject_name, x509::parse_name(subject.content, "subject"));
    TRY(auto key, x509::parse_spki(spki.whole));
    ByteView number = serial.content;
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    if (number.empty() || number.size() > 20)
        return Error{Errc::invalid_input, "serial number: want 1 to 20 bytes"};
    out.serial = to_hex(number);
    out.issuer_cn = std::move(issuer_name.common_name);
    out.subject_cn = std::move(subject_name.common_name);
    out.subject_serial = std::move(subject_name.serial_number);
    out.subject.assign(subject.whole.begin(), subject.whole.end());
    out.spki.assign(spki.whole.begin(), spki.whole.end());
    out.key_kind = key.kind, out.key_bits = key.bits;
    out.for_client = out.for_server = true;  // unless extensions say otherwise
    if (!wrapped) return {};
    der::Reader unwrapped{wrapped->content};
    TRY(auto list, unwrapped.want(der::sequence, "extensions"));
    TRY(auto extensions, x509::parse_extensions(list.content));
    out.is_ca = extensions.is_ca;
    out.limits_use = extensions.limits_use;
    if (extensions.limits_use)
        out.for_client = extensions.client_auth, out.for_server = extensions.server_auth;
    out.for_code_signing = extensions.code_signing;
    out.names = std::move(extensions.names);
    out.subject_key_id = std::move(extensions.subject_key_id);
    return {};
}

}  // namespace

Result<Certificate> certificate_from_der(ByteView der) {
    if (der.size() > certificate_bytes_max)
        return Error{Errc::invalid_input, "certificate: longer than 64 KiB"};
    Certificate out;
    der::Reader outside{der};
    TRY(auto certificate, outside.want(der::sequence, "certificate"));
    TRY_VOID(outside.want_end("certificate"));
    der::Reader reader{certificate.content};
    TRY(auto tbs, reader.want(der::sequence, "certificate"));
    TRY_VOID(reader.want(der::sequence, "signature algorithm"));
    TRY_VOID(reader.want(der::bit_string, "signature"));
    TRY_VOID(reader.want_end("certificate"));
    if (auto parsed = parse_tbs(tbs.content, out); !parsed)
        return std::move(parsed).error().context("certificate");
    out.der.assign(der.begin(), der.end());
    out.fingerprint = sha256(der);
    return out;
}

Result<std::vector<Certificate>> certificates_from_pem(std::string_view text) {
    TRY(auto blocks, pem::decode(text, certificate_label));
    if (blocks.empty())
        return Error{Errc::invalid_input,
                     "certificate: no '-----BEGIN CERTIFICATE-----' in the text"};
    std::vector<Certificate> certificates;
    for (const auto& block : blocks) {
        TRY(auto certificate, certificate_from_der(block));
        certificates.push_back(std::move(certificate));
    }
    return certificates;
}

bool is_signed_by(const Certificate& certificate, const PublicKey& key) {
    const auto verified = [&]() -> Result<bool> {
        der::Reader outside{certificate.der};
        TRY(const auto whole, outside.want(der::sequence, "certificate"));
        der::Reader reader{whole.content};
        TRY(const auto tbs, reader.want(der::sequence, "certificate"));
        TRY(const auto algorithm, reader.want(der::sequence, "signature algorithm"));
        TRY(const auto bits, reader.want(der::bit_string, "signature"));
        TRY(const auto kind, x509::parse_signature_algorithm(algorithm.content, "certificate"));
        using Signed = x509::SignatureKind;
        const bool fits = kind == Signed::ecdsa_sha256   ? key.kind() == KeyKind::p256
                          : kind == Signed::ecdsa_sha384 ? key.kind() == KeyKind::p384
                          : kind == Signed::rsa_sha256   ? key.kind() == KeyKind::rsa
                                                         : key.kind() == KeyKind::ed25519;
        if (!fits || bits.content.empty() || bits.content[0] != 0) return false;
        return key.verify(tbs.whole, bits.content.subspan(1));
    }();
    return verified && *verified;
}

std::string to_pem(const Certificate& certificate) {
    return pem::encode(certificate.der, certificate_label);
}

std::string to_pem(std::span<const Certificate> certificates) {
    std::string text;
    for (const auto& certificate : certificates) text += to_pem(certificate);
    return text;
}

Bytes to_pkcs7(std::span<const Certificate> certificates) {
    static constexpr std::uint8_t version[] = {1};
    Bytes all;
    for (const auto& certificate : certificates) der::append(all, certificate.der);
    auto nothing = der::element(der::set, std::string_view{});
    auto content = der::element(der::sequence, {der::element(der::oid, {x509::oid_pkcs7_data})});
    auto signed_data =
        der::element(der::sequence, {der::element(der::integer, {version}), nothing, content,
                                     der::element(der::context_constructed(0), {all}), nothing});
    return der::element(der::sequence, {der::element(der::oid, {x509::oid_pkcs7_signed}),
                                        der::element(der::context_constructed(0), {signed_data})});
}

Result<std::vector<Certificate>> certificates_from_pkcs7(ByteView der) {
    constexpr auto what = "PKCS#7";
    der::Reader outside{der};
    TRY(auto content_info, outside.want(der::sequence, what));
    TRY_VOID(outside.want_end(what));
    der::Reader info{content_info.content};
    TRY(auto oid, info.want(der::oid, what));
    if (!x509::same(oid.content, x509::oid_pkcs7_signed))
        return Error{Errc::invalid_input, "PKCS#7: want SignedData"};
    TRY(auto wrapped, info.want(der::context_constructed(0), what));
    der::Reader unwrapped{wrapped.content};
    TRY(auto signed_data, unwrapped.want(der::sequence, what));
    der::Reader reader{signed_data.content};
    TRY_VOID(reader.want(der::integer, what));
    TRY_VOID(reader.want(der::set, what));
    TRY_VOID(reader.want(der::sequence, what));
    TRY(auto list, reader.maybe(der::context_constructed(0), what));
    std::vector<Certificate> certificates;
    if (!list) return certificates;
    for (der::Reader each{list->content}; !each.empty();) {
        TRY(auto element, each.want(der::sequence, what));
        if (certificates.size() >= bundle_max)
            return Error{Errc::invalid_input, "PKCS#7: more than 256 certificates"};
        TRY(auto certificate, certificate_from_der(element.whole));
        certificates.push_back(std::move(certificate));
    }
    return certificates;
}

}  // namespace mw::crypto
