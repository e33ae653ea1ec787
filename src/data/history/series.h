#pragma once
// Which series exist: SeriesRef (a small number of this data directory) -> device, signal, unit.
// SeriesDirectory is an immutable snapshot that any thread may read; SeriesTable (series_table.h)
// is its owner's on the loop. Where a series stands (asset, site) comes from outside, see Context.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/assert.h"
#include "domain/point.h"

namespace mw::history {

struct SeriesRef {
    std::uint32_t index = 0;
    auto operator<=>(const SeriesRef&) const = default;
};

struct SeriesEntry {
    SeriesId id;
    std::string device;
    std::string signal;
    std::string unit;
    ValueType type = ValueType::number;
};

class SeriesDirectory {
 public:
    std::size_t size() const { return size_; }
    const SeriesEntry& at(SeriesRef ref) const {
        ASSERT(ref.index < size_);
        return (*chunks_[ref.index / chunk_entries])[ref.index % chunk_entries];
    }

 private:
    friend class SeriesTable;
    static constexpr std::size_t chunk_entries = 256;
    using Chunk = std::vector<SeriesEntry>;
    std::vector<std::shared_ptr<const Chunk>> chunks_;
    std::size_t size_ = 0;
};

// Where devices stand now. Published by whoever watches the registry; versioned in time later.
struct DeviceContext {
    std::string asset;
    std::string site;
};
using Context = std::unordered_map<std::string, DeviceContext>;  // by device
using ContextSnapshot = std::shared_ptr<const Context>;          // may be null: nothing is known

// Empty texts where the context says nothing.
const DeviceContext& context_of(const ContextSnapshot& context, const std::string& device);

}  // namespace mw::history
