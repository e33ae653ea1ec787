#pragma once
// The checksum of a whole file, by which damage is found later. Blocks.

#include <cstdint>
#include <stop_token>
#include <string>

#include "platform/files/files.h"

namespace mw::history {

// CRC-32C. cancelled when stopped.
Result<std::uint32_t> checksum_of(files::Files& files, const std::string& path,
                                  std::stop_token stop = {});

}  // namespace mw::history
