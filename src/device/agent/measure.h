#pragma once
// What a bundle costs on this machine: latency per window and the peak memory of this process.
// Meant for a process that does nothing else (millwright-edge measure). Blocks for a few seconds.

#include "insight/pipeline/pipeline.h"

namespace mw::agent {

struct MeasureOptions {
    std::size_t windows = 4000;
    std::size_t warm_up = 50;  // windows that are not timed
    nanoseconds time_max = seconds{3};
};

// Loads it with its self-test, then pushes the self-test's rows in turned order: no two rounds give
// the model the same windows. {"bundle","engine","windows","latency_us_p50","latency_us_p99",
// "latency_us_max","peak_rss_bytes"}.
Result<Json> measure_bundle(ByteView tar, inference::Engine& engine, Clock& clock,
                            MeasureOptions options = {});

}  // namespace mw::agent
