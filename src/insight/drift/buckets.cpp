#include "insight/drift/buckets.h"

#include <algorithm>

namespace mw::drift {
namespace {

double between(const Buckets::Part& a, const Buckets::Part& b) {
    if (a.n == 0 || b.n == 0) return 0;
    const double apart = a.mean() - b.mean();
    return a.n * b.n * apart * apart / (a.n + b.n);
}

}  // namespace

void Buckets::Part::join(const Part& other) {
    spread += other.spread + between(*this, other);
    n += other.n;
    total += other.total;
}

void Buckets::Part::leave(const Part& other) {
    n -= other.n;
    total -= other.total;
    spread = std::max(0.0, spread - other.spread - between(*this, other));
}

void Buckets::insert(double value) {
    if (rows_.empty()) rows_.emplace_back();
    rows_[0].push_back({1, value, 0});
    all_.join({1, value, 0});
    for (std::size_t i = 0; i < rows_.size() && rows_[i].size() > per_row_; ++i) {
        if (i + 1 == rows_.size()) rows_.emplace_back();
        Part both = rows_[i][0];
        both.join(rows_[i][1]);
        rows_[i + 1].push_back(both);
        rows_[i].erase(rows_[i].begin(), rows_[i].begin() + 2);
    }
}

void Buckets::drop_oldest() {
    all_.leave(rows_.back().front());
    rows_.back().erase(rows_.back().begin());
    while (!rows_.empty() && rows_.back().empty()) rows_.pop_back();
}

}  // namespace mw::drift
