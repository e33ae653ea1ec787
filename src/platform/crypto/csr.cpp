#include "platform/crypto/csr.h"

#include "platform/crypto/pem.h"
#include "platform/crypto/verify_signature.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

constexpr std::size_t csr_bytes_max = 16 * 1024;
constexpr int verified_rsa_bits_max = 8192;  // what follows takes milliseconds
constexpr std::string_view request_label = "CERTIFICATE REQUEST";

// RFC 4108 2.2.5 and RFC 7030 4.4.1.2.
constexpr std::uint8_t oid_decrypt_key_id[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                               0x01, 0x09, 0x10, 0x02, 0x25};
constexpr std::uint8_t oid_asymmetric_decrypt_key_id[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                                          0x01, 0x09, 0x10, 0x02, 0x36};

// CertificationRequestInfo.attributes: requested extensions, and how to wrap a key of ours.
Result<x509::Extensions> parse_attributes(ByteView content, Csr& csr) {
    x509::Extensions found;
    bool seen = false;
    for (der::Reader attributes{content}; !attributes.empty();) {
        TRY(auto attribute, attributes.want(der::sequence, "attribute"));
        der::Reader inside{attribute.content};
        TRY(auto oid, inside.want(der::oid, "attribute"));
        TRY(auto values, inside.want(der::set, "attribute"));
        if (x509::same(oid.content, oid_decrypt_key_id) ||
            x509::same(oid.content, oid_asymmetric_decrypt_key_id))
            csr.asks_for_wrapped_key = true;
        if (!x509::same(oid.content, x509::oid_extension_request)) continue;
        if (seen) return Error{Errc::invalid_input, "extensions are requested twice"};
        seen = true;
        der::Reader each{values.content};
        TRY(auto list, each.want(der::sequence, "requested extensions"));
        TRY_VOID(each.want_end("requested extensions"));
        TRY(found, x509::parse_extensions(list.content));
    }
    return found;
}

Result<> prove_possession(const Csr& csr, ByteView info, const der::Element& algorithm,
                          const der::Element& signature) {
    if (csr.key_kind == KeyKind::rsa && csr.key_bits > verified_rsa_bits_max)
        return Error{Errc::invalid_input, "an RSA key of " + std::to_string(csr.key_bits) +
                                              " bits is more than anyone needs; want 2048 to 4096"};
    TRY(auto kind, x509::parse_signature_algorithm(algorithm.content, "signature"));
    TRY(auto bits, der::whole_bits(signature, "signature"));
    using x509::SignatureKind;
    TRY(auto key, PublicKey::from_spki(csr.spki));
    bool ec = csr.key_kind == KeyKind::p256 || csr.key_kind == KeyKind::p384;
    bool of_kind = kind == SignatureKind::ed25519      ? csr.key_kind == KeyKind::ed25519
                   : kind == SignatureKind::rsa_sha256 ? csr.key_kind == KeyKind::rsa
                                                       : ec;
    if (!of_kind) return Error{Errc::invalid_input, "the signature algorithm does not fit the key"};
    const char* digest = kind == SignatureKind::ed25519        ? nullptr
                         : kind == SignatureKind::ecdsa_sha384 ? "SHA384"
                                                               : "SHA256";
    if (verify_signature(handle_of(key), digest, info, bits)) return {};
    return Error{Errc::invalid_input,
                 "the signature does not match the key: possession is not proved"};
}

Result<Csr> parse(ByteView der, Possession possession) {
    der::Reader outside{der};
    TRY(auto request, outside.want(der::sequence, "request"));
    TRY_VOID(outside.want_end("request"));
    der::Reader reader{request.content};
    TRY(auto info, reader.want(der::sequence, "request"));
    TRY(auto algorithm, reader.want(der::sequence, "signature algorithm"));
    TRY(auto signature, reader.want(der::bit_string, "signature"));
    TRY_VOID(reader.want_end("request"));

    der::Reader inside{info.content};
    TRY_VOID(inside.want(der::integer, "version"));
    TRY(auto subject, inside.want(der::sequence, "subject"));
    TRY(auto spki, inside.want(der::sequence, "public key"));
    // RFC 2986 wants the attributes, if only an empty set; some devices leave them out.
    TRY(auto attributes, inside.maybe(der::context_constructed(0), "attributes"));
    TRY_VOID(inside.want_end("request"));

    TRY(auto name, x509::parse_name(subject.content, "subject"));
    TRY(auto key, x509::parse_spki(spki.whole));
    Csr csr;
    x509::Extensions extensions;
    if (attributes) {
        TRY(extensions, parse_attributes(attributes->content, csr));
    }
    csr.subject_cn = std::move(name.common_name);
    csr.subject_attributes = name.other_attributes;
    csr.subject_identities = std::move(name.identities);
    csr.names = std::move(extensions.names);
    csr.asks_for_ca = extensions.is_ca || extensions.signs_certificates || extensions.signs_lists;
    csr.uses = std::move(extensions.uses);
    csr.foreign_uses = std::move(extensions.foreign_uses);
    csr.foreign_extensions = std::move(extensions.unknown);
    csr.spki.assign(spki.whole.begin(), spki.whole.end());
    csr.key_kind = key.kind, csr.key_bits = key.bits, csr.rsa_exponent = key.rsa_exponent;
    if (possession == Possession::proved)
        TRY_VOID(prove_possession(csr, info.whole, algorithm, signature));
    return csr;
}

