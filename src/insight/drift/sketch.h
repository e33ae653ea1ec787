#pragma once
// What a gateway says about a stretch of time of one model: counts in reference bins and the
// latencies, small enough for any link (docs/formats/sketch.md). Pure values.

#include <string>

#include "base/clock.h"
#include "base/histogram.h"
#include "insight/drift/bin_counts.h"

namespace mw::drift {

struct Sketch {
    std::string bundle;  // SHA-256 in hex
    Timestamp from;      // event time, with `to` the window; decisions at `to` belong to the next
    Timestamp to;
    std::uint32_t part = 0;  // not 0: the window was opened again, and this adds to it
    BinCounts counts;
    Histogram latency_us;
};

inline constexpr std::size_t sketch_columns_max = 8193;

Bytes encode(const Sketch& sketch);
Result<Sketch> decode_sketch(ByteView bytes);

}  // namespace mw::drift
