#pragma once
// Keys that stay inside of a token (PKCS#11): a hardware module, a smart card, SoftHSM. One module,
// one PIN; any thread may sign, one at a time, and waits for the token, which may take
// milliseconds. A token that goes away is looked for again at each signature, at most once a
// second; keys that were found before are found again. P-256, P-384 and RSA.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "platform/crypto/key.h"

namespace mw::crypto {

struct TokenOptions {
    std::string module;  // the vendor's library, as /usr/lib/softhsm/libsofthsm2.so
    // Read anew at each login, and kept nowhere. One that the token refused is not tried again:
    // three wrong ones lock most tokens.
    std::function<Result<std::string>()> pin;
    nanoseconds pause = seconds{1};  // after a failure, before the next try
};

struct TokenHealth {
    bool reachable = true;  // as the last signature found it
    std::uint64_t signatures = 0, failures = 0;
    std::string reason;  // of the last failure
};

class Token : public std::enable_shared_from_this<Token> {
 public:
    // Nothing is opened before the first key is asked for. The clock outlives the token.
    static std::shared_ptr<Token> make(TokenOptions options, const Clock& clock);
    ~Token();
    Token(const Token&) = delete;

    // Looks now. not_found: no such token or key; invalid_input: the URI, or two keys fit it.
    Result<PrivateKey> find(std::string_view uri);
    // The key of a certificate, without a look: what it signs is checked by the public key when
    // it is found. The token may be away.
    Result<PrivateKey> expect(std::string_view uri, const PublicKey& of);
    TokenHealth health() const;

 private:
    class Session;
    class KeyInside;
    explicit Token(std::unique_ptr<Session> session);
    std::unique_ptr<Session> session_;
};

}  // namespace mw::crypto
