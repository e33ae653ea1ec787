#pragma once
// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as in iSCSI, ext4 and Parquet pages.
// Pure functions, any thread. The processor's instruction is chosen at run time where it exists.

#include <cstdint>

#include "base/bytes.h"

namespace mw {

// crc32c(b, crc32c(a)) is the checksum of a followed by b.
std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0);

// The two implementations, for tests and benchmarks. hardware falls back where it can't run.
std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before = 0);
std::uint32_t crc32c_hardware(ByteView bytes, std::uint32_t before = 0);
bool crc32c_has_hardware();

}  // namespace mw
