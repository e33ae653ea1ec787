#pragma once
// Reading contents, with their hash. Calls block.

#include <functional>
#include <string>

#include "platform/files/files.h"

namespace mw::backup {

struct Content {
    std::uint64_t bytes = 0;
    std::string sha256;
};
// All of a file, piece by piece through `take` (which may be empty).
Result<Content> read_content(files::Files& files, const std::string& path,
                             const std::function<Result<>(ByteView)>& take = {});
// Nothing: it is what it should be; else why not.
std::string fault_of(const Result<Content>& found, std::uint64_t bytes, const std::string& sha256);

}  // namespace mw::backup
