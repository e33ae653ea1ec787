#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/files/files.h"
#include "platform/files/system_error.h"

namespace mw::files {
namespace {

class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    bool ok() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }

 private:
    int fd_;
};

class RealFile final : public File {
 public:
    RealFile(int fd, std::string path, std::uint64_t end)
        : fd_(fd), path_(std::move(path)), end_(end) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) override {
        std::size_t done = 0;
        while (done < into.size()) {
            auto n = ::pread(fd_.get(), into.data() + done, into.size() - done,
                             static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return system_error("read", path_);
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }
    void expect(std::uint64_t offset, std::uint64_t size) override {
        // Only speed hangs on it: a file system that can't do it says so when it is read.
        static_cast<void>(::posix_fadvise(fd_.get(), static_cast<off_t>(offset),
                                          static_cast<off_t>(size), POSIX_FADV_WILLNEED));
    }
    Result<> append(ByteView bytes) override {
        while (!bytes.empty()) {
            auto n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(end_));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return system_error("write", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            end_ += static_cast<std::uint64_t>(n);
        }
        return {};
    }
    Result<> write_at(std::uint64_t offset, ByteView bytes) override {
        while (!bytes.empty()) {
            auto n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return system_error("write", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(n));
            offset += static_cast<std::uint64_t>(n);
            end_ = std::max(end_, offset);
        }
        return {};
    }
    Result<> sync() override {
        if (::fdatasync(fd_.get()) != 0) return system_error("sync", path_);
        return {};
    }
    Result<> truncate(std::uint64_t size) override {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
            return system_error("truncate", path_);
        end_ = size;
        return {};
    }
    Result<std::uint64_t> size() override { return end_; }

 private:
    Descriptor fd_;
    std::string path_;
    std::uint64_t end_;
};

Result<> sync_opened(const std::string& path, int flags) {
    Descriptor fd{::open(path.c_str(), flags | O_CLOEXEC)};
    if (!fd.ok()) return system_error("open for sync", path);
    if (::fsync(fd.get()) != 0) return system_error("sync", path);
    return {};
}

int open_flags(Mode mode) {
    switch (mode) {
        case Mode::read:
            return O_RDONLY;
        case Mode::write:
            return O_RDWR | O_CREAT;
        case Mode::create_new:
            return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

bool is_directory(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

}  // namespace

Result<std::unique_ptr<File>> RealFiles::open(std::string path, Mode mode, unsigned permissions) {
    Descriptor fd{::open(path.c_str(), open_flags(mode) | O_CLOEXEC, permissions)};
    if (!fd.ok()) return system_error("open", path);
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) return system_error("stat", path);
    if (S_ISDIR(facts.st_mode)) return Error{Errc::invalid_input, "open " + path + ": a folder"};
    return std::unique_ptr<File>(std::make_unique<RealFile>(
        fd.release(), std::move(path), static_cast<std::uint64_t>(facts.st_size)));
}

Result<> RealFiles::rename(std::string from, std::string to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename to " + to, from);
    return {};
}

Result<> RealFiles::remove(std::string path) {
    if (::unlink(path.c_str()) != 0) return system_error("remove", path);
    return {};
}

Result<std::vector<Entry>> RealFiles::list(std::string directory) {
    struct Closer {
        void operator()(DIR* d) const { ::closedir(d); }
    };
    std::unique_ptr<DIR, Closer> stream(::opendir(directory.c_str()));
    if (!stream) return system_error("list", directory);
    std::vector<Entry> entries;
    errno = 0;
    while (auto* found = ::readdir(stream.get())) {
        Entry entry{found->d_name};
        struct stat facts {};
        bool dots = entry.name == "." || entry.name == "..";
        // A file that was removed meanwhile is no longer here.
        if (!dots && ::fstatat(::dirfd(stream.get()), found->d_name, &facts, 0) == 0) {
            entry.directory = S_ISDIR(facts.st_mode);
            entry.size = static_cast<std::uint64_t>(facts.st_size);
            entries.push_back(std::move(entry));
        }
        errno = 0;
    }
    if (errno != 0) return system_error("list", directory);
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return entries;
}

Result<> RealFiles::make_directories(std::string directory, unsigned permissions) {
    if (is_directory(directory)) return {};
    auto parent = parent_of(directory);
    if (parent != directory) TRY_VOID(make_directories(parent, permissions));
    if (::mkdir(directory.c_str(), permissions) != 0) {
        if (errno == EEXIST && is_directory(directory)) return {};
        return system_error("make folder", directory);
    }
    return sync_directory(parent);
}

Result<> RealFiles::sync_directory(std::string directory) {
    return sync_opened(directory, O_RDONLY | O_DIRECTORY);
}

Result<> RealFiles::sync_path(std::string path) { return sync_opened(path, O_RDONLY); }

Result<std::optional<std::uint64_t>> RealFiles::size(std::string path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) == 0)
        return std::optional<std::uint64_t>(static_cast<std::uint64_t>(facts.st_size));
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::uint64_t>();
    return system_error("stat", path);
}

Result<std::uint64_t> RealFiles::free_space(std::string directory) {
    struct statvfs facts {};
    if (::statvfs(directory.c_str(), &facts) != 0) return system_error("free space of", directory);
    return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

}  // namespace mw::files
