#pragma once
// What EST's requests hold and its responses say. Pure functions.

#include "platform/http/http.h"
#include "protocols/est/enroller.h"

namespace mw::est {

inline constexpr std::size_t body_bytes_max = 32 * 1024;

// application/pkcs10 in base64 with or without line breaks (PEM is taken too).
Result<crypto::Csr> read_request(const http::Request& request,
                                 crypto::Possession possession = crypto::Possession::proved);
// Basic credentials and the peer's certificate. not_found when there are neither.
Result<Credentials> read_credentials(const http::Request& request);

http::Response cacerts_response(const std::vector<crypto::Certificate>& authorities);
// 500 when the wish is for a kind of key that does not exist.
http::Response attributes_response(const KeyWish& wish);
// The certificate; with the key before it when the hub made one; or 202.
http::Response decision_response(const Decision& decision);
// One line of plain text, with WWW-Authenticate at 401 and Retry-After at 429 and 503.
http::Response refusal(const Error& error);
http::Response limited(nanoseconds wait);  // 429

}  // namespace mw::est
