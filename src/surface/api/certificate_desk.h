#pragma once
// Certificates that the hub has issued, as those who run it see and revoke them, for the API;
// apps/hub connects fleet/revocation to it. Control loop.

#include <string>

#include "base/json.h"
#include "platform/loop/loop.h"

namespace mw::api {

class CertificateDesk {
 public:
    virtual ~CertificateDesk() = default;

    struct Question {
        std::string serial, subject;  // empty: any
        std::string state;            // "good", "revoked", "expired"; empty: any
        std::size_t limit = 100;
    };
    // Newest first: objects with serial, subject, state, issued, not_after, fingerprint and, of
    // revoked ones, revoked, reason, why, by. invalid_input: no such state.
    virtual Task<JsonArray> list(Question question) = 0;

    struct Wish {
        std::string user, csr;  // PEM; what names the request has does not count
        nanoseconds lifetime{0};
        std::string actor;
    };
    // {"certificate": PEM with those between it and the root, "serial", "not_after"}; the fact is
    // written when it returns.
    virtual Task<Json> issue(Wish wish) = 0;

    struct Order {
        std::string serial, subject;  // one of them
        std::string reason, why, actor;
    };
    // {"revoked":[{"serial","subject"}],"sessions_ended":n}; in effect when it returns.
    virtual Task<Json> revoke(Order order) = 0;
};

}  // namespace mw::api
