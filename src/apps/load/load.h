#pragma once
// A load on an MQTT broker, from one loop: publishers and subscribers in a shape, for a time or a
// number of messages; then what was sent, received, lost, repeated and out of order, and how long
// it took. Limits: options.h.

#include "apps/load/options.h"
#include "apps/load/report.h"
#include "platform/loop/loop.h"
#include "platform/net/net.h"

namespace mw::load {

// On the loop that runs it. resolver looks names up; null: the host must be numeric. Errors: what
// check() says; a connection that could not be opened.
Task<Report> run_load(Options options, Workers* resolver);

}  // namespace mw::load
