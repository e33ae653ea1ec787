#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

#include "platform/files/files.h"
#include "platform/files/system_error.h"

namespace mw::files {
namespace {

std::string holder_of(int descriptor) {
    char text[32];
    auto n = ::pread(descriptor, text, sizeof text, 0);
    std::string_view found(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    auto digits = found.find_first_not_of("0123456789");
    found = found.substr(0, digits);
    return found.empty() ? "another process" : "process " + std::string(found);
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(std::string directory) {
    auto path = join(directory, "lock");
    int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0) return system_error("open", path);
    DirectoryLock lock(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_error("lock", path);
        return Error{Errc::conflict, directory + " is in use by " + holder_of(descriptor) +
                                         "; stop it, or choose another directory"};
    }
    auto text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(descriptor, 0) != 0 ||
        ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        return system_error("write", path);
    return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

DirectoryLock::~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace mw::files
