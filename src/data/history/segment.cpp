#include "data/history/segment.h"

#include <algorithm>
#include <numeric>

namespace mw::history {
namespace {

// All ordered rows of a series lie inside the bounds, as they do when a generation is of one day:
// then nobody needs to look at their times.
bool holds_ordered(const HeadSnapshot& head, std::size_t i, Timestamp from, Timestamp to) {
    auto ordered = head.ordered_pieces(i);
    return ordered == 0 || (head.piece(i, 0).times.front() >= from &&
                            head.piece(i, ordered - 1).times.back() <= to);
}

}  // namespace

SortedPoints::SortedPoints(const HeadSnapshot& head, ContextSnapshot context, Timestamp from,
                           Timestamp to)
    : head_(&head), context_(std::move(context)), from_(from), to_(to) {
    order_.resize(head.series());
    std::iota(order_.begin(), order_.end(), 0u);
    std::sort(order_.begin(), order_.end(), [&head](std::uint32_t a, std::uint32_t b) {
        const auto &x = head.entry(a), &y = head.entry(b);
        auto by_device = x.device.compare(y.device);
        return by_device != 0 ? by_device < 0 : x.signal < y.signal;
    });
    for (auto i : order_) survey(i);
}

void SortedPoints::survey(std::size_t i) {
    std::size_t rows = 0;
    auto see = [&](Timestamp time) {
        extent_.time_min = std::min(extent_.time_min, time);
        extent_.time_max = std::max(extent_.time_max, time);
        extent_.overlaps |= time <= head_->boundary(i);
    };
    auto ordered = head_->ordered_pieces(i);
    std::size_t first = 0;
    if (ordered > 0 && holds_ordered(*head_, i, from_, to_)) {
        auto front = head_->piece(i, 0), back = head_->piece(i, ordered - 1);
        rows = front.size();
        if (ordered > 1) rows += (ordered - 2) * block_points + back.size();
        see(front.times.front());
        see(back.times.back());
        first = ordered;
    }
    for (std::size_t p = first; p < head_->pieces(i); ++p) {
        auto piece = head_->piece(i, p);
        if (p < ordered) {
            auto [begin, end] = cut(piece);
            if (begin == end) continue;
            rows += end - begin;
            see(piece.times[begin]);
            see(piece.times[end - 1]);
            continue;
        }
        for (auto time : piece.times) {
            if (time < from_ || time > to_) continue;
            ++rows;
            see(time);
        }
    }
    if (rows == 0) return;
    extent_.rows += rows;
    extent_.boxed |= head_->boxes(i) != nullptr;
    if (extent_.device_first.empty()) extent_.device_first = head_->entry(i).device;
    extent_.device_last = head_->entry(i).device;
}

bool SortedPoints::next(SortedSeries& out) {
    while (at_ < order_.size()) {
        auto i = order_[at_++];
        if (at_ < order_.size()) prefetch(order_[at_]);
        gather(i);
        if (size_ == 0) continue;
        out.series = &head_->entry(i);
        out.context = &context_of(context_, out.series->device);
        out.rows = {{times_.data(), size_},
                    {values_.data(), size_},
                    {quality_.data(), size_},
                    head_->boxes(i)};
        return true;
    }
    return false;
}

// Of an ordered piece.
SortedPoints::Cut SortedPoints::cut(const Columns& piece) const {
    auto begin = std::lower_bound(piece.times.begin(), piece.times.end(), from_);
    auto end = std::upper_bound(begin, piece.times.end(), to_);
    return {static_cast<std::size_t>(begin - piece.times.begin()),
            static_cast<std::size_t>(end - piece.times.begin())};
}

void SortedPoints::gather(std::size_t i) {
    size_ = 0;
    auto ordered_pieces = head_->ordered_pieces(i);
    bool whole = holds_ordered(*head_, i, from_, to_);
    for (std::size_t p = 0; p < ordered_pieces; ++p) {
        auto piece = head_->piece(i, p);
        auto [begin, end] = whole ? Cut{0, piece.size()} : cut(piece);
        take(piece, begin, end);
    }
    auto ordered = size_;
    for (std::size_t p = ordered_pieces; p < head_->pieces(i); ++p) {
        auto piece = head_->piece(i, p);
        for (std::size_t row = 0; row < piece.size(); ++row)
            if (piece.times[row] >= from_ && piece.times[row] <= to_) take(piece, row, row + 1);
    }
    if (size_ > ordered) merge_late(ordered);
}

// Columns only grow: they are as long as the longest series.
void SortedPoints::take(const Columns& piece, std::size_t begin, std::size_t end) {
    auto count = end - begin;
    if (size_ + count > times_.size()) {
        auto room = std::max(size_ + count, 2 * times_.size());
        times_.resize(room);
        values_.resize(room);
        quality_.resize(room);
    }
    std::copy_n(piece.times.data() + begin, count, times_.data() + size_);
    std::copy_n(piece.values.data() + begin, count, values_.data() + size_);
    std::copy_n(piece.quality.data() + begin, count, quality_.data() + size_);
    size_ += count;
}

// Brings the rows of the next series on their way from memory: they lie in blocks, anywhere.
void SortedPoints::prefetch(std::size_t i) const {
    constexpr std::size_t pieces_max = 8;
    for (std::size_t p = 0; p < std::min(head_->ordered_pieces(i), pieces_max); ++p) {
        auto piece = head_->piece(i, p);
        __builtin_prefetch(piece.times.data());
        __builtin_prefetch(piece.values.data());
        __builtin_prefetch(piece.quality.data());
    }
}

// Rows behind `ordered` came late: brings all rows into the order of time.
void SortedPoints::merge_late(std::size_t ordered) {
    std::vector<std::uint32_t> order(size_);
    std::iota(order.begin(), order.end(), 0u);
    auto earlier = [this](std::uint32_t a, std::uint32_t b) { return times_[a] < times_[b]; };
    auto late = order.begin() + static_cast<std::ptrdiff_t>(ordered);
    std::sort(late, order.end(), earlier);
    std::inplace_merge(order.begin(), late, order.end(), earlier);
    auto arrange = [&order](auto& column) {
        auto from = column;
        for (std::size_t row = 0; row < order.size(); ++row) column[row] = from[order[row]];
    };
    arrange(times_);
    arrange(values_);
    arrange(quality_);
}

std::string rollups_of(const std::string& points) {
    constexpr std::string_view folder = "points/day=";
    auto at = points.rfind(folder);
    if (at == std::string::npos) return {};
    return points.substr(0, at) + "rollups/day=" + points.substr(at + folder.size());
}

Result<Merged> SegmentWriter::merge_points(const PointPaths& paths, const MergeOrder&,
                                           std::stop_token) {
    return Error{Errc::invalid_input, "this writer can't merge into " + paths.points};
}

Result<Merged> SegmentWriter::rewrite_decisions(const std::string& path, const MergeOrder&) {
    return Error{Errc::invalid_input, "this writer can't rewrite into " + path};
}

Result<bool> SegmentWriter::holds(const SegmentFile&, const Erasure&) { return true; }

}  // namespace mw::history
