#pragma once
// Snappy's block format (google/snappy, format_description.txt), the reading half.

#include "base/bytes.h"
#include "base/result.h"

namespace mw::parquet {

// Exactly `size` bytes; invalid_input: damaged, or another size.
Result<Bytes> unpack_snappy(ByteView packed, std::size_t size);

}  // namespace mw::parquet
