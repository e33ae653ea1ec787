#pragma once
// The door of platform/files: every byte that must survive a crash goes through a `Files`.
// Whoever opens a File owns it; a File has one user at a time, on any thread. A Files object may be
// used from any thread. Calls block: use them from Workers, or at start and stop.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::files {

class File {
 public:
    virtual ~File() = default;

    // Reads up to into.size() bytes at offset; fewer only at the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) = 0;
    // A hint: this range will be read soon. What can read ahead then begins, and does not wait.
    virtual void expect(std::uint64_t offset, std::uint64_t size) {
        static_cast<void>(offset), static_cast<void>(size);
    }
    // Writes all at the end. After an error any part may have been written: size() tells.
    virtual Result<> append(ByteView bytes) = 0;
    virtual Result<> write_at(std::uint64_t offset, ByteView bytes) = 0;
    // fdatasync. After an error what was not synced before must be written again elsewhere: the
    // kernel may have dropped it and will report success the next time.
    virtual Result<> sync() = 0;
    virtual Result<> truncate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() = 0;
};

enum class Mode {
    read,        // must exist
    write,       // read and write; made if absent
    create_new,  // read and write; conflict if it exists
};

struct Entry {
    std::string name;  // without the folder
    bool directory = false;
    std::uint64_t size = 0;
};

// Paths are text in the system's encoding. Errors: not_found, conflict (exists already), denied,
// overloaded (no space left: it may come back), io_failed; the message says call, path and reason.
class Files {
 public:
    virtual ~Files() = default;

    // permissions apply when the file is made.
    virtual Result<std::unique_ptr<File>> open(std::string path, Mode mode,
                                               unsigned permissions = 0640) = 0;
    virtual Result<> rename(std::string from, std::string to) = 0;  // replaces `to`
    virtual Result<> remove(std::string path) = 0;
    virtual Result<std::vector<Entry>> list(std::string directory) = 0;  // sorted by name
    // Makes missing parents too, and syncs the parent of each folder it makes.
    virtual Result<> make_directories(std::string directory, unsigned permissions = 0750) = 0;
    virtual Result<> sync_directory(std::string directory) = 0;
    // Makes durable the content of a file that somebody else wrote (DuckDB's COPY). The name needs
    // sync_directory as well.
    virtual Result<> sync_path(std::string path) = 0;
    virtual Result<std::optional<std::uint64_t>> size(
        std::string path) = 0;  // nullopt: no such file
    virtual Result<std::uint64_t> free_space(std::string directory) = 0;
};

// The operating system's files.
class RealFiles : public Files {
 public:
    Result<std::unique_ptr<File>> open(std::string path, Mode mode,
                                       unsigned permissions = 0640) override;
    Result<> rename(std::string from, std::string to) override;
    Result<> remove(std::string path) override;
    Result<std::vector<Entry>> list(std::string directory) override;
    Result<> make_directories(std::string directory, unsigned permissions = 0750) override;
    Result<> sync_directory(std::string directory) override;
    Result<> sync_path(std::string path) override;
    Result<std::optional<std::uint64_t>> size(std::string path) override;
    Result<std::uint64_t> free_space(std::string directory) override;
};

// "a/b" for "a/b/c" and "a/b/"; "." where there is none.
std::string parent_of(std::string_view path);
std::string name_of(std::string_view path);
std::string join(std::string_view directory, std::string_view name);

// A whole file. overloaded when it is larger than max_bytes.
Result<Bytes> read_all(Files& files, std::string path, std::uint64_t max_bytes = 1ull << 30);

// The file holds either the old or the new bytes, whatever happens: writes PATH.tmp, syncs it,
// renames it, syncs the folder. permissions: 0600 for secrets.
Result<> atomic_replace(Files& files, std::string path, ByteView bytes,
                        unsigned permissions = 0640);

// One process per directory: flock on DIRECTORY/lock, which names the holder's process id.
// conflict says who holds it. Released by the destructor and by the end of the process.
class DirectoryLock {
 public:
    static Result<DirectoryLock> take(std::string directory);
    DirectoryLock(DirectoryLock&& other) noexcept;
    DirectoryLock& operator=(DirectoryLock&& other) noexcept;
    ~DirectoryLock();

 private:
    explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_ = -1;
};

// A fresh folder under $TMPDIR or /tmp, removed with everything in it by the destructor.
class TemporaryDirectory {
 public:
    static Result<TemporaryDirectory> make(std::string_view prefix = "millwright-");
    TemporaryDirectory(TemporaryDirectory&& other) noexcept;
    TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
    ~TemporaryDirectory();
    const std::string& path() const { return path_; }

 private:
    explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

}  // namespace mw::files

#include "platform/files/append_log.h"    // AppendLog: checksummed frames in segments
#include "platform/files/faulty_files.h"  // FaultyFiles: power cuts, full disks, failing calls
#include "platform/files/group_log.h"     // GroupLog: AppendLog with group commit, from a loop
#include "platform/files/log_pieces.h"    // an AppendLog as it stands, for who copies it
