#pragma once
// Finds the index of a (name, unit) pair within one message. Emptied in constant time, so that a
// message of one point does not pay for the table's size. Holds views: they must outlive the use.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace mw::payload {

class NameTable {
 public:
    struct Key {
        std::string_view name;
        std::string_view unit;
        bool operator==(const Key&) const = default;
    };
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    explicit NameTable(std::size_t keys_max)
        : cells_(std::bit_ceil(2 * keys_max + 2)), keys_max_(keys_max) {
        keys_.reserve(16);
    }

    void clear() {
        keys_.clear();
        ++stamp_;
    }
    std::size_t size() const { return keys_.size(); }
    const Key& operator[](std::size_t index) const { return keys_[index]; }

    std::uint32_t find(const Key& key) const {
        const Cell& cell = cells_[slot_of(key)];
        return cell.stamp == stamp_ ? cell.index : none;
    }
    // The index of the key, new ones counted from 0; none when the table is full.
    std::uint32_t insert(const Key& key) {
        Cell& cell = cells_[slot_of(key)];
        if (cell.stamp == stamp_) return cell.index;
        if (keys_.size() == keys_max_) return none;
        cell = {stamp_, static_cast<std::uint32_t>(keys_.size())};
        keys_.push_back(key);
        return cell.index;
    }

 private:
    struct Cell {
        std::uint64_t stamp = 0;
        std::uint32_t index = 0;
    };

    // The cell that holds the key, or the empty one where it belongs. At most half are taken.
    std::size_t slot_of(const Key& key) const {
        const std::hash<std::string_view> hash;
        std::size_t at = hash(key.name) ^ (key.unit.empty() ? 0 : 31 * hash(key.unit));
        for (;; ++at) {
            const Cell& cell = cells_[at & (cells_.size() - 1)];
            if (cell.stamp != stamp_ || keys_[cell.index] == key) return at & (cells_.size() - 1);
        }
    }

    std::vector<Cell> cells_;
    std::vector<Key> keys_;
    std::size_t keys_max_;
    std::uint64_t stamp_ = 1;
};

}  // namespace mw::payload
