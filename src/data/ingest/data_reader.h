#pragma once
// The first half of a data message's way: its bytes become columns. Needs nothing of the data loop,
// so where the broker has several loops, each reads what its own sessions bring.

#include <memory>
#include <vector>

#include "data/ingest/topic.h"
#include "domain/point.h"
#include "domain/prefetch.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/payload/payload.h"

namespace mw::ingest {

class DataReader {
 public:
    DataReader(const payload::Limits& limits, const Clock& clock)
        : decoder_(limits), clock_(clock) {}

    // Replaces all of the batch. invalid_input: what is wrong, and where; the batch is empty then.
    Result<> read(const Topic& topic, ByteView body, Batch& batch);
    const payload::Decoder& decoder() const { return decoder_; }

 private:
    Result<> decode(ByteView body, Batch& batch);

    payload::Decoder decoder_;
    payload::BinaryDecoder binary_;
    const Clock& clock_;
};

// A data message that was read on another loop.
struct ReadMessage final : mqtt::Prepared {
    Batch batch;
    Result<> outcome;
    std::size_t bytes() const override;
    bool is_whole() const override { return outcome.ok(); }  // else the dead letter shows it
    void expect() const override { prefetch(batch); }
};

class Preparer final : public mqtt::Preparer {
 public:
    Preparer(const payload::Limits& limits, const Clock& clock) : reader_(limits, clock) {}

    bool wants(std::string_view topic) const override;
    // Of data messages only; the others are few.
    std::unique_ptr<mqtt::Prepared> prepare(std::string_view topic, ByteView body) override;
    void take_back(std::unique_ptr<mqtt::Prepared> used) override;

 private:
    static constexpr std::size_t spare_bytes_max = 4 << 20;
    static constexpr std::size_t spare_bytes_of_one_max = 32'768;
    DataReader reader_;
    std::vector<std::unique_ptr<mqtt::Prepared>> spare_;
    std::size_t spare_bytes_ = 0;
};

}  // namespace mw::ingest
