#pragma once
// The JSON that devices publish (docs/formats/points-json.md, docs/formats/decision.md), both ways.
// A Decoder belongs to one loop and reuses its buffers: after the first messages it allocates
// nothing.
// Limits are in Limits; what exceeds one is refused with its position, nothing is cut.

#include "protocols/payload/binary.h"
#include "protocols/payload/decoder.h"
#include "protocols/payload/encoder.h"
