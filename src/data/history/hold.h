#pragma once
// All that history has on disk, as of one instant, for who copies it. Plain data.

#include <vector>

#include "data/history/segment.h"
#include "platform/files/files.h"

namespace mw::history {

// Opened again in a folder of their own, these are the history of that instant: everything that was
// durable is there once. What is replaced or dropped meanwhile stays on disk for as long as this
// lives.
struct HistoryHold {
    std::vector<files::LogPiece> catalog;
    std::vector<SegmentFile> files;  // of the catalog; absolute paths
    std::vector<files::LogPiece> log;
};

}  // namespace mw::history
