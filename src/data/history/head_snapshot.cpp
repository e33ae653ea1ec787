#include "data/history/head_snapshot.h"

#include <algorithm>

namespace mw::history {

std::size_t HeadSnapshot::Lane::pieces() const {
    if (end == first) return 0;
    return (end - 1) / block_points - first / block_points + 1;
}

Columns HeadSnapshot::Lane::piece(std::size_t p) const {
    auto index = first / block_points + p;
    auto begin = std::max<std::size_t>(first, index * block_points) - index * block_points;
    auto rows =
        std::min<std::size_t>(end, (index + 1) * block_points) - index * block_points - begin;
    const auto& block = *blocks[index];
    return {{block.times + begin, rows},
            {block.values + begin, rows},
            {block.quality + begin, rows},
            nullptr};
}

std::size_t HeadSnapshot::rows(std::size_t i) const {
    return series_[i].ordered.rows() + series_[i].late.rows();
}

std::size_t HeadSnapshot::pieces(std::size_t i) const {
    return series_[i].ordered.pieces() + series_[i].late.pieces();
}

Columns HeadSnapshot::piece(std::size_t i, std::size_t p) const {
    const auto& series = series_[i];
    auto ordered = series.ordered.pieces();
    auto piece = p < ordered ? series.ordered.piece(p) : series.late.piece(p - ordered);
    piece.boxes = boxes(i);
    return piece;
}

}  // namespace mw::history
