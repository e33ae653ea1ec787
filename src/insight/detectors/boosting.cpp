#include "insight/detectors/boosting.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace mw::detectors {
namespace {

// Fine enough that a rare failure at the edge of a range has a bin of its own.
constexpr std::size_t bins_max = 4096;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Per feature the thresholds between its bins: bin b holds values below edges[b], the last one all
// others.
struct Binned {
    std::vector<std::vector<float>> edges;
    std::vector<std::uint16_t> bins;  // feature by feature
    std::size_t rows = 0;
    std::uint16_t at(std::size_t feature, std::size_t row) const {
        return bins[feature * rows + row];
    }
};

Binned binned(const Table& table) {
    Binned b;
    b.rows = table.rows();
    b.edges.resize(table.width);
    b.bins.resize(table.width * b.rows);
    std::vector<float> sorted(b.rows);
    for (std::size_t f = 0; f < table.width; ++f) {
        for (std::size_t i = 0; i < b.rows; ++i) sorted[i] = table.row(i)[f];
        std::sort(sorted.begin(), sorted.end());
        auto& edges = b.edges[f];
        for (std::size_t k = 1; k < bins_max; ++k) {
            const std::size_t at = k * b.rows / bins_max;
            if (at == 0 || at >= b.rows) continue;
            // Between two neighbours, so that a value seen in training is on one side for certain.
            const float high = sorted[at];
            const auto below = std::lower_bound(sorted.begin(), sorted.end(), high);
            if (below == sorted.begin()) continue;
            const float low = *(below - 1), middle = low + (high - low) / 2;
            const float edge = middle > low ? middle : high;
            if (edges.empty() || edge > edges.back()) edges.push_back(edge);
        }
        for (std::size_t i = 0; i < b.rows; ++i)
            b.bins[f * b.rows + i] = static_cast<std::uint16_t>(
                std::upper_bound(edges.begin(), edges.end(), table.row(i)[f]) - edges.begin());
    }
    return b;
}

struct Sums {
    double g = 0, h = 0;
    void add(const Sums& other) { g += other.g, h += other.h; }
};

struct Split {
    double gain = 0;
    std::size_t feature = 0, bin = 0;
    float threshold = 0;
};

struct Cell {
    std::uint16_t bin;
    Sums sums;
};

// Grows one tree on rows whose gradients are given.
class Grower {
 public:
    Grower(const Binned& binned, const std::vector<Sums>& gradients, const BoostOptions& options,
           std::vector<std::size_t> columns)
        : binned_(binned), gradients_(gradients), options_(options), columns_(std::move(columns)) {}

    Tree grow(std::vector<std::uint32_t> rows) {
        tree_.emplace_back();
        split(0, std::span(rows), 0);
        return std::move(tree_);
    }

 private:
    double score(const Sums& s) const { return s.g * s.g / (s.h + options_.ridge); }
    void split(std::size_t node, std::span<std::uint32_t> rows, std::uint32_t depth);
    Split best_of(std::span<const std::uint32_t> rows, const Sums& all);
    void fill_cells(std::size_t feature, std::span<const std::uint32_t> rows);

