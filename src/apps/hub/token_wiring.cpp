#include "apps/hub/token_wiring.h"

#include "apps/hub/secret_file.h"

namespace mw::hub {

std::shared_ptr<crypto::Token> token_of(const HubOptions& options, files::Files& files,
                                        const Clock& clock) {
    if (options.token_module.empty()) return nullptr;
    crypto::TokenOptions token;
    token.module = options.token_module;
    const std::string& pin = options.token_pin_file;
    if (!pin.empty())
        token.pin = [&files,
                     path = pin.starts_with('/') ? pin : files::join(options.directory, pin)] {
            return read_secret(files, path);
        };
    return crypto::Token::make(std::move(token), clock);
}

TokenWatch::TokenWatch(std::shared_ptr<crypto::Token> token, metrics::Registry& registry)
    : token_(std::move(token)),
      reachable_(registry.gauge("millwright_token_reachable",
                                "1 if the last signature by the token (PKCS#11) succeeded.")),
      signatures_(
          registry.counter("millwright_token_signatures_total", "Signatures made by the token.")),
      failures_(registry.counter("millwright_token_failures_total",
                                 "Signatures that the token did not make.")) {
    reachable_.set(1);
}

void TokenWatch::look() {
    const crypto::TokenHealth now = token_->health();
    reachable_.set(now.reachable ? 1 : 0);
    signatures_.add(now.signatures - told_.signatures);
    failures_.add(now.failures - told_.failures);
    told_ = now;
}

}  // namespace mw::hub
