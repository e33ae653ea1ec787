#pragma once
// Who is a gateway, and at which names it serves TLS: what people wrote into the Device and its
// EnrollmentGroup (`spec.gateway`), never what a request says. Pure.

#include <string>

#include "base/json.h"
#include "platform/crypto/crypto.h"

namespace mw::onboarding {

struct Gateway {
    bool is = false;
    crypto::AlternativeNames serves{};  // DNS names and addresses
};

// Of a Device's spec, in a line for the roster: empty, or "gateway" and its names.
std::string gateway_line(const Json& device_spec);
// line: of the device, if there is one already. denied: the group's names can't be made of its own.
Result<Gateway> gateway_of(const std::string& device, const std::string& line,
                           const Json& group_spec);
// What certificates of a group's devices are for, as csrattrs tells it; empty: as devices'.
std::vector<crypto::Use> gateway_uses(const Json& group_spec);

}  // namespace mw::onboarding
