#pragma once
// Inside the module: a std::map that is one pointer while it is empty. An empty std::map is 48
// bytes, and nearly all sessions have an empty one.

#include <cstddef>
#include <map>
#include <memory>
#include <utility>

namespace mw::mqtt {

template <class Key, class Value>
class LazyMap {
 public:
    using Map = std::map<Key, Value>;
    std::size_t size() const { return map_ ? map_->size() : 0; }
    bool empty() const { return size() == 0; }
    typename Map::const_iterator begin() const { return all().begin(); }
    typename Map::const_iterator end() const { return all().end(); }
    typename Map::const_iterator find(const Key& key) const { return all().find(key); }

    auto insert_or_assign(const Key& key, Value value) {
        if (!map_) map_ = std::make_unique<Map>();
        return map_->insert_or_assign(key, std::move(value));
    }
    std::size_t erase(const Key& key) {
        const std::size_t erased = map_ ? map_->erase(key) : 0;
        if (empty()) map_.reset();
        return erased;
    }
    void clear() { map_.reset(); }

 private:
    const Map& all() const {
        static const Map none{};
        return map_ ? *map_ : none;
    }
    std::unique_ptr<Map> map_;
};

}  // namespace mw::mqtt
