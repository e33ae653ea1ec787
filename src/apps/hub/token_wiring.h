#pragma once
// The token (PKCS#11) that holds keys of the authorities, as hub.yaml names it, and its metrics.

#include <memory>

#include "apps/hub/hub_options.h"
#include "base/metrics.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"

namespace mw::hub {

// Null if the options name none. Clock and files outlive it.
std::shared_ptr<crypto::Token> token_of(const HubOptions& options, files::Files& files,
                                        const Clock& clock);

// Control loop.
class TokenWatch {
 public:
    TokenWatch(std::shared_ptr<crypto::Token> token, metrics::Registry& registry);
    void look();  // once a second

 private:
    std::shared_ptr<crypto::Token> token_;
    crypto::TokenHealth told_;
    metrics::Gauge& reachable_;
    metrics::Counter& signatures_;
    metrics::Counter& failures_;
};

}  // namespace mw::hub
