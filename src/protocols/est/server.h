#pragma once
// EST on the server (RFC 7030 as clarified by RFC 8951): cacerts, simpleenroll, simplereenroll.
// Pure functions between HTTP and an Enroller, and the routes that join them. Bodies: 32 KiB.

#include "base/metrics.h"
#include "platform/http/http.h"
#include "protocols/est/enroller.h"

namespace mw::est {

inline constexpr std::size_t body_bytes_max = 32 * 1024;

// Adds GET cacerts, POST simpleenroll and POST simplereenroll under /.well-known/est. The enroller
// and the registry outlive the router's server.
void add_routes(http::Router& router, Enroller& enroller, metrics::Registry& metrics);

// application/pkcs10 in base64 with or without line breaks (PEM is taken too).
Result<crypto::Csr> read_request(const http::Request& request);
// Basic credentials and the peer's certificate. not_found when there are neither.
Result<Credentials> read_credentials(const http::Request& request);

http::Response cacerts_response(const std::vector<crypto::Certificate>& authorities);
http::Response enrolled_response(const crypto::Certificate& certificate);
// One line of plain text, with WWW-Authenticate at 401 and Retry-After at 429 and 503.
http::Response refusal(const Error& error);

}  // namespace mw::est
