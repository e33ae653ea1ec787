#pragma once
// What goes first when the hub is back, and what goes last when the disk is full. A stream has one
// rank for ever: its sequences reach the hub in order. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mw::outbox {

enum class Rank : std::uint8_t {
    decisions,  // decision/MODEL, event, label/...
    health,     // sketch/MODEL and whatever else
    points,     // data/SOURCE
};
inline constexpr std::size_t rank_count = 3;
inline constexpr std::array<Rank, rank_count> all_ranks = {Rank::decisions, Rank::health,
                                                           Rank::points};

template <class T>
class PerRank {
 public:
    T& operator[](Rank rank) { return each_[static_cast<std::size_t>(rank)]; }
    const T& operator[](Rank rank) const { return each_[static_cast<std::size_t>(rank)]; }
    auto begin() { return each_.begin(); }
    auto end() { return each_.end(); }
    auto begin() const { return each_.begin(); }
    auto end() const { return each_.end(); }

 private:
    std::array<T, rank_count> each_{};
};

constexpr std::string_view name_of(Rank rank) {
    constexpr std::array<std::string_view, rank_count> names = {"decisions", "health", "points"};
    return names[static_cast<std::size_t>(rank)];
}

constexpr Rank rank_of(std::string_view stream) {
    const std::string_view kind = stream.substr(0, stream.find('/'));
    if (kind == "data") return Rank::points;
    if (kind == "decision" || kind == "event" || kind == "label") return Rank::decisions;
    return Rank::health;
}

}  // namespace mw::outbox
