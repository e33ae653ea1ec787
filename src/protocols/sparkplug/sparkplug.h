#pragma once
// Sparkplug B (3.0) as a host application sees it: edge nodes that are born, send data and die, and
// whose metrics become points. No I/O: bytes and time go in; batches and messages come out through
// an Outlet. Belongs to one loop, but for EdgeTopics, which any loop may ask. Limits are in
// HostOptions and DecodeLimits.

#include "protocols/sparkplug/address.h"
#include "protocols/sparkplug/decode.h"
#include "protocols/sparkplug/edge_topics.h"
#include "protocols/sparkplug/encode.h"
#include "protocols/sparkplug/host.h"
#include "protocols/sparkplug/topic.h"
