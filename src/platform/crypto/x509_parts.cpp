#include "platform/crypto/x509_parts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>

namespace mw::crypto::x509 {
namespace {

constexpr std::size_t names_max = 100;
constexpr std::size_t extensions_max = 50;
constexpr std::size_t uses_max = 50;

// Attributes of a subject that name somebody by themselves: RFC 2985 5.2.1, RFC 4519 2.39 and 2.4,
// RFC 2985 5.4.3.
struct Identity {
    std::string_view oid;
    std::string_view name;
};
constexpr Identity identity_attributes[] = {{"1.2.840.113549.1.9.1", "emailAddress"},
                                            {"0.9.2342.19200300.100.1.1", "userId"},
                                            {"0.9.2342.19200300.100.1.25", "domainComponent"},
                                            {"1.2.840.113549.1.9.2", "unstructuredName"},
                                            {"1.2.840.113549.1.9.8", "unstructuredAddress"}};

Error wrong(std::string_view what, std::string_view why) {
    return Error{Errc::invalid_input, std::string(what) + ": " + std::string(why)};
}

// Text that people and logs will see: no control characters, and never a zero byte, at which C
// programs would stop reading.
bool is_printable(ByteView text) {
    return std::ranges::all_of(text, [](std::uint8_t c) { return c >= 0x20 && c != 0x7f; });
}

Result<std::string> ia5_text(ByteView content, std::string_view what) {
    if (content.empty()) return wrong(what, "is empty");
    for (auto c : content)
        if (c <= 0x20 || c >= 0x7f) return wrong(what, "has a character that is not plain ASCII");
    return std::string(text_of(content));
}

Result<std::string> address_text(ByteView content) {
    char text[INET6_ADDRSTRLEN];
    if (content.size() != 4 && content.size() != 16)
        return wrong("alternative name",
                     "an address has " + std::to_string(content.size()) + " bytes; want 4 or 16");
    inet_ntop(content.size() == 4 ? AF_INET : AF_INET6, content.data(), text, sizeof text);
    return std::string(text);
}

Result<> parse_basic_constraints(ByteView value, Extensions& out) {
    constexpr auto what = "basic constraints";
    der::Reader reader{value};
    TRY(auto body, reader.want(der::sequence, what));
    TRY_VOID(reader.want_end(what));
    der::Reader inside{body.content};
    TRY(auto ca, inside.maybe(der::boolean, what));
    if (ca && ca->content.size() != 1) return wrong(what, "has a truth value of the wrong size");
    out.is_ca = ca && ca->content[0] != 0;
    return {};
}

Result<> parse_key_usage(ByteView value, Extensions& out) {
    der::Reader reader{value};
    TRY(auto bits, reader.want(der::bit_string, "key usage"));
    // Bit 5 (from the top) is keyCertSign, 6 is cRLSign: RFC 5280 4.2.1.3.
    out.signs_certificates = bits.content.size() >= 2 && (bits.content[1] & 0x04);
    out.signs_lists = bits.content.size() >= 2 && (bits.content[1] & 0x02);
    return {};
}

struct KnownUse {
    Use use;
    ByteView name;
};
constexpr KnownUse known_uses[] = {{Use::client, oid_client_auth},
                                   {Use::server, oid_server_auth},
                                   {Use::code_signing, oid_code_signing}};

Result<> parse_extended_key_usage(ByteView value, Extensions& out) {
    constexpr auto what = "extended key usage";
    der::Reader reader{value};
    TRY(auto body, reader.want(der::sequence, what));
    out.limits_use = true;
    for (der::Reader uses{body.content}; !uses.empty();) {
        TRY(auto use, uses.want(der::oid, what));
        bool any = same(use.content, oid_any_usage);
        out.client_auth |= any || same(use.content, oid_client_auth);
        out.server_auth |= any || same(use.content, oid_server_auth);
        out.code_signing |= same(use.content, oid_code_signing);
        for (const auto& [known, name] : known_uses)
            if (same(use.content, name) && std::ranges::find(out.uses, known) == out.uses.end())
                out.uses.push_back(known);
        if (!same(use.content, oid_client_auth)) {
            if (out.foreign_uses.size() >= uses_max) return wrong(what, "too many uses");
            out.foreign_uses.push_back(oid_text(use.content));
        }
    }
    return {};
}

Result<> parse_extension(ByteView oid, ByteView value, Extensions& out) {
    if (same(oid, oid_basic_constraints)) return parse_basic_constraints(value, out);
    if (same(oid, oid_key_usage)) return parse_key_usage(value, out);
    if (same(oid, oid_extended_key_usage)) return parse_extended_key_usage(value, out);
    der::Reader reader{value};
    if (!same(oid, oid_alternative_name) && !same(oid, oid_subject_key_id))
        out.unknown.push_back(oid_text(oid));
    if (same(oid, oid_alternative_name)) {
        TRY(auto names, reader.want(der::sequence, "alternative names"));
        TRY_VOID(reader.want_end("alternative names"));
        TRY(out.names, parse_alternative_names(names.content));
    }
    if (same(oid, oid_subject_key_id)) {
        TRY(auto id, reader.want(der::octet_string, "subject key identifier"));
        out.subject_key_id.assign(id.content.begin(), id.content.end());
    }
    return {};
}

}  // namespace

bool same(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

std::string oid_text(ByteView content) {
    std::string text;
    std::uint64_t arc = 0;
    for (std::uint8_t byte : content) {
        if (arc >> 57) return "?";
        arc = arc << 7 | (byte & 0x7f);
        if (byte & 0x80) continue;
        if (text.empty()) {  // X.690 8.19.4: the first two in one
            const std::uint64_t top = std::min<std::uint64_t>(arc / 40, 2);
            text = std::to_string(top) + "." + std::to_string(arc - top * 40);
        } else {
            text += "." + std::to_string(arc);
        }
        arc = 0;
    }
    return text.empty() || (content.back() & 0x80) ? "?" : text;
}

Result<Name> parse_name(ByteView content, std::string_view what) {
    Name name;
    bool named = false;
    for (der::Reader parts{content}; !parts.empty();) {
        TRY(auto part, parts.want(der::set, what));
        for (der::Reader attributes{part.content}; !attributes.empty();) {
            TRY(auto attribute, attributes.want(der::sequence, what));
            der::Reader inside{attribute.content};
            TRY(auto oid, inside.want(der::oid, what));
            TRY(auto value, inside.next(what));
            TRY_VOID(inside.want_end(what));
            if (same(oid.content, oid_serial_number)) {
                if (!name.serial_number.empty()) return wrong(what, "has two serial numbers");
                if (!is_printable(value.content))
                    return wrong(what, "the serial number has a control character");
                name.serial_number = text_of(value.content);
            }
            if (!same(oid.content, oid_common_name)) {
                if (++name.other_attributes > static_cast<int>(names_max))
                    return wrong(what, "has too many parts");
                const std::string number = oid_text(oid.content);
                for (const Identity& each : identity_attributes)
                    if (each.oid == number) name.identities.emplace_back(each.name);
                continue;
            }
            if (named) return wrong(what, "has more than one common name");
            if (value.tag != der::utf8_string && value.tag != der::printable_string &&
                value.tag != der::ia5_string)
                return wrong(what, "the common name is not UTF-8 or printable text");
            if (!is_printable(value.content))
                return wrong(what, "the common name has a control character");
            name.common_name = text_of(value.content);
            named = true;
        }
    }
    return name;
}

Bytes make_name(std::string_view common_name, std::string_view serial_number) {
    const auto part = [](ByteView type, std::uint8_t tag, std::string_view text) {
        const auto attribute =
            der::element(der::sequence, {der::element(der::oid, {type}), der::element(tag, text)});
        return der::element(der::set, {attribute});
    };
    const auto named = part(oid_common_name, der::utf8_string, common_name);
    if (serial_number.empty()) return der::element(der::sequence, {named});
    return der::element(der::sequence,
                        {named, part(oid_serial_number, der::printable_string, serial_number)});
}

Result<AlternativeNames> parse_alternative_names(ByteView content) {
    constexpr auto what = "alternative name";
    AlternativeNames names;
    std::size_t count = 0;
    for (der::Reader reader{content}; !reader.empty();) {
        TRY(auto name, reader.next(what));
        if (++count > names_max)
            return wrong("alternative names", "more than " + std::to_string(names_max));
        if (name.tag == der::context(2)) {
            TRY(auto text, ia5_text(name.content, what));
            names.dns.push_back(std::move(text));
        } else if (name.tag == der::context(6)) {
            TRY(auto text, ia5_text(name.content, what));
            names.uris.push_back(std::move(text));
        } else if (name.tag == der::context(7)) {
            TRY(auto text, address_text(name.content));
            names.addresses.push_back(std::move(text));
        } else if (name.tag == der::context(1)) {
            TRY(auto text, ia5_text(name.content, what));
            names.other.push_back("email:" + text);
        } else {
            char tag[8];
            std::snprintf(tag, sizeof tag, "%02x", name.tag);
            names.other.push_back(name.tag == der::context_constructed(0)   ? "otherName"
                                  : name.tag == der::context_constructed(4) ? "directoryName"
                                  : name.tag == der::context(8)             ? "registeredID"
                                                                : "kind " + std::string(tag));
        }
    }
    return names;
}

Result<Bytes> make_alternative_names(const AlternativeNames& names) {
    Bytes content;
    for (const auto& text : names.dns) der::append(content, der::element(der::context(2), text));
    for (const auto& text : names.uris) der::append(content, der::element(der::context(6), text));
    for (const auto& text : names.addresses) {
        std::uint8_t address[16];
        std::size_t size = inet_pton(AF_INET, text.c_str(), address) == 1    ? 4
                           : inet_pton(AF_INET6, text.c_str(), address) == 1 ? 16
                                                                             : 0;
        if (size == 0) return wrong("alternative name", "'" + text + "' is not an IP address");
        der::append(content, der::element(der::context(7), {ByteView{address, size}}));
    }
    for (const auto& list : {names.dns, names.uris})
        for (const auto& text : list)
            if (auto plain = ia5_text(bytes_of(text), "alternative name '" + text + "'"); !plain)
                return std::move(plain).error();
    if (names.dns.size() + names.uris.size() + names.addresses.size() > names_max)
        return wrong("alternative names", "more than " + std::to_string(names_max));
    return der::element(der::sequence, {content});
}

Result<Extensions> parse_extensions(ByteView content) {
    Extensions out;
    std::vector<ByteView> seen;
    for (der::Reader list{content}; !list.empty();) {
        TRY(auto extension, list.want(der::sequence, "extension"));
        der::Reader inside{extension.content};
        TRY(auto oid, inside.want(der::oid, "extension"));
        TRY(auto critical, inside.maybe(der::boolean, "extension"));
        if (critical && critical->content.size() != 1) return wrong("extension", "is malformed");
        TRY(auto value, inside.want(der::octet_string, "extension"));
        TRY_VOID(inside.want_end("extension"));
        if (seen.size() >= extensions_max) return wrong("extensions", "too many");
        for (const auto& before : seen)
            if (same(before, oid.content)) return wrong("extensions", "one appears twice");
        seen.push_back(oid.content);
        TRY_VOID(parse_extension(oid.content, value.content, out));
    }
    return out;
}

Bytes make_extension(ByteView oid, bool critical, ByteView value) {
    static constexpr std::uint8_t yes[] = {0x01, 0x01, 0xff};
    return der::element(der::sequence,
                        {der::element(der::oid, {oid}), critical ? ByteView{yes} : ByteView{},
                         der::element(der::octet_string, {value})});
}

Bytes make_extended_key_usage(std::span<const Use> uses) {
    Bytes names;
    for (const Use use : uses)
        for (const auto& [known, name] : known_uses)
            if (known == use) der::append(names, der::element(der::oid, {name}));
    return make_extension(oid_extended_key_usage, false, der::element(der::sequence, {names}));
}

Bytes make_distribution_point(std::string_view url) {
    const Bytes name = der::element(der::context(6), url);
    const Bytes full = der::element(der::context_constructed(0), {name});
    const Bytes point = der::element(der::context_constructed(0), {full});
    return der::element(der::sequence, {der::element(der::sequence, {point})});
}

Bytes make_authority_key_id(ByteView key_id) {
    return make_extension(oid_authority_key_id, false,
                          der::element(der::sequence, {der::element(der::context(0), {key_id})}));
}

Result<SpkiFacts> parse_spki(ByteView whole) {
    constexpr auto what = "public key";
    der::Reader outside{whole};
    TRY(auto spki, outside.want(der::sequence, what));
    TRY_VOID(outside.want_end(what));
    der::Reader reader{spki.content};
    TRY(auto algorithm, reader.want(der::sequence, what));
    TRY(auto bits, reader.want(der::bit_string, what));
    TRY_VOID(reader.want_end(what));
    SpkiFacts facts;
    TRY(facts.public_bits, der::whole_bits(bits, what));
    der::Reader inside{algorithm.content};
    TRY(auto oid, inside.want(der::oid, what));
    if (same(oid.content, oid_ed25519)) {
        if (facts.public_bits.size() != 32 || !inside.empty())
            return wrong(what, "is not a well-formed Ed25519 key");
        facts.kind = KeyKind::ed25519, facts.bits = 256;
    } else if (same(oid.content, oid_ec_key)) {
        TRY(auto curve, inside.want(der::oid, "public key curve (want a named one)"));
        bool p256 = same(curve.content, oid_p256), p384 = same(curve.content, oid_p384);
        if (!p256 && !p384) return facts;
        std::size_t size = p256 ? 65 : 97;
        if (facts.public_bits.size() != size || facts.public_bits[0] != 4)
            return wrong(what, "is not an uncompressed point of its curve");
        facts.kind = p256 ? KeyKind::p256 : KeyKind::p384, facts.bits = p256 ? 256 : 384;
    } else if (same(oid.content, oid_rsa)) {
        der::Reader outer{facts.public_bits};
        TRY(auto key, outer.want(der::sequence, what));
        der::Reader numbers{key.content};
        TRY(auto modulus, numbers.want(der::integer, what));
        ByteView n = modulus.content;
        while (!n.empty() && n[0] == 0) n = n.subspan(1);
        facts.kind = KeyKind::rsa;
        facts.bits = n.empty() ? 0 : static_cast<int>(n.size() * 8) - std::countl_zero(n[0]);
        TRY(auto exponent, numbers.want(der::integer, what));
        ByteView e = exponent.content;
        while (!e.empty() && e[0] == 0) e = e.subspan(1);
        if (e.size() <= 8)
            for (std::uint8_t byte : e) facts.rsa_exponent = facts.rsa_exponent << 8 | byte;
    }
    return facts;
}

Result<Bytes> key_id(ByteView spki) {
    TRY(auto facts, parse_spki(spki));
    auto digest = sha256(facts.public_bits);
    return Bytes(digest.begin(), digest.begin() + 20);
}

Bytes signature_algorithm(KeyKind kind) {
    if (kind == KeyKind::rsa) {  // RFC 4055 5: with NULL
        static constexpr std::uint8_t null[] = {5, 0};
        return der::element(der::sequence, {der::element(der::oid, {oid_rsa_sha256}), null});
    }
    ByteView oid = kind == KeyKind::ed25519 ? ByteView{oid_ed25519}
                   : kind == KeyKind::p384  ? ByteView{oid_ecdsa_sha384}
                                            : ByteView{oid_ecdsa_sha256};
    return der::element(der::sequence, {der::element(der::oid, {oid})});
}

Result<SignatureKind> parse_signature_algorithm(ByteView content, std::string_view what) {
    der::Reader reader{content};
    TRY(auto oid, reader.want(der::oid, what));
    if (same(oid.content, oid_ecdsa_sha256)) return SignatureKind::ecdsa_sha256;
    if (same(oid.content, oid_ecdsa_sha384)) return SignatureKind::ecdsa_sha384;
    if (same(oid.content, oid_ed25519)) return SignatureKind::ed25519;
    if (same(oid.content, oid_rsa_sha256)) return SignatureKind::rsa_sha256;
    return wrong(
        what,
        "the signature algorithm is not supported; sign with ECDSA or RSA over SHA-256, or "
        "Ed25519");
}

}  // namespace mw::crypto::x509
