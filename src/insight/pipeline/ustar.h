#pragma once
// The ustar subset of a bundle (POSIX.1-1988): regular files with short names, nothing else.

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace mw::pipeline {

struct TarFile {
    std::string_view name;
    ByteView content;
};

// Mode 0644, owner 0, mtime 0, two zero blocks at the end. Names of at most 99 bytes.
Bytes write_tar(const std::vector<TarFile>& files);

// Views into `tar`. Refuses wrong checksums, other file types, sizes beyond the end, and more than
// `files_max` files. Errors name the offset.
Result<std::vector<TarFile>> read_tar(ByteView tar, std::size_t files_max);

}  // namespace mw::pipeline
