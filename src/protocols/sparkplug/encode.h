#pragma once
// What a host application says: "be born again", and whether it is there. Pure.

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace mw::sparkplug {

// The payload of an NCMD that sets Node Control/Rebirth. It has no seq (tck-id-payloads-ncmd-seq).
Bytes encode_rebirth(Timestamp now);

// Of spBv1.0/STATE/HOST, as JSON.
std::string encode_state(bool online, Timestamp since);

}  // namespace mw::sparkplug
