#pragma once
// The seam to where files come from: the hub, over HTTPS (device/agent/hub_link). Resumes.

#include <memory>
#include <string>

#include "platform/loop/loop.h"

namespace mw::updates {

class Download {
 public:
    virtual ~Download() = default;
    // The next bytes; empty at the end. io_failed, timed_out: the connection broke, try again.
    virtual Task<std::string> read() = 0;
    // Which byte comes first: as asked, or 0 when the other side cannot resume.
    std::uint64_t from = 0;
};

class Downloads {
 public:
    virtual ~Downloads() = default;
    // not_found: the hub has no such file. corrupt: its file ends before `offset`.
    virtual Task<std::unique_ptr<Download>> open(std::string sha256, std::uint64_t offset) = 0;
};

}  // namespace mw::updates
