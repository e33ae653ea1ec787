#include "platform/crypto/revocation_list.h"

#include <algorithm>

#include "platform/crypto/pem.h"
#include "platform/crypto/verify_signature.h"
#include "platform/crypto/x509_parts.h"

namespace mw::crypto {
namespace {

struct ReasonName {
    RevocationReason reason;
    std::string_view name;
};
constexpr ReasonName reason_names[] = {
    {RevocationReason::unspecified, "unspecified"},
    {RevocationReason::key_compromise, "key-compromise"},
    {RevocationReason::ca_compromise, "ca-compromise"},
    {RevocationReason::affiliation_changed, "affiliation-changed"},
    {RevocationReason::superseded, "superseded"},
    {RevocationReason::cessation_of_operation, "cessation-of-operation"},
    {RevocationReason::privilege_withdrawn, "privilege-withdrawn"},
};

Error bad_list(std::string why) {
    return {Errc::invalid_input, "list of revoked certificates: " + std::move(why)};
}

// A positive INTEGER, whole.
Bytes integer_of(ByteView magnitude) {
    static constexpr std::uint8_t zero[] = {0};
    const bool pad = magnitude.empty() || (magnitude[0] & 0x80) != 0;
    return der::element(der::integer, {pad ? ByteView{zero} : ByteView{}, magnitude});
}

Bytes integer_of(std::uint64_t value) {
    Bytes magnitude;
    for (int shift = 56; shift >= 0; shift -= 8)
        if (const auto byte = static_cast<std::uint8_t>(value >> shift);
            byte != 0 || !magnitude.empty())
            magnitude.push_back(byte);
    return integer_of(magnitude);
}

Bytes entry_of(const RevokedCertificate& one) {
    const Bytes serial = integer_of(ByteView{one.serial.bytes}.first(one.serial.size));
    if (one.reason == RevocationReason::unspecified)  // RFC 5280 5.3.1: then it is left out
        return der::element(der::sequence, {serial, der::time(one.at)});
    const std::uint8_t reason[] = {0x0a, 1, static_cast<std::uint8_t>(one.reason)};  // ENUMERATED
    const Bytes extension = x509::make_extension(x509::oid_reason, false, reason);
    return der::element(der::sequence,
                        {serial, der::time(one.at), der::element(der::sequence, {extension})});
}

Bytes list_extensions(const ListOrder& order, const Certificate& issuer) {
    Bytes all;
    if (!issuer.subject_key_id.empty())
        der::append(all, x509::make_authority_key_id(issuer.subject_key_id));
    der::append(all, x509::make_extension(x509::oid_list_number, false, integer_of(order.number)));
    if (order.delta_of)
        der::append(all,
                    x509::make_extension(x509::oid_delta_of, true, integer_of(*order.delta_of)));
    else if (!order.delta_at.empty())
        der::append(all, x509::make_extension(x509::oid_delta_at, false,
                                              x509::make_distribution_point(order.delta_at)));
    return der::element(der::context_constructed(0), {der::element(der::sequence, {all})});
}

Result<std::uint64_t> small_integer(ByteView extension, std::string_view what) {
    der::Reader reader{extension};
    TRY(const auto number, reader.want(der::integer, what));
    ByteView bytes = number.content;
    while (!bytes.empty() && bytes[0] == 0) bytes = bytes.subspan(1);
    std::uint64_t value = 0;
    if (bytes.size() > 8) return value;
    for (const std::uint8_t byte : bytes) value = value << 8 | byte;
    return value;
}

Result<> take_list_extensions(ByteView content, RevocationList& list) {
    constexpr auto what = "extension of the list";
    for (der::Reader all{content}; !all.empty();) {
        TRY(const auto extension, all.want(der::sequence, what));
        der::Reader inside{extension.content};
        TRY(const auto oid, inside.want(der::oid, what));
        TRY(const auto critical, inside.maybe(der::boolean, what));
        TRY(const auto value, inside.want(der::octet_string, what));
        if (x509::same(oid.content, x509::oid_list_number)) {
            TRY(list.number, small_integer(value.content, what));
        } else if (x509::same(oid.content, x509::oid_delta_of)) {
            TRY(list.delta_of, small_integer(value.content, what));
        } else if (critical) {
            // RFC 5280 5.2: such a list must not be used. It may be of some certificates only.
            return bad_list("it has the critical extension " + x509::oid_text(oid.content) +
                            ", which is not understood here");
        }
    }
    return {};
}

Result<> take_entries(ByteView content, RevocationList& list) {
    constexpr auto what = "entry of the list";
    for (der::Reader entries{content}; !entries.empty();) {
        TRY(const auto entry, entries.want(der::sequence, what));
        der::Reader inside{entry.content};
        TRY(const auto serial, inside.want(der::integer, what));
        TRY(const auto number, serial_number_from(serial.content));
        list.serials.push_back(number);
    }
    return {};
}

// TBSCertList after its version and algorithm.
Result<> take_body(der::Reader& tbs, RevocationList& list) {
    constexpr auto what = "list of revoked certificates";
    TRY(const auto from, tbs.next(what));
    TRY(list.this_update, der::time(from, "thisUpdate of the list"));
    if (tbs.empty()) return {};
    for (const std::uint8_t tag : {der::utc_time, der::generalized_time}) {
        TRY(const auto until, tbs.maybe(tag, what));
        if (!until) continue;
        TRY(list.next_update, der::time(*until, "nextUpdate of the list"));
        break;
    }
    TRY(const auto entries, tbs.maybe(der::sequence, what));
    if (entries) TRY_VOID(take_entries(entries->content, list));
    TRY(const auto extensions, tbs.maybe(der::context_constructed(0), what));
    if (extensions) {
        TRY(const auto all, der::Reader{extensions->content}.want(der::sequence, what));
        TRY_VOID(take_list_extensions(all.content, list));
    }
    return tbs.want_end(what);
}

bool is_signed_by(const Certificate& issuer, x509::SignatureKind kind, ByteView tbs,
                  ByteView signature) {
    const auto key = PublicKey::from_spki(issuer.spki);
    if (!key) return false;
    const char* digest = kind == x509::SignatureKind::ed25519        ? nullptr
                         : kind == x509::SignatureKind::ecdsa_sha384 ? "SHA384"
                                                                     : "SHA256";
    return verify_signature(handle_of(*key), digest, tbs, signature);
}

}  // namespace

std::string_view to_string(RevocationReason reason) {
    for (const auto& each : reason_names)
        if (each.reason == reason) return each.name;
    return "unspecified";
}

Result<RevocationReason> revocation_reason_from(std::string_view text) {
    std::string all;
    for (const auto& each : reason_names) {
        if (each.name == text) return each.reason;
        all += (all.empty() ? "" : ", ") + std::string(each.name);
    }
    return Error{Errc::invalid_input, "there is no reason '" + std::string(text.substr(0, 40)) +
                                          "'; want one of: " + all};
}

Result<SerialNumber> serial_number_from(ByteView content) {
    while (content.size() > 1 && content[0] == 0) content = content.subspan(1);
    SerialNumber number;
    if (content.empty() || content.size() > number.bytes.size())
        return Error{Errc::invalid_input, "a serial number has " + std::to_string(content.size()) +
                                              " bytes; want 1 to 20"};
    number.size = static_cast<std::uint8_t>(content.size());
    std::copy(content.begin(), content.end(), number.bytes.begin());
    return number;
}

Result<SerialNumber> serial_number_of(std::string_view hex) {
    TRY(const Bytes bytes, from_hex(hex).context("serial number"));
    return serial_number_from(bytes);
}

Result<Bytes> make_revocation_list(const ListOrder& order, const Signer& signer) {
    if (order.next_update <= order.this_update) return bad_list("it ends before it begins");
    static constexpr std::uint8_t version_2[] = {2, 1, 1};
    const Bytes algorithm = x509::signature_algorithm(signer.key.kind());
    Bytes entries;
    entries.reserve(order.revoked.size() * 48);
    for (const auto& one : order.revoked) der::append(entries, entry_of(one));
    if (!entries.empty()) entries = der::element(der::sequence, {entries});
    const Bytes tbs =
        der::element(der::sequence, {version_2, algorithm, signer.certificate.subject,
                                     der::time(order.this_update), der::time(order.next_update),
                                     entries, list_extensions(order, signer.certificate)});
    TRY(const Bytes signature, signer.key.sign(tbs));
    static constexpr std::uint8_t no_unused_bits[] = {0};
    return der::element(
        der::sequence,
        {tbs, algorithm, der::element(der::bit_string, {no_unused_bits, signature})});
}

Result<RevocationList> revocation_list_from_der(ByteView der, const Certificate& issuer) {
    constexpr auto what = "list of revoked certificates";
    der::Reader outside{der};
    TRY(const auto whole, outside.want(der::sequence, what));
    TRY_VOID(outside.want_end(what));
    der::Reader parts{whole.content};
    TRY(const auto tbs, parts.want(der::sequence, what));
    TRY(const auto algorithm, parts.want(der::sequence, what));
    TRY(const auto bits, parts.want(der::bit_string, what));
    TRY(const ByteView signature, der::whole_bits(bits, what));
    TRY(const auto kind, x509::parse_signature_algorithm(algorithm.content, what));
    der::Reader body{tbs.content};
    TRY_VOID(body.maybe(der::integer, "version of the list"));
    TRY(const auto inner, body.want(der::sequence, what));
    if (!x509::same(inner.whole, algorithm.whole))
        return bad_list("it names two signature algorithms");
    TRY(const auto name, body.want(der::sequence, "issuer of the list"));
    // Who signed it first: what strangers wrote is not read any further.
    if (!x509::same(name.whole, issuer.subject) ||
        !is_signed_by(issuer, kind, tbs.whole, signature))
        return Error{Errc::denied, "it is not signed by '" + issuer.subject_cn + "'"};
    RevocationList list;
    TRY_VOID(take_body(body, list));
    return list;
}

std::string revocation_list_to_pem(ByteView der) { return pem::encode(der, "X509 CRL"); }

}  // namespace mw::crypto
