#pragma once
// How long points are kept, and which files that concerns. Pure; for 1 M series it takes a while,
// so a worker asks. A file goes when all that it may hold is too old; what is too old in a file of
// which other rows stay goes by rewriting the file, once all of it is that old; of a file that is
// longer than a day, once a day of it is.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/history/segment.h"
#include "data/history/series.h"

namespace mw::history {

struct Retention {
    nanoseconds otherwise{0};  // decisions, and series about which keep() says nothing; 0: for ever
    // Of a series; 0: see above. Any thread. May be empty.
    std::function<nanoseconds(const std::string& device, const std::string& signal)> keep = {};

    nanoseconds of(const std::string& device, const std::string& signal) const {
        auto kept = keep ? keep(device, signal) : nanoseconds{0};
        return kept.count() > 0 ? kept : otherwise;
    }
};
using RetentionSnapshot = std::shared_ptr<const Retention>;

struct RetentionPlan {
    std::vector<std::string> drop;     // paths
    std::vector<SegmentFile> rewrite;  // may hold rows that are to go
};
RetentionPlan plan_retention(const std::vector<SegmentFile>& files, const SeriesDirectory& series,
                             const Retention& retention, Timestamp now);

// The rows that are too old at `now`.
Erasure too_old(RetentionSnapshot retention, Timestamp now);

}  // namespace mw::history
