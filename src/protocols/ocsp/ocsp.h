#pragma once
// Revocation told to anybody over plain HTTP: lists (RFC 5280, RFC 2585) and the status protocol
// (RFC 6960 appendix A). What is told is signed, so that neither TLS nor a token is asked for.

#include "base/metrics.h"
#include "platform/http/http.h"
#include "protocols/ocsp/status_source.h"

namespace mw::ocsp {

inline constexpr const char* status_path = "/ocsp";
inline constexpr const char* full_list_path = "/pki/issuing.crl";
inline constexpr const char* delta_list_path = "/pki/issuing-delta.crl";
inline constexpr const char* issuer_path = "/pki/issuing.cer";
// The same of one authority, by its serial number: what certificates name, so that their list is
// still there when another authority issues. {issuer} is filled in by who makes them.
inline constexpr const char* full_list_path_of = "/pki/{issuer}/issuing.crl";
inline constexpr const char* delta_list_path_of = "/pki/{issuer}/issuing-delta.crl";
inline constexpr const char* issuer_path_of = "/pki/{issuer}/issuing.cer";

// The source and the registry outlive the router.
void add_routes(http::Router& router, StatusSource& source, metrics::Registry& metrics);

}  // namespace mw::ocsp
