#pragma once
// Points and decisions to JSON, for the edge. Pure functions that append to a string the caller
// reuses; doubles in their shortest form that reads back as the same bits.

#include <span>
#include <string>
#include <string_view>

#include "domain/decision.h"
#include "domain/point.h"

namespace mw::payload {

struct Sample {
    std::string_view signal;
    double value = 0;
    std::string_view unit = {};
    Quality quality = Quality::good();
    const Boxes* boxes = nullptr;  // null: the value is no box
};

struct Column {
    std::string_view signal;
    std::span<const double> values;
    std::string_view unit = {};
    Quality quality = Quality::good();  // of all its samples
};

// What a message says about itself. Sequence 0 is left out.
struct Header {
    std::uint64_t sequence = 0;
    bool replayed = false;
};

// {"seq":7,"t":T,"values":{"pressure":1.2,"flow":32},...}
void encode_values(Header header, Timestamp time, std::span<const Sample> samples,
                   std::string& out);
// {"seq":7,"t0":T,"dt":NS,"frame":{"pressure":[...],"flow":[...]},...}; dt > 0.
void encode_frame(Header header, Timestamp start, nanoseconds step, std::span<const Column> columns,
                  std::string& out);
// Any batch in the shape that is smallest for it: one frame, one set of values, or an array of
// them. decode() gives the same runs, up to the order of points with different times.
void encode(const Batch& batch, std::string& out);
void encode(const Decision& decision, std::string& out);

}  // namespace mw::payload
