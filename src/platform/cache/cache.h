#pragma once
// Values kept by key for whoever asks again, up to a number of bytes: those that were asked for
// longest ago go first. Any thread. A value lives on while somebody holds it.

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace mw {

template <class Key, class Value, class Hash = std::hash<Key>>
class SharedCache {
 public:
    explicit SharedCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    std::shared_ptr<const Value> get(const Key& key) {  // null: not here
        const std::lock_guard lock(mutex_);
        const auto at = by_key_.find(key);
        if (at == by_key_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, at->second);
        return at->second->value;
    }

    // Of two threads that made the same value, the later one's stays. What is larger than a
    // quarter of all is not kept: it would drive out the rest.
    void put(const Key& key, std::shared_ptr<const Value> value, std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        if (const auto at = by_key_.find(key); at != by_key_.end()) forget(at->second);
        if (bytes > bytes_max_ / 4) return;
        entries_.push_front({key, std::move(value), bytes});
        by_key_.emplace(key, entries_.begin());
        bytes_ += bytes;
        while (bytes_ > bytes_max_) forget(std::prev(entries_.end()));
    }

    std::size_t bytes() const {
        const std::lock_guard lock(mutex_);
        return bytes_;
    }

 private:
    struct Entry {
        Key key;
        std::shared_ptr<const Value> value;
        std::size_t bytes = 0;
    };
    using Entries = std::list<Entry>;
    void forget(typename Entries::iterator entry) {
        bytes_ -= entry->bytes;
        by_key_.erase(entry->key);
        entries_.erase(entry);
    }

    const std::size_t bytes_max_;
    mutable std::mutex mutex_;
    Entries entries_;  // the last used first
    std::unordered_map<Key, typename Entries::iterator, Hash> by_key_;
    std::size_t bytes_ = 0;
};

}  // namespace mw
