#include <cstdlib>
#include <filesystem>
#include <utility>

#include "platform/files/files.h"
#include "platform/files/system_error.h"

namespace mw::files {

Result<TemporaryDirectory> TemporaryDirectory::make(std::string_view prefix) {
    const char* base = std::getenv("TMPDIR");
    auto path = join(base && *base ? base : "/tmp", prefix) + "XXXXXX";
    if (!::mkdtemp(path.data())) return system_error("make folder", path);
    return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
    if (path_.empty()) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace mw::files
