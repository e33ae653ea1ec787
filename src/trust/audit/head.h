#pragma once
// A signed tree head: "at this time the log had so many facts and this root". Heads are chained:
// each covers the hash of the one before. Who keeps one outside the hub can later show that the log
// was cut or rewritten. Values and pure functions; signing takes about 50 us.
// Layout: docs/formats/audit-log.md.

#include <optional>

#include "platform/crypto/crypto.h"
#include "trust/audit/tree.h"

namespace mw::audit {

struct Head {
    std::uint64_t size = 0;
    Hash root{};
    Timestamp time;
    Hash previous{};  // hash of the head before; zeros for the first
    Hash signer{};    // SHA-256 of the certificate chain that vouches for the signature
    Bytes signature;  // Ed25519, 64 bytes

    bool operator==(const Head&) const = default;
};
inline constexpr std::size_t head_bytes = 176;

// Who signs: the hub's "audit" key. May be called on any thread.
class Signer {
 public:
    virtual ~Signer() = default;
    virtual Result<Bytes> sign(ByteView message) const = 0;
    virtual const Bytes& chain() const = 0;  // certificates in DER, the signer's own first
};

// previous: null for the first head.
Result<Head> sign_head(std::uint64_t size, const Hash& root, Timestamp time, const Head* previous,
                       const Signer& signer);

void put_head(Bytes& into, const Head& head);  // head_bytes
Result<Head> read_head(ByteView bytes);
Hash hash_of(const Head& head);  // over all its bytes, the signature too

// denied, with the reason, unless the head's signature is that of the chain, which is for the
// purpose "audit" and leads to an anchor at the head's time.
Result<> verify_head(const Head& head, ByteView chain, const crypto::TrustStore& trust);

Json to_json(const Head& head);
Result<Head> head_from_json(const Json& json);

// Hashes in JSON: base64 of all of them, one after the other.
std::string to_base64(std::span<const Hash> hashes);
Result<std::vector<Hash>> hashes_from_base64(std::string_view text);

}  // namespace mw::audit
