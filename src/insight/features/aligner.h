#pragma once
// Aligner: points of several signals, as they arrive in batches, into rows of equal time.
// A row leaves as soon as it is complete and no earlier one waits; an incomplete row leaves, with
// NaN for what is missing, when a point `wait` later has come or too many rows wait. A point more
// than `max_ahead` later than all before it is set aside: one wrong clock must not make everything
// after it late. It is believed with the third such time in a row, and dropped when an ordinary
// point comes first. One thread.

#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "domain/point.h"
#include "insight/features/plan.h"

namespace mw::features {

struct AlignOptions {
    nanoseconds tolerance{0};           // times this close are one row, which keeps the first one's
    nanoseconds wait = seconds{1};      // event time
    std::size_t max_pending = 8192;     // rows
    nanoseconds max_ahead = hours{24};  // zero: every time is believed
};

class Aligner {
 public:
    // `signals` are the device's names, in the order of the row's values.
    Aligner(std::vector<std::string> signals, AlignOptions options = {});
    Aligner(Aligner&&) = default;
    Aligner& operator=(Aligner&&) = default;

    void add(const Batch& batch);  // signals that are not listed are passed over
    void add(std::string_view signal, Timestamp time, double value, Quality quality = {});
    // The next row in time order; the view holds until the next call of any member.
    std::optional<Row> next();
    void flush();  // let incomplete rows go too
    // The latest time that left in a row: points not later than it are refused and counted.
    std::optional<Timestamp> consumed() const { return consumed_; }
    void skip_to(Timestamp time) { consumed_ = time; }  // as if rows up to there had left
    std::size_t pending() const { return rows_.size(); }
    // Per input whether a point of it took its place in a row since forget_came().
    std::span<const std::uint8_t> came() const { return came_; }
    void forget_came() { std::fill(came_.begin(), came_.end(), std::uint8_t{0}); }
    std::uint64_t late_points() const { return late_; }
    std::uint64_t ahead_points() const { return ahead_; }  // set aside and dropped

 private:
    struct Pending {
        std::vector<double> values;
        std::vector<Quality> quality;
        std::vector<std::uint8_t> known;
        std::size_t count = 0;
    };
    using Rows = std::map<std::int64_t, Pending>;  // by time
    struct Point {
        std::size_t input;
        Timestamp time;
        double value;
        Quality quality;
    };

    void add(const Point& point);
    bool add_row(const Batch& batch);
    void add_whole_row(const Batch& batch);
    void place(const Point& point);
    static void fill(Pending& row, const Point& point);
    bool is_ahead(Timestamp time) const;
    void set_aside(const Point& point);
    void drop_aside();
    bool ready(Timestamp time, const Pending& row) const;
    Rows::iterator row_at(std::size_t input, Timestamp time);

    using Inputs = std::vector<std::size_t>;
    const Inputs* look_up(const Run& run) const;
    void learn(const Batch& batch);
    const Inputs* inputs_of(const Batch& batch, std::size_t run);
    Pending spare_row();  // its buffers may hold anything

    std::map<std::string, Inputs, std::less<>> inputs_;
    std::uint64_t form_ = 0;             // of the batch whose runs were looked up last
    std::vector<const Inputs*> of_run_;  // in inputs_; null: not listed
    std::vector<std::uint32_t> run_of_;  // of each input, its run; empty: one has none, or several
    bool in_order_ = false;              // the runs are the inputs as they are
    std::size_t width_ = 0;
    AlignOptions options_;
    Rows rows_;
    std::pair<std::int64_t, Pending*> same_{};  // of the point before: many have its time
    std::vector<Pending> spare_;                // buffers of rows that left
    Pending current_;
    std::optional<Timestamp> newest_;
    std::optional<Timestamp> consumed_;
    bool flushing_ = false;
    std::vector<std::uint8_t> came_;  // per input
    std::vector<Point> aside_;        // of fewer than times_to_believe times
    std::uint64_t late_ = 0;
    std::uint64_t ahead_ = 0;
};

}  // namespace mw::features
