#pragma once
// A file of zeros that will be a log's next segment. A sync of a file that grows waits for the file
// system's journal, milliseconds while the disk is busy; groups that take the place of zeros have
// only their own bytes to bring to the disk. Inside platform/files only.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "platform/files/files.h"

namespace mw::files {

struct SpareSegment {
    std::string path;
    std::unique_ptr<File> file;
    std::uint64_t bytes = 0;  // zeros, durable
};

// One a folder at a time. Writes zeros over a recycled segment, if there is one: that needs no new
// blocks. Blocks for as long as the disk takes; stops between two pieces. overloaded: no space.
// Leaves nothing behind when it fails.
Result<SpareSegment> make_spare_segment(Files& files, const std::string& directory,
                                        std::uint64_t bytes, std::stop_token stop = {});
// A segment that is not needed any more, instead of removing it; any thread.
Result<> recycle_segment(Files& files, const std::string& path);
// What an earlier process left in the folder.
Result<> remove_spare_segments(Files& files, const std::string& directory);

}  // namespace mw::files
