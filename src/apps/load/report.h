#pragma once
// What came of a load. Plain data; latencies in microseconds.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "apps/load/options.h"
#include "base/histogram.h"
#include "base/json.h"

namespace mw::load {

struct Report {
    Options options;
    double seconds = 0;      // of sending and draining
    double cpu_seconds = 0;  // of this process meanwhile
    std::uint64_t connections = 0;
    std::uint64_t disconnected = 0;  // before the end
    std::string first_reason;        // of one that was, or of a refused publish
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t expected = 0;  // deliveries of what was sent
    std::uint64_t received = 0;  // each message once a subscriber
    std::uint64_t lost = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t out_of_order = 0;
    double late_us = 0;        // how far sending fell behind the rate at most
    Histogram connect_us;      // TCP, TLS, CONNECT to CONNACK
    Histogram acknowledge_us;  // PUBLISH to PUBACK or PUBCOMP
    Histogram deliver_us;      // written by the publisher to read by the subscriber

    // Nothing lost, repeated, out of order or cut off.
    bool clean() const { return lost + duplicates + out_of_order + disconnected == 0; }
};

Json to_json(const Report& report);
// Rows of two: what, and the figure in words.
std::vector<std::pair<std::string, std::string>> rows_of(const Report& report);

}  // namespace mw::load
