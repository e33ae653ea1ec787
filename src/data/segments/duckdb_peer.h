#pragma once
// What our own writer is measured against, in the benchmark only: the same points through DuckDB's
// COPY, with the settings that made it smallest (docs/decisions/0011-parquet-of-our-own.md).

#include <memory>
#include <string>

#include "data/history/history.h"

namespace mw::segments {

class DuckdbPeer {
 public:
    explicit DuckdbPeer(const std::string& directory);
    ~DuckdbPeer();
    Result<std::uint64_t> write_points(const std::string& path, history::SortedPoints& points);

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mw::segments
