#pragma once
// The columns of one message while it is read: points in the order of the text, then one run per
// signal and unit. Reuses the batch's buffers, and the strings of its former runs.

#include <vector>

#include "domain/point.h"
#include "protocols/payload/name_table.h"

namespace mw::payload {

class Columns {
 public:
    explicit Columns(std::size_t signals_max) : slots_(signals_max) {}

    void begin(Batch& batch);
    void abandon();  // leaves the batch empty

    std::size_t size() const { return batch_->values.size(); }
    void add(double value) { batch_->values.push_back(value); }
    void add_bad(double value);  // not a number
    void add_boolean(bool value);
    void add_text(std::string_view text);
    double box(std::int64_t integer);
    void pad_quality() { batch_->quality.resize(batch_->values.size(), Quality::good()); }
    void weaken(std::size_t begin, std::size_t end, Quality source);
    void set_times(std::size_t begin, std::size_t end, Timestamp start, std::int64_t step);

    // Points [begin, end) belong to this signal; false when there are too many signals.
    bool claim(std::string_view signal, std::string_view unit, std::size_t begin, std::size_t end);
    void finish();

 private:
    struct Segment {
        std::uint32_t slot;
        std::uint32_t begin;
        std::uint32_t end;
        ValueType type;
    };
    void add_run(std::uint32_t slot, std::uint32_t begin, std::uint32_t end, ValueType type);
    void regroup();
    ValueType type_of(std::size_t begin, std::size_t end) const;

    Batch* batch_ = nullptr;
    NameTable slots_;
    std::vector<Segment> segments_;
    std::vector<Run> spare_runs_;
    std::vector<std::uint32_t> booleans_;  // which values were true or false, in their order
    bool is_odd_ = false;                  // other values than finite numbers have come
    std::vector<std::uint32_t> ends_;      // scratch of regroup()
    std::vector<ValueType> types_;
    std::vector<Timestamp> times_;
    std::vector<double> values_;
    std::vector<Quality> quality_;
};

}  // namespace mw::payload