// The attribute that asks for extensions (RFC 2985 5.4.2).
Bytes make_extension_request(ByteView extensions) {
    const Bytes list = der::element(der::sequence, {extensions});
    return der::element(der::sequence, {der::element(der::oid, {x509::oid_extension_request}),
                                        der::element(der::set, {list})});
}

}  // namespace

Result<Csr> csr_from_der(ByteView der, Possession possession) {
    if (der.size() > csr_bytes_max)
        return Error{Errc::invalid_input, "signing request: longer than 16 KiB"};
    return parse(der, possession).context("signing request");
}

Result<Csr> csr_from_pem(std::string_view text, Possession possession) {
    for (auto name : {request_label, std::string_view{"NEW CERTIFICATE REQUEST"}}) {
        TRY(auto blocks, pem::decode(text, name));
        if (!blocks.empty()) return csr_from_der(blocks[0], possession);
    }
    return Error{Errc::invalid_input,
                 "signing request: no '-----BEGIN CERTIFICATE REQUEST-----' in the text"};
}

Result<Bytes> make_csr(const CsrOrder& order, const PrivateKey& key) {
    static constexpr std::uint8_t version[] = {2, 1, 0};
    if (key.kind() == KeyKind::other)
        return Error{Errc::invalid_input,
                     "signing request: want a P-256, P-384, RSA or Ed25519 key"};
    Bytes extensions;
    if (!order.names.empty()) {
        TRY(auto names, x509::make_alternative_names(order.names));
        extensions = x509::make_extension(x509::oid_alternative_name, false, names);
    }
    if (!order.uses.empty()) der::append(extensions, x509::make_extended_key_usage(order.uses));
    const Bytes attributes = extensions.empty() ? Bytes{} : make_extension_request(extensions);
    auto info = der::element(der::sequence,
                             {version, x509::make_name(order.subject_cn), key.public_key().spki(),
                              der::element(der::context_constructed(0), {attributes})});
    TRY(auto signature, key.sign(info));
    static constexpr std::uint8_t no_unused_bits[] = {0};
    return der::element(der::sequence,
                        {info, x509::signature_algorithm(key.kind()),
                         der::element(der::bit_string, {no_unused_bits, signature})});
}

Result<Bytes> make_csr_attributes(KeyKind kind, int rsa_bits, std::span<const Use> uses) {
    const auto number = [](ByteView oid) { return der::element(der::oid, {oid}); };
    const auto key_of = [&](ByteView algorithm, const Bytes& parameter) {
        return der::element(der::sequence,
                            {number(algorithm), der::element(der::set, {parameter})});
    };
    const Bytes wanted =
        uses.empty() ? Bytes{} : make_extension_request(x509::make_extended_key_usage(uses));
    const auto list = [&wanted](const Bytes& key, const Bytes& signature) {
        return der::element(der::sequence, {key, signature, wanted});
    };
    switch (kind) {
        case KeyKind::p256:
            return list(key_of(x509::oid_ec_key, number(x509::oid_p256)),
                        number(x509::oid_ecdsa_sha256));
        case KeyKind::p384:
            return list(key_of(x509::oid_ec_key, number(x509::oid_p384)),
                        number(x509::oid_ecdsa_sha384));
        case KeyKind::ed25519:
            return der::element(der::sequence, {number(x509::oid_ed25519), wanted});
        case KeyKind::rsa: {
            const std::uint8_t bits[] = {static_cast<std::uint8_t>(rsa_bits >> 8),
                                         static_cast<std::uint8_t>(rsa_bits)};
            return list(key_of(x509::oid_rsa, der::element(der::integer, {bits})),
                        number(x509::oid_rsa_sha256));
        }
        case KeyKind::other:
            break;
    }
    return Error{Errc::invalid_input, "request attributes: want a kind of key that we know"};
}

std::string csr_to_pem(ByteView der) { return pem::encode(der, request_label); }

}  // namespace mw::crypto
