#pragma once
// InfluxDB line protocol to Batches without I/O. A Parser belongs to one thread at
// a time and reuses its buffers: for series that it has seen it allocates nothing.

#include "protocols/line_protocol/parser.h"
