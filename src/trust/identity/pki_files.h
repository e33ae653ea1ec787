#pragma once
// What the files of the pki directory have in common. Inside trust/identity only.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace mw::identity {

constexpr std::uint64_t pem_bytes_max = 1 << 20;

inline Error does_not_fit(const std::string& path, const std::string& why) {
    return Error{Errc::corrupt, path + ": " + why + ". Restore the pki directory from a backup"};
}

}  // namespace mw::identity
