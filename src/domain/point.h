#pragma once
// Points as they travel: a Batch is what one message of one device stream carried, in columns.
// Plain data; belongs to whoever holds it. Limits are the decoder's (protocols/payload).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "domain/quality.h"
#include "domain/value.h"

namespace mw {

using DeviceId = Id<struct DeviceTag>;  // the device's resource name and certificate subject

// 64 bits of SHA-256 over device, a zero byte, and signal: no node-local counter, the same
// everywhere.
struct SeriesId {
    std::uint64_t value = 0;
    auto operator<=>(const SeriesId&) const = default;
};
SeriesId series_id(std::string_view device, std::string_view signal);

// Where a batch stands in its device's stream. Sequence 0: the sender counts nothing.
struct StreamPosition {
    std::string stream;
    std::uint64_t sequence = 0;
};

// One signal's points inside a batch: columns [begin, end), never none. Runs lie in their order,
// one behind the other, and leave no column out.
struct Run {
    std::string signal;
    std::string unit;  // as sent; empty means the declared one
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    ValueType type = ValueType::number;  // as far as the sender said
    bool boxed = false;                  // a value of it may be a box of the batch
};

struct Batch {
    DeviceId device;
    // Who fills batches from a memory of its own may number their forms: of two with the same form,
    // not 0, device and runs (signal, unit and type, in this order) are the same. Points differ.
    std::uint64_t form = 0;
    StreamPosition position;
    Timestamp arrival;
    bool replayed = false;  // a recording: timeliness is not judged
    std::vector<Run> runs;
    std::vector<Timestamp> times;  // event time
    std::vector<double> values;
    std::vector<Quality> quality;
    BoxList boxes;  // values of boxed runs that no double can say

    std::size_t size() const { return times.size(); }
    void clear();  // keeps the buffers
};

std::uint64_t new_form();  // one that no batch of this process has; from any thread

}  // namespace mw

template <>
struct std::hash<mw::SeriesId> {
    std::size_t operator()(mw::SeriesId id) const { return id.value; }
};
