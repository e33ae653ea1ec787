#pragma once
// Points as a binary batch (docs/formats/points-binary.md), both ways: columns that are copied, not
// parsed. A BinaryDecoder belongs to one thread at a time and remembers the names it has read.

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "domain/point.h"

namespace mw::payload {

struct BinaryLimits {
    std::size_t batch_bytes = std::size_t{4} << 20;
    std::size_t points = 100'000;                   // in one batch
    std::size_t signals = 1'000;                    // in one batch
    std::size_t name_bytes = 128;                   // of a device or signal
    std::size_t unit_bytes = 32;                    //
    std::size_t remembered = std::size_t{8} << 20;  // bytes of names; beyond, all are forgotten
};

bool is_binary(ByteView body);  // by its first bytes

class BinaryDecoder {
 public:
    explicit BinaryDecoder(BinaryLimits limits = {});
    ~BinaryDecoder();
    BinaryDecoder(BinaryDecoder&&) noexcept;

    // Reads the batch at the front of `body`; how many bytes it has. Replaces runs, columns,
    // sequence, replayed and form; position.stream and arrival stay the caller's. `device` is who
    // sends: empty: the batch must name its device; else it may name none but this.
    // invalid_input: what is wrong, and at which byte. The batch is then empty.
    Result<std::size_t> decode(ByteView body, std::string_view device, Batch& batch);

 private:
    class Reader;
    std::unique_ptr<Reader> reader_;
};

// Appends one batch. Times become start and step where they are regular, values scaled integers of
// 2 or 4 bytes where those give every bit back. The device is named unless `anonymous`.
void encode_binary(const Batch& batch, Bytes& out, bool anonymous = false);

}  // namespace mw::payload
