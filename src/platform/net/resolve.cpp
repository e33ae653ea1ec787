#include "platform/net/resolve.h"

#include <cstring>
#include <memory>

namespace mw::net {

Result<Endpoint> numeric_endpoint(const std::string& host, std::uint16_t port) {
    auto found = look_up(host, port, AI_NUMERICHOST);
    if (!found)
        return Error{Errc::invalid_input, "'" + host + "' is not a numeric IPv4 or IPv6 address"};
    return found->front();
}

Result<std::vector<Endpoint>> look_up(const std::string& host, std::uint16_t port, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
    if (error)
        return Error{error == EAI_AGAIN ? Errc::io_failed : Errc::not_found,
                     "look up '" + host + "': " + ::gai_strerror(error)};
    std::vector<Endpoint> found;
    for (auto* at = list; at; at = at->ai_next) {
        Endpoint endpoint;
        std::memcpy(&endpoint.storage, at->ai_addr, at->ai_addrlen);
        endpoint.size = at->ai_addrlen;
        found.push_back(endpoint);
    }
    if (found.empty()) return Error{Errc::not_found, "'" + host + "' has no address"};
    return found;
}

}  // namespace mw::net
