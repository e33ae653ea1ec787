#pragma once
// The series of this data directory, on its loop. Publishing a SeriesDirectory shares all but the
// chunk that new series go into.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/history/head_snapshot.h"
#include "data/history/series.h"

namespace mw::history {

class SeriesTable {
 public:
    std::optional<SeriesRef> find(std::string_view device, std::string_view signal) const;
    // Sets what the series is; a gap in front of a new index is filled with nameless series.
    void declare(SeriesRef ref, std::string device, std::string signal, std::string unit,
                 ValueType type = ValueType::number);
    const SeriesEntry& at(SeriesRef ref) const;
    bool contains(SeriesRef ref) const { return ref.index < size_ && !at(ref).device.empty(); }
    std::size_t size() const { return size_; }
    SeriesRef next() const { return {static_cast<std::uint32_t>(size_)}; }

    std::shared_ptr<const SeriesDirectory> directory() const;
    // The series that a query with these bounds can touch; nothing: all of them.
    std::optional<std::vector<SeriesRef>> select(const Bounds& bounds) const;

 private:
    using Chunk = SeriesDirectory::Chunk;
    Chunk& writable(std::size_t chunk);
    std::string_view key(std::string_view device, std::string_view signal) const;

    std::vector<std::shared_ptr<Chunk>> chunks_;
    std::size_t size_ = 0;
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    template <class T>
    using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
    ByText<SeriesRef> by_name_;  // device, zero, signal
    ByText<std::vector<SeriesRef>> by_device_;
    mutable std::string scratch_;
    mutable std::shared_ptr<const SeriesDirectory> published_;
};

}  // namespace mw::history
