#include "data/history/series_table.h"

#include <algorithm>
#include <unordered_set>

namespace mw::history {

const DeviceContext& context_of(const ContextSnapshot& context, const std::string& device) {
    static const DeviceContext unknown;
    if (!context) return unknown;
    auto found = context->find(device);
    return found == context->end() ? unknown : found->second;
}

std::optional<SeriesRef> SeriesTable::find(std::string_view device, std::string_view signal) const {
    auto found = by_name_.find(key(device, signal));
    if (found == by_name_.end()) return std::nullopt;
    return found->second;
}

void SeriesTable::declare(SeriesRef ref, std::string device, std::string signal, std::string unit,
                          ValueType type) {
    published_.reset();
    while (size_ <= ref.index) {
        if (size_ % SeriesDirectory::chunk_entries == 0) {
            chunks_.push_back(std::make_shared<Chunk>());
            chunks_.back()->reserve(SeriesDirectory::chunk_entries);
        }
        writable(chunks_.size() - 1).emplace_back();
        ++size_;
    }
    auto& entry = writable(
        ref.index / SeriesDirectory::chunk_entries)[ref.index % SeriesDirectory::chunk_entries];
    if (entry.device.empty()) {
        by_name_.emplace(key(device, signal), ref);
        by_device_[device].push_back(ref);
    }
    entry = {series_id(device, signal), std::move(device), std::move(signal), std::move(unit),
             type};
}

const SeriesEntry& SeriesTable::at(SeriesRef ref) const {
    ASSERT(ref.index < size_);
    return (*chunks_[ref.index / SeriesDirectory::chunk_entries])[ref.index %
                                                                  SeriesDirectory::chunk_entries];
}

std::shared_ptr<const SeriesDirectory> SeriesTable::directory() const {
    if (!published_) {
        auto directory = std::make_shared<SeriesDirectory>();
        directory->chunks_.assign(chunks_.begin(), chunks_.end());
        directory->size_ = size_;
        published_ = std::move(directory);
    }
    return published_;
}

std::optional<std::vector<SeriesRef>> SeriesTable::select(const Bounds& bounds) const {
    if (bounds.devices.empty() && bounds.signals.empty()) return std::nullopt;
    std::vector<SeriesRef> refs;
    std::unordered_set<std::string_view> signals(bounds.signals.begin(), bounds.signals.end());
    auto take = [&](SeriesRef ref) {
        if (signals.empty() || signals.contains(at(ref).signal)) refs.push_back(ref);
    };
    if (bounds.devices.empty()) {
        for (std::uint32_t i = 0; i < size_; ++i) take({i});
        return refs;
    }
    for (const auto& device : bounds.devices) {
        auto found = by_device_.find(device);
        if (found != by_device_.end())
            std::for_each(found->second.begin(), found->second.end(), take);
    }
    std::sort(refs.begin(), refs.end());
    refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
    return refs;
}

// A chunk that a published directory may be sharing is copied before it changes.
SeriesTable::Chunk& SeriesTable::writable(std::size_t chunk) {
    auto& shared = chunks_[chunk];
    if (shared.use_count() > 1) {
        auto copy = std::make_shared<Chunk>();
        copy->reserve(SeriesDirectory::chunk_entries);
        copy->assign(shared->begin(), shared->end());
        shared = std::move(copy);
    }
    return *shared;
}

std::string_view SeriesTable::key(std::string_view device, std::string_view signal) const {
    scratch_.assign(device);
    scratch_ += '\0';
    scratch_ += signal;
    return scratch_;
}

}  // namespace mw::history
