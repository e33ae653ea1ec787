#include "insight/drift/bin_counts.h"

#include <cmath>
#include <numeric>

namespace mw::drift {
namespace {

Column column_of(const pipeline::Distribution& distribution) {
    Column column;
    column.bins.assign(distribution.edges.size() + 1, 0);
    return column;
}

}  // namespace

std::uint64_t Column::n() const {
    return std::accumulate(bins.begin(), bins.end(), std::uint64_t{0});
}

std::uint64_t BinCounts::values() const {
    return columns.empty() ? 0 : columns.back().n() + columns.back().bad;
}

Result<> BinCounts::merge(const BinCounts& other) {
    if (columns.empty()) return *this = other, Result<>{};
    if (columns.size() != other.columns.size())
        return Error{Errc::invalid_input, "counts of " + std::to_string(other.columns.size()) +
                                              " columns, want " + std::to_string(columns.size())};
    for (std::size_t c = 0; c < columns.size(); ++c)
        if (columns[c].bins.size() != other.columns[c].bins.size())
            return Error{Errc::invalid_input, "counts of column " + std::to_string(c) +
                                                  " have other bins: of another bundle?"};
    for (std::size_t c = 0; c < columns.size(); ++c) {
        Column& mine = columns[c];
        const Column& theirs = other.columns[c];
        for (std::size_t i = 0; i < mine.bins.size(); ++i) mine.bins[i] += theirs.bins[i];
        mine.bad += theirs.bad;
        for (std::size_t lag = 0; lag < lags.size(); ++lag) {
            mine.pairs[lag].n += theirs.pairs[lag].n;
            mine.pairs[lag].squares += theirs.pairs[lag].squares;
        }
    }
    return {};
}

BinCounter::BinCounter(std::shared_ptr<const pipeline::Reference> reference)
    : reference_(std::move(reference)), counts_(zero()) {}

BinCounts BinCounter::zero() const {
    BinCounts counts;
    for (const auto& feature : reference_->features) counts.columns.push_back(column_of(feature));
    counts.columns.push_back(column_of(reference_->score));
    return counts;
}

void BinCounter::add(std::span<const double> features, double score) {
    Row row(reference_->features.size() + 1, none);
    const auto bin_of = [](const pipeline::Distribution& distribution, double value) {
        return std::isnan(value) ? none : static_cast<std::uint8_t>(distribution.bin(value));
    };
    for (std::size_t i = 0; i < reference_->features.size() && i < features.size(); ++i)
        row[i] = bin_of(reference_->features[i], features[i]);
    row.back() = bin_of(reference_->score, score);
    count(row);
    recent_.push_front(std::move(row));
    if (recent_.size() > lags.back()) recent_.pop_back();
}

void BinCounter::count(const Row& row) {
    for (std::size_t c = 0; c < row.size(); ++c) {
        Column& column = counts_.columns[c];
        if (row[c] == none) {
            ++column.bad;
            continue;
        }
        ++column.bins[row[c]];
        for (std::size_t i = 0; i < lags.size(); ++i) {
            if (recent_.size() < lags[i] || recent_[lags[i] - 1][c] == none) continue;
            const int step = int{row[c]} - int{recent_[lags[i] - 1][c]};
            ++column.pairs[i].n;
            column.pairs[i].squares += static_cast<std::uint64_t>(step * step);
        }
    }
}

BinCounts BinCounter::take() {
    BinCounts taken = std::move(counts_);
    counts_ = zero();
    return taken;
}

Bytes BinCounter::recent() const {
    Bytes bytes;
    for (const Row& row : recent_) bytes.insert(bytes.end(), row.begin(), row.end());
    return bytes;
}

bool BinCounter::resume(BinCounts counts, ByteView recent) {
    const std::size_t width = counts_.columns.size();
    BinCounts fits = zero();
    if (recent.size() % width != 0 || recent.size() / width > lags.back() ||
        counts.columns.size() != width || !fits.merge(counts))
        return false;
    for (std::size_t i = 0; i < recent.size(); ++i)
        if (recent[i] != none && recent[i] >= fits.columns[i % width].bins.size()) return false;
    counts_ = std::move(fits);
    recent_.clear();
    for (std::size_t at = 0; at < recent.size(); at += width)
        recent_.emplace_back(recent.begin() + static_cast<std::ptrdiff_t>(at),
                             recent.begin() + static_cast<std::ptrdiff_t>(at + width));
    return true;
}

BinCounts counts_of(const pipeline::Reference& reference) {
    BinCounts counts;
    const auto take = [&](const pipeline::Distribution& distribution) {
        Column column = column_of(distribution);
        if (distribution.counts.size() == column.bins.size()) column.bins = distribution.counts;
        counts.columns.push_back(std::move(column));
    };
    for (const auto& feature : reference.features) take(feature);
    take(reference.score);
    return counts;
}

}  // namespace mw::drift
