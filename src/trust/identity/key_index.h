#pragma once
// To whom the authority ever issued a certificate for a key, so that one key never serves two, and
// which serial numbers are its own: fingerprints of keys, names and numbers, from issued.jsonl.
// Some 70 bytes a certificate. Belongs to the control loop.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"

namespace mw::identity {

class KeyIndex {
 public:
    // Adds what the file records, but for certificates that ended before `since`. Lines that older
    // hubs wrote without a key are skipped, as is one that a crash cut short.
    Result<> load(files::Files& files, const std::string& path, Timestamp since);
    // principal: "device:gw-1". The first one keeps a key.
    void add(const crypto::Sha256Digest& key, std::string_view principal);
    bool is_of_another(const crypto::Sha256Digest& key, std::string_view principal) const;
    void add_serial(const crypto::SerialNumber& serial);
    bool has_issued(const crypto::SerialNumber& serial) const;
    std::size_t size() const { return owners_.size(); }

 private:
    void take_line(std::string_view line, Timestamp since);
    // 64 bits of each hash: a false match, one in 2^64 for each pair of keys, asks for a new key.
    std::unordered_map<std::uint64_t, std::uint64_t> owners_;
    std::unordered_set<std::uint64_t> serials_;  // the first 64 bits of each, which are random
};

}  // namespace mw::identity
