#pragma once
// Carries audit facts to other places as they come: JSON in syslog messages (RFC 5424, framed by
// octet counts over TLS: RFC 5425) or in batches by HTTPS POST with a signature. Each target has a
// position that survives: what was taken is not sent again after a restart, what wasn't is, at
// least once and in order. Belongs to the control loop. Limits: 16 targets, 200 facts a batch;
// nothing is kept in memory but the batch, since the log itself is the queue.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "platform/files/files.h"
#include "platform/net/net.h"
#include "trust/audit/audit.h"

namespace mw::forward {

inline constexpr std::size_t targets_max = 16;
inline constexpr std::size_t batch_facts = 200;

// One of both addresses. Secrets are texts here; whoever reads options reads their files.
struct TargetOptions {
    std::string name{};     // of lower case letters, digits and -
    std::string syslog{};   // "tls://siem.example:6514", "tcp://127.0.0.1:514" (loopback only)
    std::string webhook{};  // "https://soc.example/hooks/millwright", http on loopback only
    std::vector<std::string> actions{};  // only these, or below them: "enroll" has enroll.refused
    bool from_start = false;             // with what is in the log already
    // Read anew for each connection, so that renewed certificates are used; not for plain ones.
    std::function<Result<std::shared_ptr<const net::TlsContext>>()> tls{};
    std::string secret{};  // of the webhook's signatures
};
// What speaks against them, without looking at files: "audit.forward[0].syslog: ...".
Result<> check(const std::vector<TargetOptions>& targets);

// Where facts come from; data/registry has them.
class Source {
 public:
    virtual ~Source() = default;
    virtual Task<std::vector<audit::Fact>> facts(std::uint64_t after, std::size_t limit) = 0;
    virtual Task<std::uint64_t> newest() = 0;  // its sequence number
};

struct Pace {
    nanoseconds look = seconds(1);    // for new facts
    nanoseconds settle = seconds(1);  // syslog: a peer that closes sooner took nothing
    nanoseconds pause = seconds(1);   // after a failure, doubled each time
    nanoseconds pause_most = minutes(1);
    nanoseconds limit = seconds(30);  // of a connection, of a batch
};

class Forwarder {
 public:
    struct Parts {  // all outlive it
        Loop& loop;
        Workers& workers;  // names are looked up and positions kept there
        const Clock& clock;
        metrics::Registry& metrics;
        files::Files& files;
        Source& source;
    };
    // directory: where positions are kept, one file a target. host: who says so, in each message.
    static Result<std::unique_ptr<Forwarder>> open(std::vector<TargetOptions> targets,
                                                   std::string directory, std::string host,
                                                   Parts parts, Pace pace = {});
    ~Forwarder();
    void start();
    Task<> stop();  // what was not taken is sent after the next start

 private:
    struct State;
    explicit Forwarder(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace mw::forward
