// RFC 5280: the to-be-signed part is written out here and the requester's key copied as it came.

#include <algorithm>

#include "platform/crypto/certificate.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

constexpr std::size_t common_name_max = 64;
constexpr std::size_t serial_bytes = 16;

bool is_authority(Profile profile) {
    return profile == Profile::root_ca || profile == Profile::issuing_ca;
}

bool serves(const CertificateOrder& order) {
    return !order.names.dns.empty() || !order.names.addresses.empty();
}

Result<> check(const CertificateOrder& order) {
    auto wrong = [](std::string why) {
        return Error{Errc::invalid_input, "certificate order: " + std::move(why)};
    };
    if (order.subject_cn.empty() || order.subject_cn.size() > common_name_max)
        return wrong("the common name has " + std::to_string(order.subject_cn.size()) +
                     " bytes; want 1 to 64");
    for (unsigned char c : order.subject_cn)
        if (c < 0x20 || c == 0x7f) return wrong("the common name has a control character");
    if (order.not_after <= order.not_before) return wrong("it ends before it begins");
    if (order.profile == Profile::server && !serves(order))
        return wrong("a server needs a DNS name or an address");
    return {};
}

Bytes basic_constraints(Profile profile) {
    static constexpr std::uint8_t root[] = {0x30, 6, 1, 1, 0xff, 2, 1, 1};
    static constexpr std::uint8_t issuing[] = {0x30, 6, 1, 1, 0xff, 2, 1, 0};
    static constexpr std::uint8_t none[] = {0x30, 0};
    ByteView value = profile == Profile::root_ca      ? ByteView{root}
                     : profile == Profile::issuing_ca ? ByteView{issuing}
                                                      : ByteView{none};
    return x509::make_extension(x509::oid_basic_constraints, true, value);
}

Bytes key_usage(Profile profile) {
    static constexpr std::uint8_t signs_others[] = {3, 2, 1, 0x06};  // keyCertSign, cRLSign
    static constexpr std::uint8_t signs[] = {3, 2, 7, 0x80};         // digitalSignature
    ByteView value = is_authority(profile) ? ByteView{signs_others} : ByteView{signs};
    return x509::make_extension(x509::oid_key_usage, true, value);
}

// Where the certificate's status is told (RFC 5280 4.2.2.1, 4.2.1.13).
Bytes make_status_extensions(const StatusUrls& urls) {
    Bytes all, places;
    const auto place = [&](ByteView method, const std::string& url) {
        if (url.empty()) return;
        der::append(places, der::element(der::sequence, {der::element(der::oid, {method}),
                                                         der::element(der::context(6), url)}));
    };
    place(x509::oid_ocsp, urls.ocsp);
    place(x509::oid_authority_file, urls.authority);
    if (!places.empty())
        der::append(all, x509::make_extension(x509::oid_authority_access, false,
                                              der::element(der::sequence, {places})));
    if (!urls.list.empty())
        der::append(all, x509::make_extension(x509::oid_list_at, false,
                                              x509::make_distribution_point(urls.list)));
    return all;
}

std::vector<Use> uses_of(const CertificateOrder& order) {
    switch (order.profile) {
        case Profile::root_ca:
            return {};
        case Profile::issuing_ca:
            return order.authority_uses;
        case Profile::server:
            return {Use::server};
        case Profile::gateway:
            if (serves(order)) return {Use::client, Use::server};
            return {Use::client};
        case Profile::code_signing:
            return {Use::code_signing};
        case Profile::device:
        case Profile::person:
            break;
    }
    return {Use::client};
}

Result<Bytes> make_extensions(const CertificateOrder& order, ByteView spki, ByteView authority_id) {
    Bytes all;
    der::append(all, basic_constraints(order.profile));
    der::append(all, key_usage(order.profile));
    if (const auto uses = uses_of(order); !uses.empty())
        der::append(all, x509::make_extended_key_usage(uses));
    TRY(auto id, x509::key_id(spki));
    der::append(all, x509::make_extension(x509::oid_subject_key_id, false,
                                          der::element(der::octet_string, {id})));
    if (!authority_id.empty()) der::append(all, x509::make_authority_key_id(authority_id));
    der::append(all, make_status_extensions(order.status));
    if (!order.names.empty()) {
        TRY(auto names, x509::make_alternative_names(order.names));
        der::append(all, x509::make_extension(x509::oid_alternative_name, false, names));
    }
    return der::element(der::context_constructed(3), {der::element(der::sequence, {all})});
}

