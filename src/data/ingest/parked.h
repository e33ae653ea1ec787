#pragma once
// Verdicts of messages that history had no room for. The door offers such a message again, and its
// points must not be judged twice: quality would see duplicates. One per device stream, as a door
// stops reading a client that was pushed back.

#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "domain/point.h"

namespace mw::ingest {

class Parked {
 public:
    bool empty() const { return kept_.empty(); }

    void keep(const Batch& batch) {
        if (kept_.size() >= streams_max) kept_.clear();
        kept_[key_of(batch)] = {fingerprint(batch), batch.quality};
    }
    // Gives the batch its verdicts back, if this is the message that was kept.
    bool restore(Batch& batch) {
        const auto found = kept_.find(key_of(batch));
        if (found == kept_.end()) return false;
        const bool same = found->second.fingerprint == fingerprint(batch);
        if (same) batch.quality.swap(found->second.codes);
        kept_.erase(found);
        return same;
    }

 private:
    static constexpr std::size_t streams_max = 4'096;
    struct Verdicts {
        std::uint64_t fingerprint = 0;
        std::vector<Quality> codes;
    };

    static std::string key_of(const Batch& batch) {
        return batch.device.text + '/' + batch.position.stream;
    }
    // FNV-1a over what tells one message of a stream from another.
    static std::uint64_t fingerprint(const Batch& batch) {
        std::uint64_t hash = 14695981039346656037ULL;
        const auto add = [&](std::uint64_t word) { hash = (hash ^ word) * 1099511628211ULL; };
        add(batch.position.sequence);
        for (const auto& run : batch.runs) add(run.end);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            std::uint64_t bits = 0;
            std::memcpy(&bits, &batch.values[i], sizeof bits);
            add(bits);
            add(static_cast<std::uint64_t>(batch.times[i].ns));
        }
        return hash;
    }

    std::unordered_map<std::string, Verdicts> kept_;
};

}  // namespace mw::ingest
