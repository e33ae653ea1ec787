#pragma once
// Points of many messages or lines, put together by signal and unit for one message to the hub.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "domain/point.h"

namespace mw::sources {

// A portion becomes one message to the hub, which takes 1 MB and 1,000 signals: at their longest,
// a point is about 300 bytes there.
constexpr std::size_t portion_points = 2'048;
constexpr std::size_t portion_bytes = std::size_t{256} << 10;
constexpr std::size_t portion_signals = 1'000;
constexpr std::size_t topics_remembered = 256;

// The portion's points by signal and unit, in the order in which they came.
class Gathering {
 public:
    bool has_room(const Batch& more) const {
        return columns_.empty() || (points_ + more.size() <= portion_points &&
                                    columns_.size() + more.runs.size() <= portion_signals &&
                                    boxes_.bytes() + more.boxes.bytes() <= portion_bytes);
    }
    void add(const Batch& batch) {
        points_ += batch.size();
        for (const Run& run : batch.runs) {
            Column& column = columns_[{run.signal, run.unit}];
            for (auto i = run.begin; i < run.end; ++i) {
                column.times.push_back(batch.times[i]);
                column.values.push_back(run.boxed ? boxes_.adopt(batch.values[i], batch.boxes)
                                                  : batch.values[i]);
                column.quality.push_back(batch.quality[i]);
            }
            column.boxed |= run.boxed;
            column.type = widest(column.type, run.type);
        }
    }
    void finish(Batch& batch) const {
        for (const auto& [name, column] : columns_) {
            const auto begin = static_cast<std::uint32_t>(batch.times.size());
            const auto count = static_cast<std::uint32_t>(column.times.size());
            batch.runs.push_back(
                {name.first, name.second, begin, begin + count, column.type, column.boxed});
            batch.times.insert(batch.times.end(), column.times.begin(), column.times.end());
            batch.values.insert(batch.values.end(), column.values.begin(), column.values.end());
            batch.quality.insert(batch.quality.end(), column.quality.begin(), column.quality.end());
        }
        batch.boxes = boxes_;
    }

 private:
    struct Column {
        std::vector<Timestamp> times;
        std::vector<double> values;
        std::vector<Quality> quality;
        ValueType type = ValueType::none;
        bool boxed = false;
    };
    BoxList boxes_;
    std::map<std::pair<std::string, std::string>, Column> columns_;
    std::size_t points_ = 0;
};

}  // namespace mw::sources