Bytes make_serial(Random& random) {
    Bytes serial(serial_bytes);
    random.fill(serial);
    serial[0] =
        static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);  // positive, and 16 bytes long
    return serial;
}

Timestamp whole_seconds(Timestamp time) {
    return {std::chrono::floor<seconds>(nanoseconds{time.ns}).count() * 1'000'000'000};
}

// Who signs, as far as the signed part needs to know.
struct Authority {
    std::string_view common_name;
    ByteView name;
    ByteView key_id;
    const PrivateKey& key;
};

Result<Certificate> build(const CertificateOrder& order, ByteView spki, const Authority& authority,
                          Random& random) {
    TRY_VOID(check(order));
    if (authority.key.kind() == KeyKind::other)
        return Error{Errc::invalid_input,
                     "certificate order: sign with P-256, P-384, RSA or Ed25519"};
    TRY(auto extensions, make_extensions(order, spki, authority.key_id));
    TRY(auto key, x509::parse_spki(spki));
    static constexpr std::uint8_t version_3[] = {0xa0, 3, 2, 1, 2};
    auto serial = make_serial(random);
    auto algorithm = x509::signature_algorithm(authority.key.kind());
    auto subject = x509::make_name(order.subject_cn, order.subject_serial);
    auto validity =
        der::element(der::sequence, {der::time(order.not_before), der::time(order.not_after)});
    auto tbs =
        der::element(der::sequence, {version_3, der::element(der::integer, {serial}), algorithm,
                                     authority.name, validity, subject, spki, extensions});
    TRY(auto signature, authority.key.sign(tbs));
    static constexpr std::uint8_t no_unused_bits[] = {0};

    Certificate made;
    made.der =
        der::element(der::sequence,
                     {tbs, algorithm, der::element(der::bit_string, {no_unused_bits, signature})});
    made.subject_cn = order.subject_cn;
    made.subject_serial = order.subject_serial;
    made.issuer_cn = authority.common_name;
    made.names = order.names;
    made.serial = to_hex(serial);
    made.not_before = whole_seconds(order.not_before);
    made.not_after = whole_seconds(order.not_after);
    made.is_ca = is_authority(order.profile);
    const auto uses = uses_of(order);
    const auto is_for = [&](Use use) { return std::ranges::find(uses, use) != uses.end(); };
    made.limits_use = !uses.empty();
    made.for_client = uses.empty() || is_for(Use::client);
    made.for_server = uses.empty() || is_for(Use::server);
    made.for_code_signing = is_for(Use::code_signing);
    made.subject = std::move(subject);
    TRY(made.subject_key_id, x509::key_id(spki));
    made.spki.assign(spki.begin(), spki.end());
    made.key_kind = key.kind, made.key_bits = key.bits;
    made.fingerprint = sha256(made.der);
    return made;
}

}  // namespace

Result<Certificate> issue(const CertificateOrder& order, ByteView subject_spki,
                          const Signer& signer, Random& random) {
    if (!signer.certificate.is_ca)
        return Error{Errc::invalid_input,
                     "certificate order: '" + signer.certificate.subject_cn + "' is no authority"};
    if (signer.key.public_key().spki() != signer.certificate.spki)
        return Error{Errc::invalid_input,
                     "certificate order: the signer's key is not its certificate's"};
    return build(order, subject_spki,
                 {signer.certificate.subject_cn, signer.certificate.subject,
                  signer.certificate.subject_key_id, signer.key},
                 random);
}

Result<Certificate> self_sign(const CertificateOrder& order, const PrivateKey& key,
                              Random& random) {
    auto name = x509::make_name(order.subject_cn, order.subject_serial);
    const Bytes& spki = key.public_key().spki();
    TRY(auto id, x509::key_id(spki));
    return build(order, spki, {order.subject_cn, name, id, key}, random);
}

}  // namespace mw::crypto
