#pragma once
// Extractor: rows in, feature vectors out, in time order. One per pipeline, one thread.
// Memory: window rows x inputs x 9 bytes, allocated at opening; push() allocates nothing.

#include <optional>

#include "insight/features/plan.h"

namespace mw::features {

// One window's features. The spans belong to the extractor and hold until its next push.
struct Frame {
    Timestamp from;  // first and last row of the window
    Timestamp to;
    std::uint32_t rows = 0;
    Quality quality;                 // worst of the inputs; skipped or held values are uncertain
    std::string_view lacking;        // an input without enough usable values; empty: complete
    std::span<const double> values;  // per feature, in the signal's unit; NaN where lacking
    std::span<const float> scaled;   // what a model gets
};

class Extractor {
 public:
    static Result<Extractor> open(Plan plan);

    // A row that is not later than the one before is refused and counted, as is one of wrong width.
    std::optional<Frame> push(const Row& row);
    void reset();  // forget everything, as after opening

    const Plan& plan() const { return plan_; }
    // Enough past to repeat the last `frames` frames exactly.
    Memory memory(std::size_t frames = 1) const;
    std::uint64_t refused_rows() const { return refused_; }

    // Rows since the start or the last gap: the phase of windows that are counted in rows. To
    // rebuild the state: continue_from(rows_seen() of then - n), then push the n rows before then.
    std::uint64_t rows_seen() const { return seen_; }
    void continue_from(std::uint64_t rows_seen);
    std::optional<Timestamp> last_time() const;

 private:
    explicit Extractor(Plan plan);

    struct Cell {
        double value;
        Quality quality;
    };
    struct Held {
        double value = 0;
        std::uint32_t age = 0;
        bool known = false;
    };

    void append(const Row& row);
    Cell admit(const Row& row, std::size_t input);
    void evict(Timestamp now);
    bool due(Timestamp now) const;
    bool due_before(Timestamp now) const;
    std::optional<Frame> make_frame();
    double compute(const Feature& feature);
    std::size_t gather(std::uint32_t input, const Extent& over);
    std::size_t slot(std::size_t age_from_oldest) const;
    std::uint32_t min_rows_for(const Feature& feature) const;

    Plan plan_;
    std::size_t capacity_;
    std::vector<double> values_;        // per input a ring of capacity_; NaN: not usable
    std::vector<Timestamp> times_;      // one ring
    std::vector<Quality> row_quality_;  // one ring: the worst of the row
    std::vector<Held> held_;            // per input
    std::size_t first_ = 0;             // oldest row's slot
    std::size_t filled_ = 0;
    std::uint64_t seen_ = 0;
    std::uint64_t refused_ = 0;
    bool overflowed_ = false;
    Timestamp overflow_until_{};
    std::optional<Timestamp> started_;  // first row since the start or the last gap
    std::optional<Timestamp> last_;
    std::optional<Timestamp> before_last_;
    std::vector<double> scratch_;
    std::vector<double> out_;
    std::vector<float> scaled_;
};

}  // namespace mw::features
