#pragma once
// What was done: the shape of an audit fact, its bytes, its hash chain and the stable names of
// actions. Pure functions; whoever stores facts (data/registry) appends them in the transaction of
// the deed. A fact's hash covers the one before it, so a changed, removed or reordered fact breaks
// the chain. Layout: docs/formats/audit-fact.md.

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace mw::audit {

using Hash = std::array<std::uint8_t, 32>;

inline constexpr std::uint8_t fact_version = 3;
inline constexpr std::size_t salt_bytes = 16;

struct Fact {
    std::uint64_t sequence = 0;  // 1, 2, 3 ... without gaps
    Timestamp time;
    std::string actor;   // "user:ada", "device:gw-1", "hub", "stranger:192.0.2.7"
    std::string action;  // one of the names below, or a verb on a resource
    std::string kind;    // empty when no resource was touched
    std::string name;
    std::uint64_t revision = 0;
    std::string detail;      // one line, at most max_detail bytes, no secrets
    std::string controls{};  // ids of controls, as "A.8.32,MANAGE 4.1"; empty: none named
    Hash hash{};
    std::uint8_t version = fact_version;  // of its bytes; version 1 has no controls
    // Version 3: the hash covers actor, name and detail by way of this, so that they can be taken
    // out later. The salt keeps short names from being guessed; without it they were taken out.
    Hash personal{};
    Bytes salt{};
    bool redacted() const { return version == 3 && salt.empty(); }
};
inline constexpr std::size_t max_detail = 1024;

// Actions on resources are the verbs: create, replace, patch, status, delete. Others:
namespace action {
inline constexpr std::string_view login = "login";
inline constexpr std::string_view login_refused = "login.refused";
inline constexpr std::string_view access_refused = "access.refused";
inline constexpr std::string_view token_issued = "token.issued";
inline constexpr std::string_view tokens_revoked = "tokens.revoked";
inline constexpr std::string_view enroll_token_issued = "enroll.token.issued";
inline constexpr std::string_view enroll = "enroll";
inline constexpr std::string_view enroll_refused = "enroll.refused";
inline constexpr std::string_view enroll_requested = "enroll.requested";
inline constexpr std::string_view enroll_approved = "enroll.approved";
inline constexpr std::string_view enroll_denied = "enroll.denied";
inline constexpr std::string_view certificate_issued = "certificate.issued";  // a user's
inline constexpr std::string_view certificate_revoked = "certificate.revoked";
inline constexpr std::string_view blob_stored = "blob.stored";
inline constexpr std::string_view query = "query";
inline constexpr std::string_view audit_redacted = "audit.redacted";
inline constexpr std::string_view mqtt_kick = "mqtt.kick";
inline constexpr std::string_view backup_create = "backup.create";
inline constexpr std::string_view backup_restore = "backup.restore";  // at the start after it
inline constexpr std::string_view history_delete = "history.delete";  // what a device sent
inline constexpr std::string_view mqtt_trace = "mqtt.trace";          // with payloads
}  // namespace action

// Gives a fact of version 3 its salt (salt_bytes, random) and what it says of its personal part;
// before its hash is made.
void seal(Fact& fact, ByteView salt);
// The same fact without actor, name and detail. Its hash stays, and all that follows.
void redact(Fact& fact);

// The canonical bytes, which the hash covers, added to `into`. The hash is not among them.
void put_fact(Bytes& into, const Fact& fact);
// What stands behind them where a fact is stored whole: the personal part of version 3, unless it
// was redacted.
void put_personal(Bytes& into, const Fact& fact);

// The same fact in its bytes: the texts point into them.
struct FactView {
    std::size_t hashed = 0;  // so many of the bytes are the canonical ones
    std::uint64_t sequence = 0;
    std::uint8_t version = 0;
    Timestamp time;
    std::uint64_t revision = 0;
    bool redacted = false;
    std::string_view actor, action, kind, name, detail, controls;
};
// corrupt unless it is one whole fact, redacted or with a personal part that is the right one.
Result<FactView> read_fact(ByteView bytes);
// corrupt unless the personal part is what the hash covers, or was redacted.
Result<> check_personal(const Fact& fact);

// SHA-256 over the previous hash (zeros before the first) and the fact's bytes.
Hash chain(const Hash& previous, ByteView fact_bytes);
Hash chain(const Hash& previous, const Fact& fact);

// Cuts control characters, broken UTF-8 and overlong text, so that a fact stays one readable line.
std::string one_line(std::string_view text);

Json to_json(const Fact& fact);
Result<Fact> fact_from_json(const Json& json);  // invalid_input names the key

// "facts 17, 18: why", the detail of an audit.redacted fact, as it is written and read.
std::string redaction_text(std::span<const std::uint64_t> sequences, std::string_view why);
inline constexpr std::size_t redacted_at_once = 32;

// Watches a walk for facts that were redacted: each has to be named by a later fact that says by
// whom and why. Otherwise whoever has the log could take out what it says of them.
class Redactions {
 public:
    Result<> take(std::uint64_t sequence, bool redacted, std::string_view action,
                  std::string_view detail);
    Result<> finish() const;  // corrupt: one was taken out in silence

 private:
    std::set<std::uint64_t> open_;  // redacted, and not named yet
};

// Walks facts in order; says which one does not follow from the one before it.
class Verifier {
 public:
    Verifier() = default;
    Verifier(std::uint64_t sequence, const Hash& last) : sequence_(sequence), last_(last) {}
    Result<> take(const Fact& fact);
    // bytes: the canonical ones of fact `sequence`, whose personal part was checked; hash: what is
    // stored with them.
    Result<> take(std::uint64_t sequence, ByteView bytes, const Hash& hash);
    std::uint64_t sequence() const { return sequence_; }
    const Hash& last() const { return last_; }

 private:
    std::uint64_t sequence_ = 0;
    Hash last_{};
    Bytes scratch_;
};

}  // namespace mw::audit
