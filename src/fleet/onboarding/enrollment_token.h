#pragma once
// Enrolment tokens: their text, and a group's book of them. Pure; a TokenBook belongs to the
// control loop. Only the SHA-256 of a token is kept.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "platform/crypto/crypto.h"

namespace mw::onboarding {

inline constexpr std::size_t tokens_per_group_max = 100;

// "mwe_GROUP.SECRET": the secret is 32 random bytes, base64url. Names may hold dots, secrets not.
std::string make_token_text(std::string_view group, Random& random);
struct TokenText {
    std::string group;
    crypto::Sha256Digest hash{};  // of the whole text
};
Result<TokenText> parse_token_text(std::string_view text);

struct TokenRecord {
    crypto::Sha256Digest hash{};
    Timestamp created;
    Timestamp expires;
    std::uint64_t uses = 0;
    std::uint64_t uses_left = 0;
};

// What a group's spec limits.
struct GroupLimits {
    Timestamp expires{INT64_MAX};
    std::uint64_t max_uses = UINT64_MAX;
    static Result<GroupLimits> from_spec(const Json& spec);
};

class TokenBook {
 public:
    // From status keys "tokens" and "enrolled" of an EnrollmentGroup; what does not parse is
    // dropped.
    static TokenBook from_status(const Json& status);
    JsonObject to_status() const;  // those two keys, for merge_status

    // Drops expired tokens. invalid_input when there are 100 live ones.
    Result<> add(TokenRecord record, Timestamp now);
    // Takes one use. not_found: no such token; denied: expired, used up, or the group is.
    Result<> claim(const crypto::Sha256Digest& hash, const GroupLimits& limits, Timestamp now);
    void release(const crypto::Sha256Digest& hash);  // gives it back
    // The same for a device that needs no token.
    Result<> count(const GroupLimits& limits, Timestamp now);
    void uncount() { enrolled_ -= enrolled_ > 0 ? 1 : 0; }
    // The token is known and alive, whether or not uses are left: a device asks again.
    bool is_alive(const crypto::Sha256Digest& hash, Timestamp now) const;
    std::uint64_t enrolled() const { return enrolled_; }
    std::size_t size() const { return tokens_.size(); }

 private:
    TokenRecord* record_of(const crypto::Sha256Digest& hash);
    std::vector<TokenRecord> tokens_;
    std::uint64_t enrolled_ = 0;
};

}  // namespace mw::onboarding