    const Binned& binned_;
    const std::vector<Sums>& gradients_;
    const BoostOptions& options_;
    std::vector<std::size_t> columns_;
    Tree tree_;
    std::vector<Sums> histogram_ = std::vector<Sums>(bins_max);
    std::vector<std::uint32_t> keys_;  // bin and place in `rows`, for few rows
    std::vector<Cell> cells_;
};

// The bins that rows lie in, ascending: by sorting where rows are few, by counting where many.
void Grower::fill_cells(std::size_t feature, std::span<const std::uint32_t> rows) {
    const std::size_t bins = binned_.edges[feature].size() + 1;
    cells_.clear();
    if (rows.size() * 8 >= bins || rows.size() > 0xffff) {
        std::fill_n(histogram_.begin(), bins, Sums{});
        for (const std::uint32_t row : rows)
            histogram_[binned_.at(feature, row)].add(gradients_[row]);
        for (std::size_t b = 0; b < bins; ++b)
            if (histogram_[b].h > 0)
                cells_.push_back({static_cast<std::uint16_t>(b), histogram_[b]});
        return;
    }
    keys_.clear();
    for (std::uint32_t i = 0; i < rows.size(); ++i)
        keys_.push_back(std::uint32_t{binned_.at(feature, rows[i])} << 16 | i);
    std::sort(keys_.begin(), keys_.end());
    for (const std::uint32_t key : keys_) {
        const auto bin = static_cast<std::uint16_t>(key >> 16);
        if (cells_.empty() || cells_.back().bin != bin) cells_.push_back({bin, {}});
        cells_.back().sums.add(gradients_[rows[key & 0xffff]]);
    }
}

Split Grower::best_of(std::span<const std::uint32_t> rows, const Sums& all) {
    Split best{1e-6, 0, 0, 0};
    for (const std::size_t f : columns_) {
        const auto& edges = binned_.edges[f];
        if (edges.empty()) continue;
        fill_cells(f, rows);
        Sums left;
        for (std::size_t i = 0; i + 1 < cells_.size(); ++i) {
            left.add(cells_[i].sums);
            const Sums right{all.g - left.g, all.h - left.h};
            if (left.h < options_.child_weight_min || right.h < options_.child_weight_min) continue;
            const double gain = score(left) + score(right) - score(all);
            if (gain <= best.gain) continue;
            // In the middle of the gap that these rows leave.
            const float low = edges[cells_[i].bin], high = edges[cells_[i + 1].bin - 1U];
            best = {gain, f, cells_[i].bin, low + (high - low) / 2};
        }
    }
    return best;
}

void Grower::split(std::size_t node, std::span<std::uint32_t> rows, std::uint32_t depth) {
    Sums all;
    for (const std::uint32_t row : rows) all.add(gradients_[row]);
    const Split best = depth < options_.depth ? best_of(rows, all) : Split{1e-6, 0, 0, 0};
    if (best.gain <= 1e-6) {
        tree_[node].value = static_cast<float>(-options_.rate * all.g / (all.h + options_.ridge));
        return;
    }
    const auto middle = std::stable_partition(rows.begin(), rows.end(), [&](std::uint32_t row) {
        return binned_.at(best.feature, row) <= best.bin;
    });
    const auto left = static_cast<std::size_t>(middle - rows.begin());
    tree_[node].feature = static_cast<std::int32_t>(best.feature);
    tree_[node].threshold = best.threshold;
    const std::size_t child = tree_.size();
    tree_[node].left = static_cast<std::int32_t>(child);
    tree_[node].right = static_cast<std::int32_t>(child + 1);
    tree_.resize(child + 2);
    split(child, rows.first(left), depth + 1);
    split(child + 1, rows.subspan(left), depth + 1);
}

double base_of(std::span<const float> target, std::span<const float> weights, Loss loss) {
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const double w = weights.empty() ? 1 : weights[i];
        sum += w * target[i];
        total += w;
    }
    const double mean = total > 0 ? sum / total : 0;
    if (loss == Loss::squared) return mean;
    const double p = std::clamp(mean, 1e-4, 1 - 1e-4);
    return std::log(p / (1 - p));
}

// A share of 0 .. n - 1 drawn by lot, in ascending order; at least one.
template <class Index>
std::vector<Index> drawn(std::size_t n, double share, Random& random) {
    std::vector<Index> all(n);
    std::iota(all.begin(), all.end(), Index{0});
    const auto wanted = std::clamp<std::size_t>(
        static_cast<std::size_t>(std::lround(share * static_cast<double>(n))), 1, n);
    if (wanted == n) return all;
    for (std::size_t i = 0; i < wanted; ++i) std::swap(all[i], all[i + random.below(n - i)]);
    all.resize(wanted);
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace

double Boosted::predict(std::span<const float> row) const {
    return loss == Loss::logistic ? sigmoid(raw(row)) : raw(row);
}

Boosted boost(const Table& table, std::span<const float> target, std::span<const float> weights,
              const BoostOptions& options) {
    Boosted model{{}, base_of(target, weights, options.loss), options.loss};
    const Binned b = binned(table);
    std::vector<double> raw(table.rows(), model.base);
    std::vector<Sums> gradients(table.rows());
    SeededRandom random(options.seed);
    for (std::uint32_t t = 0; t < options.trees; ++t) {
        for (std::size_t i = 0; i < raw.size(); ++i) {
            const double w = weights.empty() ? 1 : weights[i];
            const double p = options.loss == Loss::logistic ? sigmoid(raw[i]) : raw[i];
            const double h = options.loss == Loss::logistic ? std::max(p * (1 - p), 1e-16) : 1;
            gradients[i] = {w * (p - target[i]), w * h};
        }
        auto rows = drawn<std::uint32_t>(table.rows(), options.row_share, random);
        auto columns = drawn<std::size_t>(table.width, options.column_share, random);
        Grower grower(b, gradients, options, std::move(columns));
        model.trees.push_back(grower.grow(std::move(rows)));
        for (std::size_t i = 0; i < raw.size(); ++i)
            raw[i] += leaf_of(model.trees.back(), table.row(i));
    }
    return model;
}

double average_precision(std::span<const double> scores, std::span<const std::uint8_t> truth) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    const auto positives = static_cast<double>(std::count(truth.begin(), truth.end(), 1));
    if (positives == 0) return 0;
    double found = 0, area = 0;
    for (std::size_t i = 0, seen = 0; i < order.size();) {
        double here = 0;
        const double score = scores[order[i]];
        for (; i < order.size() && scores[order[i]] == score; ++i, ++seen) here += truth[order[i]];
        found += here;
        area += here / positives * found / static_cast<double>(seen);
    }
    return area;
}

}  // namespace mw::detectors
