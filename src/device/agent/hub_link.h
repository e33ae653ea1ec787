#pragma once
// The gateway's HTTPS side: where the broker is, what the hub's clock says, and downloads, all with
// the device's certificate. Belongs to the agent's loop.

#include <memory>
#include <string>

#include "device/agent/hub_clock.h"
#include "device/agent/identity_files.h"
#include "platform/http/http.h"
#include "platform/net/net.h"

namespace mw::agent {

struct HubAddress {
    std::string mqtt_host;
    std::uint16_t mqtt_port = 0;
    nanoseconds clock_offset{0};  // hub's clock minus ours, to within half the round trip
};

class HubLink {
 public:
    static Result<std::unique_ptr<HubLink>> open(Loop& loop, Workers& workers,
                                                 const AgentIdentity& identity, HubClock& clock);

    // From the next request and connection on; what is under way keeps its certificate.
    Result<> use(const KeyAndChain& certificate);

    // Also asks the hub what time it is: when the server's certificate is out of date by our clock,
    // without looking at its validity first, which then must hold at the time that the hub says.
    Task<HubAddress> find_broker();
    // corrupt when the bytes do not have this SHA-256.
    Task<Bytes> download(std::string sha256, std::uint64_t bytes_max);
    // The blob from this byte on, as the hub answers (200, 206, 416, ...), piece by piece.
    Task<std::unique_ptr<http::Incoming>> open_blob(std::string sha256, std::uint64_t offset);
    // For the session that is opened now.
    std::shared_ptr<const net::TlsContext> session_tls() {
        session_serial_ = certificate_.certificate.serial;
        return tls_;
    }
    const std::string& session_serial() const { return session_serial_; }

 private:
    HubLink(Loop& loop, Workers& workers, http::Url url, const AgentIdentity& identity,
            HubClock& clock);
    net::TlsOptions tls_options() const;
    std::shared_ptr<http::Client> client_with(std::shared_ptr<const net::TlsContext> tls) const;
    Task<Json> bootstrap(std::shared_ptr<http::Client> client);
    Task<Json> bootstrap_at_any_time();
    Result<> believe(Timestamp said) const;

    Loop& loop_;
    Workers& workers_;
    http::Url url_;
    const AgentIdentity& identity_;
    HubClock& clock_;
    KeyAndChain certificate_;
    std::shared_ptr<Bytes> server_ = std::make_shared<Bytes>();  // the hub's certificate, last seen
    std::string session_serial_;
    std::shared_ptr<const net::TlsContext> tls_;
    std::shared_ptr<http::Client> client_;  // shared by the requests under way
};

}  // namespace mw::agent
