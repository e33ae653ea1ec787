#include "trust/audit/head.h"

#include <algorithm>

#include "trust/identity/identity.h"

namespace mw::audit {
namespace {

constexpr std::size_t signature_bytes = 64;
constexpr std::size_t path_max = 128;
// A signature of this key over anything else never begins like this.
constexpr std::string_view purpose_tag = "mw-audit-head-1\n";

template <class T>
void put_number(Bytes& into, T value) {
    const auto at = into.size();
    into.resize(at + sizeof value);
    store_le(into.data() + at, value);
}

void put_content(Bytes& into, const Head& head) {
    put_number(into, head.size);
    into.insert(into.end(), head.root.begin(), head.root.end());
    put_number(into, head.time.ns);
    into.insert(into.end(), head.previous.begin(), head.previous.end());
    into.insert(into.end(), head.signer.begin(), head.signer.end());
}

Bytes signed_message(const Head& head) {
    const auto tag = bytes_of(purpose_tag);
    Bytes message(tag.begin(), tag.end());
    put_content(message, head);
    return message;
}

Result<Hash> want_hash(const Json& json, const char* key) {
    TRY(const auto text, want_string(json, key));
    TRY(const auto hashes, hashes_from_base64(text).context(key));
    if (hashes.size() == 1) return hashes[0];
    return Error{Errc::invalid_input, std::string(key) + ": want one hash"};
}

}  // namespace

Result<Head> sign_head(std::uint64_t size, const Hash& root, Timestamp time, const Head* previous,
                       const Signer& signer) {
    Head head{size, root, time, {}, crypto::sha256(signer.chain()), {}};
    if (previous) head.previous = hash_of(*previous);
    TRY(head.signature, signer.sign(signed_message(head)).context("sign the audit log's head"));
    if (head.signature.size() != signature_bytes)
        return Error{Errc::invalid_input, "the audit key is not an Ed25519 key"};
    return head;
}

void put_head(Bytes& into, const Head& head) {
    ASSERT(head.signature.size() == signature_bytes);
    put_content(into, head);
    into.insert(into.end(), head.signature.begin(), head.signature.end());
}

Result<Head> read_head(ByteView bytes) {
    if (bytes.size() != head_bytes)
        return Error{Errc::corrupt, "a head has " + std::to_string(head_bytes) + " bytes, not " +
                                        std::to_string(bytes.size())};
    Head head;
    const auto take = [&](Hash& into) {
        std::copy_n(bytes.begin(), into.size(), into.begin());
        bytes = bytes.subspan(into.size());
    };
    head.size = load_le<std::uint64_t>(bytes.data());
    bytes = bytes.subspan(8);
    take(head.root);
    head.time = {load_le<std::int64_t>(bytes.data())};
    bytes = bytes.subspan(8);
    take(head.previous);
    take(head.signer);
    head.signature.assign(bytes.begin(), bytes.end());
    return head;
}

Hash hash_of(const Head& head) {
    Bytes bytes;
    put_head(bytes, head);
    return crypto::sha256(bytes);
}

Result<> verify_head(const Head& head, ByteView chain, const crypto::TrustStore& trust) {
    const auto which = "the head at fact " + std::to_string(head.size);
    if (crypto::sha256(chain) != head.signer)
        return Error{Errc::denied, which + ": another certificate vouches for it"};
    return identity::verify_signed(signed_message(head), head.signature, chain, trust, "audit",
                                   head.time)
        .context(which);
}

std::string to_base64(std::span<const Hash> hashes) {
    Bytes bytes;
    for (const auto& hash : hashes) bytes.insert(bytes.end(), hash.begin(), hash.end());
    return mw::to_base64(bytes);
}

Result<std::vector<Hash>> hashes_from_base64(std::string_view text) {
    TRY(const auto bytes, from_base64(text));
    if (bytes.size() % sizeof(Hash) != 0 || bytes.size() / sizeof(Hash) > path_max)
        return Error{Errc::invalid_input, "want hashes of 32 bytes in base64"};
    std::vector<Hash> hashes(bytes.size() / sizeof(Hash));
    for (std::size_t i = 0; i < hashes.size(); ++i)
        std::copy_n(bytes.begin() + std::ptrdiff_t(i * sizeof(Hash)), sizeof(Hash),
                    hashes[i].begin());
    return hashes;
}

Json to_json(const Head& head) {
    return JsonObject{{"size", head.size},
                      {"root", to_base64({&head.root, 1})},
                      {"time", to_iso8601(head.time)},
                      {"previous", to_base64({&head.previous, 1})},
                      {"signer", to_base64({&head.signer, 1})},
                      {"signature", mw::to_base64(head.signature)}};
}

Result<Head> head_from_json(const Json& json) {
    Head head;
    const auto size = find_integer(json, "size");
    if (!size || *size < 1)
        return Error{Errc::invalid_input, "size: want a whole number above zero"};
    head.size = static_cast<std::uint64_t>(*size);
    TRY(head.root, want_hash(json, "root"));
    TRY(const auto time, want_string(json, "time"));
    TRY(head.time, parse_iso8601(time).context("time"));
    TRY(head.previous, want_hash(json, "previous"));
    TRY(head.signer, want_hash(json, "signer"));
    TRY(const auto signature, want_string(json, "signature"));
    TRY(head.signature, from_base64(signature).context("signature"));
    if (head.signature.size() != signature_bytes)
        return Error{Errc::invalid_input, "signature: want 64 bytes in base64"};
    return head;
}

}  // namespace mw::audit
