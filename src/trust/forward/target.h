#pragma once
// Private to this module: one place that takes facts, and how facts look on the way. Formats:
// docs/formats/audit-forward.md.

#include "trust/forward/forward.h"

namespace mw::forward {

class Target {
 public:
    virtual ~Target() = default;
    // All of them or an error, after which they are sent again.
    virtual Task<> send(std::vector<audit::Fact> facts) = 0;
};
struct TargetParts {
    Loop& loop;
    Workers& workers;
    const Clock& clock;
    std::string host;
    Pace pace;
};
std::unique_ptr<Target> syslog_target(TargetOptions options, TargetParts parts);
std::unique_ptr<Target> webhook_target(TargetOptions options, TargetParts parts);

struct SyslogAddress {
    bool tls = false;
    std::string host;
    std::uint16_t port = 0;
};
Result<SyslogAddress> syslog_address(std::string_view text);

Json forwarded(const audit::Fact& fact);
// "LENGTH MESSAGE"
std::string syslog_frame(const audit::Fact& fact, std::string_view host);
std::string webhook_body(const std::vector<audit::Fact>& facts, std::string_view host);
// "t=SECONDS,v1=HEX": HMAC-SHA-256 over "SECONDS.BODY".
std::string webhook_signature(std::string_view secret, Timestamp now, std::string_view body);

}  // namespace mw::forward
