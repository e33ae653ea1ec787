#pragma once
// An exponential histogram: the newest values one by one, older ones in buckets of 2, 4, 8, ...,
// each with sum and spread. Inside insight/drift.

#include <cstddef>
#include <vector>

namespace mw::drift {

class Buckets {
 public:
    struct Part {
        double n = 0;
        double total = 0;
        double spread = 0;  // sum of squared deviations from its mean

        double mean() const { return n > 0 ? total / n : 0; }
        void join(const Part& other);
        void leave(const Part& other);  // the inverse of join
    };

    explicit Buckets(unsigned per_row) : per_row_(per_row) {}
    void insert(double value);
    void drop_oldest();
    const Part& all() const { return all_; }
    bool empty() const { return all_.n == 0; }

    // Calls visit(older part, newer part) at each cut, from the oldest bucket on, until it gives
    // true; says whether it did.
    template <class F>
    bool any_cut(F&& visit) const {
        Part older, newer = all_;
        for (std::size_t i = rows_.size(); i-- > 0;) {
            for (const Part& bucket : rows_[i]) {
                older.join(bucket);
                newer.leave(bucket);
                if (newer.n > 0 && visit(older, newer)) return true;
            }
        }
        return false;
    }

 private:
    unsigned per_row_;
    std::vector<std::vector<Part>> rows_;  // row i: buckets of 2^i values, the oldest first
    Part all_;
};

}  // namespace mw::drift
