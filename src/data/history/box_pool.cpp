#include "data/history/box_pool.h"

namespace mw::history {
namespace {

constexpr std::size_t text_entry_bytes = 80;  // of a view and its place in the index, roughly

}  // namespace

double BoxPool::adopt(double value, const Boxes& from) {
    if (const auto text = from.text(value)) return add(*text);
    const auto integer = from.integer(value);
    if (!integer) return no_value;
    bytes_ += sizeof *integer;
    return integer_box(integers_.add(*integer));
}

double BoxPool::add(std::string_view text) {
    const auto known = places_.find(text);
    if (known != places_.end()) return text_box(known->second);
    if (slab_left_ < text.size()) {
        slab_left_ = std::max(slab_bytes, text.size());
        slabs_.push_back(std::make_unique<char[]>(slab_left_));
        slab_at_ = slabs_.back().get();
        bytes_ += slab_left_;
    }
    const std::string_view kept(slab_at_, text.size());
    if (!text.empty()) std::memcpy(slab_at_, text.data(), text.size());
    slab_at_ += text.size();
    slab_left_ -= text.size();
    bytes_ += text_entry_bytes;
    const auto place = texts_.add(kept);
    places_.emplace(kept, place);
    return text_box(place);
}

// Bounds are those of the box, which a snapshot has only if the value was there before: no size is
// read that the loop may be changing.
std::optional<std::string_view> BoxPool::text_at(std::uint64_t place) const {
    return texts_.at(place);
}

std::optional<std::int64_t> BoxPool::integer_at(std::uint64_t place) const {
    return integers_.at(place);
}

}  // namespace mw::history
