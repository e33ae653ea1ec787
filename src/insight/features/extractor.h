#pragma once
// Extractor: rows in, feature vectors out, in time order. One per pipeline, one thread.
// Memory: window rows x inputs x 9 bytes, and 60 bytes a row where a feature needs frequencies,
// allocated at opening; push() allocates nothing.

#include <array>
#include <optional>

#include "insight/features/moments.h"
#include "insight/features/plan.h"
#include "insight/features/spectrum.h"
#include "insight/features/window_sums.h"

namespace mw::features {

// One window's features. The spans belong to the extractor and hold until its next push.
struct Frame {
    Timestamp from;  // first and last row of the window
    Timestamp to;
    std::uint32_t rows = 0;
    Quality quality;                 // worst of the inputs; skipped or held values are uncertain
    std::string_view lacking;        // an input without enough usable values, or "window.max_rows";
                                     // empty: complete
    std::span<const double> values;  // per feature, in the signal's unit; NaN where lacking
    std::span<const float> scaled;   // what a model gets
};

class Extractor {
 public:
    static Result<Extractor> open(Plan plan);
    Extractor(Extractor&&) = default;
    Extractor& operator=(Extractor&&) = default;

    // A row that is not later than the one before is refused and counted, as is one of wrong width.
    std::optional<Frame> push(const Row& row);
    void reset();  // forget everything, as after opening

    // Whether the next row, if it has that time, ends a window. Not known of events: false.
    bool ends_window(Timestamp next) const;
    // Makes as much of a frame as is made of sums, for nobody: so that the processor has code and
    // sums in its caches when the row comes that ends the window. Returns what a model would get.
    std::span<const float> rehearse();

    const Plan& plan() const { return plan_; }
    // Enough past to repeat the last `frames` frames exactly.
    Memory memory(std::size_t frames = 1) const;
    std::uint64_t refused_rows() const { return refused_; }

    // Rows since the start or the last gap: the phase of windows that are counted in rows. To
    // rebuild the state: continue_from(rows_seen() of then - n), then push the n rows before then.
    std::uint64_t rows_seen() const { return seen_; }
    void continue_from(std::uint64_t rows_seen);
    std::optional<Timestamp> last_time() const { return last_; }

 private:
    explicit Extractor(Plan plan);

    struct Held {
        double value = 0;
        std::uint32_t age = 0;
        bool known = false;
    };

    std::optional<Frame> push_by_rows(const Row& row, bool tumbling);
    std::optional<Frame> push_sliding_time(const Row& row);
    std::optional<Frame> push_tumbling_time(const Row& row);
    std::optional<Frame> push_session(const Row& row);
    std::optional<Frame> push_event(const Row& row);
    bool triggered_rows_ago(std::size_t rows) const;
    bool acceptable(const Row& row) const;
    bool after_gap(const Row& row) const;
    void start_anew();
    void append(const Row& row);
    bool take_whole(const Row& row, std::span<double> usable) const;
    void settle();
    Quality admit(const Row& row, std::size_t input, double& value);
    void drop_before(Timestamp oldest_kept);
    Frame make_frame(Timestamp begin);
    void take_sums();
    void scale_all();
    double compute(const Feature& feature);
    double of_moments(Statistic statistic);
    double of_order(const Feature& feature);
    double of_times(const Feature& feature, std::size_t rows);
    double of_spectrum(const Feature& feature, std::size_t rows);
    double of_pairs(const Feature& feature, std::size_t rows);
    double at_rows_ago(std::uint32_t input, std::size_t rows) const;
    std::size_t slot_at(std::size_t row) const;  // 0: the oldest
    std::size_t rows_over(const Extent& over) const;
    std::span<const double> gather(std::uint32_t input, std::size_t rows);
    std::span<const double> gather_every(std::uint32_t input, std::size_t rows);
    void gather_times(std::uint32_t input, std::size_t rows);
    std::size_t gather_pairs(const Feature& feature, std::size_t rows);
    const Moments& moments();
    const Extremes& extremes();
    double seconds_over(std::size_t rows) const;
    std::uint32_t min_rows_for(const Extent& over) const;

    Plan plan_;
    std::size_t capacity_;
    std::vector<double> values_;        // per input a ring of capacity_; NaN: not usable
    std::vector<Timestamp> times_;      // one ring
    std::vector<Quality> row_quality_;  // one ring: the worst of the row
    std::vector<Held> held_;            // per input
    std::size_t first_ = 0;             // the oldest row's slot
    std::size_t filled_ = 0;
    std::uint64_t seen_ = 0;
    std::uint64_t refused_ = 0;
    std::optional<Timestamp> started_;  // the first row since the start or the last gap
    std::optional<Timestamp> last_;
    std::optional<Timestamp> dropped_;  // the last row that had to go for want of memory
    WindowSums sums_;                   // of the rows since the last window's end
    // Per feature where the sums put it, null for those that are made of rows;
    // its scaling.
    std::vector<const double*> summed_;
    std::vector<double> center_, scale_;
    // The newest rows, side by side: a column's place in the rings is touched
    // once for all of them.
    static constexpr std::size_t staged_max = 8;
    std::vector<double> staged_;
    std::array<std::size_t, staged_max> staged_at_{};
    std::size_t staged_count_ = 0;
    std::vector<double> scratch_;
    std::size_t gathered_rows_ = 0;  // what scratch_ holds: the end of which input
    std::uint32_t gathered_input_ = 0;
    std::size_t gathered_count_ = 0;
    std::optional<Moments> moments_;  // of what is gathered
    std::optional<Extremes> extremes_;
    std::vector<double> second_scratch_;  // times, ordered values, the other input
    Spectrum spectrum_;
    std::vector<double> out_;
    std::vector<float> scaled_;
};

}  // namespace mw::features
