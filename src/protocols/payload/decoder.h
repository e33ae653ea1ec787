#pragma once
// JSON to Batch and Decision, with simdjson's on-demand parser. One Decoder per loop.

#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "domain/decision.h"
#include "domain/point.h"

namespace mw::payload {

struct Limits {
    std::size_t payload_bytes = std::size_t{4} << 20;
    std::size_t points = 100'000;  // in one message
    std::size_t signals = 1'000;   // different ones in one message
    std::size_t name_bytes = 128;  // of a signal
    std::size_t unit_bytes = 32;
};

// A signal's name or a unit: UTF-8 without control characters, quotes and backslashes, not empty,
// neither beginning nor ending with a space. The error says which byte is wrong.
Result<void> check_name(std::string_view name, std::size_t bytes_max);

class Decoder {
 public:
    explicit Decoder(Limits limits = {});
    ~Decoder();
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;

    // Replaces the batch's runs, columns, position.sequence and replayed; device, position.stream
    // and arrival stay the caller's. Each signal and unit is one run, its points in the order of
    // the message. Quality is the source's: good, uncertain(source_uncertain), bad(source_bad), or
    // bad(not_a_number) for null, "NaN" and the infinities. Doubles are the nearest to the text.
    // Error invalid_input: "frame.pressure[17] (byte 123): want a number, ...". The batch is then
    // empty.
    Result<void> decode(std::string_view payload, Batch& batch);
    Result<void> decode(ByteView payload, Batch& batch) { return decode(text_of(payload), batch); }

    // One decision; position.stream stays empty.
    Result<Decision> decode_decision(std::string_view payload) const;

    const Limits& limits() const;

 private:
    class Parser;
    std::unique_ptr<Parser> parser_;
};

}  // namespace mw::payload
