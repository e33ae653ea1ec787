#pragma once
// What the files of the pki directory have in common, and how they are called. Inside
// trust/identity only.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace mw::identity {

constexpr std::uint64_t pem_bytes_max = 1 << 20;

inline Error does_not_fit(const std::string& path, const std::string& why) {
    return Error{Errc::corrupt, path + ": " + why + ". Restore the pki directory from a backup"};
}

// Of one line of issuing authorities; the default one has no name.
struct LineFiles {
    std::string name;
    // STEM.pem, .key, .uri; of those before it STEM-SERIAL.*, and of the lists STEM.crl.
    std::string stem() const { return name.empty() ? "issuing" : "authority-" + name; }
    std::string former() const { return name.empty() ? "former.pem" : "former-" + name + ".pem"; }
    // The pair of a request that is not signed yet.
    std::string next() const { return name.empty() ? "next" : "next-" + name; }
};

}  // namespace mw::identity
