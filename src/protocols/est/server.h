#pragma once
// EST on the server (RFC 7030 as clarified by RFC 8951): cacerts, simpleenroll, simplereenroll,
// csrattrs, serverkeygen, each also below a label. The routes; what they read and say is pure, in
// messages.h. Bodies: 32 KiB.

#include "base/metrics.h"
#include "platform/http/http.h"
#include "protocols/est/enroller.h"
#include "protocols/est/messages.h"

namespace mw::est {

// Adds the operations under /.well-known/est and /.well-known/est/{label}. The enroller and the
// registry outlive the router's server.
void add_routes(http::Router& router, Enroller& enroller, metrics::Registry& metrics);

}  // namespace mw::est
