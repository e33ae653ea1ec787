#pragma once
// The values of a generation that no double can say (domain/value.h). Its loop adds; other threads
// read what was there when their snapshot was made: nothing moves, nothing changes. No limit of its
// own; bytes() is counted into the head's.

#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "base/assert.h"
#include "domain/value.h"

namespace mw::history {

// Grows without moving what it has: each chunk is as long as all before it.
template <class T>
class SteadyArray {
 public:
    std::uint32_t size() const { return size_; }
    std::uint32_t add(const T& value) {
        ASSERT(size_ < entries_max);
        const auto [chunk, offset] = place_of(size_);
        if (!chunks_[chunk]) chunks_[chunk] = std::make_unique<T[]>(first_chunk << chunk);
        chunks_[chunk][offset] = value;
        return size_++;
    }
    const T& at(std::uint64_t i) const {
        const auto [chunk, offset] = place_of(i);
        return chunks_[chunk][offset];
    }

 private:
    static constexpr std::uint64_t first_chunk = 64;
    static constexpr std::uint32_t entries_max = 0x8000'0000;
    struct Place {
        std::size_t chunk;
        std::size_t offset;
    };
    static Place place_of(std::uint64_t i) {
        const std::uint64_t from_first = i + first_chunk;
        const auto chunk =
            static_cast<std::size_t>(std::bit_width(from_first) - std::bit_width(first_chunk));
        return {chunk, from_first - (first_chunk << chunk)};
    }
    std::array<std::unique_ptr<T[]>, 26> chunks_;
    std::uint32_t size_ = 0;
};

class BoxPool final : public Boxes {
 public:
    // The same value, boxed here: each text once. NaN if `from` doesn't have it.
    double adopt(double value, const Boxes& from);
    std::size_t bytes() const { return bytes_; }

 private:
    static constexpr std::size_t slab_bytes = std::size_t{64} << 10;
    double add(std::string_view text);
    std::optional<std::string_view> text_at(std::uint64_t place) const override;
    std::optional<std::int64_t> integer_at(std::uint64_t place) const override;

    SteadyArray<std::string_view> texts_;
    SteadyArray<std::int64_t> integers_;
    std::unordered_map<std::string_view, std::uint32_t> places_;  // of texts
    std::vector<std::unique_ptr<char[]>> slabs_;                  // what the texts view
    std::size_t slab_left_ = 0;
    char* slab_at_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace mw::history
