#pragma once
// SHA-256 and what is made of it; SHA-1 where a protocol wants it. Pure; a Sha256 belongs to one
// thread.

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace mw::crypto {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest sha256(ByteView bytes);
using Sha384Digest = std::array<std::uint8_t, 48>;
Sha384Digest sha384(ByteView bytes);  // for ECDSA on P-384
Sha256Digest hmac_sha256(ByteView key, ByteView message);
// PBKDF2 (RFC 8018 5.2) with HMAC-SHA-256, one block. 100,000 rounds take some 20 ms.
Sha256Digest pbkdf2_sha256(ByteView password, ByteView salt, unsigned rounds);

// Broken where strength matters. RFC 6455 4.2.2 wants it, to show that the peer knows the protocol.
using Sha1Digest = std::array<std::uint8_t, 20>;
Sha1Digest sha1(ByteView bytes);

// In parts, for files that do not fit in memory.
class Sha256 {
 public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    void update(ByteView bytes);
    Sha256Digest finish();  // and starts anew

 private:
    struct State;
    std::unique_ptr<State> state_;
};

// Takes the same time wherever the first difference is. Different lengths are unequal at once.
bool equal_in_constant_time(ByteView a, ByteView b);

}  // namespace mw::crypto
