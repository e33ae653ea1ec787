#pragma once
// One line of issuing authorities: the one that signs, and those before it that have not ended.
// Values; the control loop's. Inside trust/identity only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "platform/files/files.h"
#include "trust/identity/authority_options.h"
#include "trust/identity/peers.h"

namespace mw::identity {

// A certificate of an authority and its key.
struct Signing {
    crypto::Certificate certificate;
    crypto::PrivateKey key;
};

class IssuingLine {
 public:
    struct Pki {
        files::Files& files;
        const Clock& clock;
        Random& random;
        const AuthorityOptions& options;
    };
    struct Root {
        const crypto::Certificate& certificate;
        const std::optional<crypto::PrivateKey>& key;  // it may be in a safe
    };
    struct Former {
        crypto::Certificate certificate;
        std::optional<crypto::PrivateKey> key;
    };

    // Reads what there is, or makes the first one, which wants the root's key.
    static Result<IssuingLine> open(const Pki& pki, const Root& root, IssuerOrder order);
    // Another one below the same root when this one is due: true when so. Without the root's key
    // the error says so, once the time has come.
    Result<bool> renew_if_due(const Pki& pki, const Root& root);

    const IssuerOrder& order() const { return order_; }
    const crypto::Certificate& certificate() const { return current_->certificate; }
    const std::shared_ptr<const Signing>& signing() const { return current_; }
    const std::vector<Former>& former() const { return former_; }
    // Whose certificates count, the newest first.
    std::vector<Vouching> vouching() const;

 private:
    IssuingLine() = default;
    Result<> read(const Pki& pki, const Root& root);
    Result<> read_former(const Pki& pki);
    Result<> make(const Pki& pki, const Root& root, std::optional<crypto::PrivateKey> key);
    Result<> take(const Pki& pki, const Root& root, crypto::Certificate certificate);
    std::string new_name(const Pki& pki, const Root& root) const;

    IssuerOrder order_;
    std::shared_ptr<const Signing> current_;
    std::vector<Former> former_;
};

}  // namespace mw::identity
