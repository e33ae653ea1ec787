#pragma once
// What one subscriber saw of one publisher: counts from 0 on, each once, in order; or not. Plain
// data; of what is missing at most missing_max are known by number, the rest is lost.

#include <algorithm>
#include <cstdint>
#include <unordered_set>

namespace mw::load {

class Tally {
 public:
    static constexpr std::size_t missing_max = 100'000;

    std::uint64_t duplicates = 0;
    std::uint64_t out_of_order = 0;

    // Gives by how much the furthest count has grown.
    std::uint64_t saw(std::uint64_t count) {
        if (count >= next_) {
            const std::uint64_t grown = count + 1 - next_;
            for (; next_ < count; ++next_)
                missing_.size() < missing_max ? void(missing_.insert(next_)) : void(++lost_);
            ++next_;
            return grown;
        }
        if (missing_.erase(count) > 0)
            ++out_of_order;
        else
            ++duplicates;
        return 0;
    }
    std::uint64_t lost(std::uint64_t sent) const {
        return lost_ + missing_.size() + (sent > next_ ? sent - next_ : 0);
    }
    std::uint64_t next() const { return next_; }

 private:
    std::uint64_t next_ = 0;
    std::uint64_t lost_ = 0;
    std::unordered_set<std::uint64_t> missing_;
};

}  // namespace mw::load
