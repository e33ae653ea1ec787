#pragma once
// SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, as a method of enhanced authentication: a
// service or a user proves a password besides its certificate; the name in the exchange is that of
// the certificate. What is kept per name is a salted verifier, which lets nobody in. Pure values,
// one thread. Limits: 2,048 bytes a message, 10,000 names; passwords are printable ASCII.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "platform/crypto/crypto.h"
#include "protocols/mqtt/authenticator.h"

namespace mw::mqtt {

inline constexpr std::string_view scram_method = "SCRAM-SHA-256";
inline constexpr unsigned scram_rounds = 100'000;  // of new verifiers; at least 4,096 (RFC 7677 4)

struct ScramVerifier {
    unsigned rounds = scram_rounds;
    Bytes salt;
    crypto::Sha256Digest stored_key{};
    crypto::Sha256Digest server_key{};
    bool operator==(const ScramVerifier&) const = default;
};

// invalid_input for a password that is empty, longer than 1,024 bytes, or not printable ASCII.
Result<ScramVerifier> scram_verifier(std::string_view password, ByteView salt, unsigned rounds);
// "SCRAM-SHA-256$ROUNDS:SALT$STORED_KEY:SERVER_KEY", base64 but for the rounds.
std::string to_text(const ScramVerifier& verifier);
Result<ScramVerifier> scram_verifier_from_text(std::string_view text);

// One exchange. user: whose certificate it is. Without a verifier it goes the same way, and fails
// where a wrong password does.
class ScramExchange final : public Exchange {
 public:
    ScramExchange(std::string user, const ScramVerifier& verifier, bool known, std::string nonce)
        : user_(std::move(user)), verifier_(verifier), known_(known), nonce_(std::move(nonce)) {}
    Answer step(ByteView data) override;

 private:
    Answer first(std::string_view message);
    Answer last(std::string_view message);
    std::string user_;
    ScramVerifier verifier_;
    bool known_;
    std::string nonce_;       // the server's part, then the whole
    std::string gs2_header_;  // what the client's first message began with
    std::string transcript_;  // AuthMessage, as far as it has come
    bool first_done_ = false;
};

// Who is in the file must prove his password; nobody else can.
class ScramAuthenticator final : public Authenticator {
 public:
    // The text of a credentials file: lines "NAME VERIFIER"; '#' begins a comment. invalid_input
    // names the line.
    static Result<std::unique_ptr<ScramAuthenticator>> open(std::string_view file, Random& random);

    std::unique_ptr<Exchange> begin(std::string_view method, const Identity& identity) override;
    std::string_view required_method(const Identity& identity) const override;
    std::size_t size() const { return verifiers_.size(); }

 private:
    explicit ScramAuthenticator(Random& random) : random_(random) {}
    const ScramVerifier* find(const Identity& identity) const;
    Random& random_;
    std::map<std::string, ScramVerifier, std::less<>> verifiers_;
    Bytes secret_;  // salts of names that are not there come from it: each has one, always the same
    unsigned rounds_ = scram_rounds;  // and theirs
};

}  // namespace mw::mqtt
