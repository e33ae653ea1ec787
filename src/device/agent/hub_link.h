#pragma once
// The gateway's HTTPS side: where the broker is, what the hub's clock says, and downloads, all with
// the device's certificate. Belongs to the agent's loop.

#include <memory>
#include <string>

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
                                                 const AgentIdentity& identity);

    Task<HubAddress> find_broker();
    // corrupt when the bytes do not have this SHA-256.
    Task<Bytes> download(std::string sha256, std::uint64_t bytes_max);
    // The blob from this byte on, as the hub answers (200, 206, 416, ...), piece by piece.
    Task<std::unique_ptr<http::Incoming>> open_blob(std::string sha256, std::uint64_t offset);
    const std::shared_ptr<const net::TlsContext>& tls() const { return tls_; }

 private:
    HubLink(Loop& loop, http::Url url, std::shared_ptr<const net::TlsContext> tls);

    Loop& loop_;
    http::Url url_;
    std::shared_ptr<const net::TlsContext> tls_;
    std::unique_ptr<http::Client> client_;
};

}  // namespace mw::agent
