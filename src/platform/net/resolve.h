#pragma once
// Private to this module: host names and numbers into socket addresses.

#include <netdb.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace mw::net {

struct Endpoint {
    sockaddr_storage storage{};
    socklen_t size = 0;
    int family() const { return storage.ss_family; }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<Endpoint> numeric_endpoint(const std::string& host, std::uint16_t port);
// May block for seconds: on Workers.
Result<std::vector<Endpoint>> look_up(const std::string& host, std::uint16_t port, int flags = 0);

}  // namespace mw::net
