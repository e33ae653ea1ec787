#pragma once
// An append log as it stands, for who copies it while its owner writes on: its segments, opened, so
// that dropping one does not take it away. Any thread; blocks for as long as opening takes. Holds a
// descriptor a segment.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace mw::files {

class Files;
class File;

struct LogPiece {
    std::string name;  // of the segment's file
    std::unique_ptr<File> file;
    std::uint64_t bytes = 0;  // that belong to it; the newest may grow meanwhile
};

// The pieces together are the log of one instant: every frame that was durable before the call and
// was not dropped, in order, and perhaps frames of a group that was not acknowledged yet, without
// the zeros that stand behind the last one. Empty when there is no log. overloaded: the log changed
// its segments faster than they could be opened.
Result<std::vector<LogPiece>> open_log_pieces(Files& files, const std::string& directory);

}  // namespace mw::files
