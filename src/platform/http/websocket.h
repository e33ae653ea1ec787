#pragma once
// WebSocket (RFC 6455, version 13) as a net::Stream that rides on another one: binary messages are
// a run of bytes both ways, whatever their frames. It lies in this module because its handshake is
// an HTTP request. A stream belongs to its loop. Limits: the request's head, frames of 16 MiB,
// messages of 64 MiB, 256 KiB framed and unsent below the stream's own output. No extensions.

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "platform/net/net.h"

namespace mw::http {

struct WebSocketOptions {
    std::vector<std::string> paths = {"/"};
    std::string protocol{};  // the subprotocol that the client must offer
    // Browsers say which page asks. A page of another origin than this host is turned away unless
    // it is listed, as "https://tools.example:8080".
    std::vector<std::string> origins{};
    // Names by which we may be asked, without port; empty: any. For a listener without TLS, whose
    // address a hostile name may point to.
    std::vector<std::string> hosts{};
    std::size_t header_limit = 8 * 1024;
};

// The server's handshake on a stream that nobody has read yet. Whoever is turned away is told why
// with a status, and the outcome is invalid_input with the same words. How long it may take is the
// caller's (ListenOptions::handshake_limit).
Task<std::unique_ptr<net::Stream>> accept_websocket(
    std::unique_ptr<net::Stream> stream, std::shared_ptr<const WebSocketOptions> options);
net::Upgrade websocket_upgrade(WebSocketOptions options);  // the same, for a listener

struct WebSocketTarget {
    std::string host;  // for the Host header
    std::string path = "/";
    std::string protocol{};
};
// The client's. `random` outlives the stream: it masks what is sent.
Task<std::unique_ptr<net::Stream>> open_websocket(std::unique_ptr<net::Stream> stream,
                                                  WebSocketTarget target, Random& random);

}  // namespace mw::http
