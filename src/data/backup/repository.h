#pragma once
// A folder that holds backups (docs/formats/backup.md): manifests, and each content once under its
// hash. Whoever changes it holds its lock. Calls block.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/backup/manifest.h"
#include "platform/files/files.h"

namespace mw::backup {

class Repository {
 public:
    // The file that says that a folder is one. A hub writes only where it is.
    static constexpr std::string_view mark = "millwright-backups";

    // Marks an empty folder, or makes one; a repository stays as it is. conflict: the folder holds
    // something else.
    static Result<> make(files::Files& files, const std::string& directory);
    // not_found: no repository.
    static Result<Repository> open(files::Files& files, std::string directory);

    const std::string& directory() const { return directory_; }
    std::string path(std::string_view name) const { return files::join(directory_, name); }
    std::string incoming(std::string_view name) const;
    std::string object(const std::string& sha256) const;

    Result<std::vector<std::string>> names() const;  // of backups, oldest first
    // The name itself, or of the newest when it is empty. not_found says what there is.
    Result<std::string> find(const std::string& name) const;
    // Either copy of its manifest will do.
    Result<Manifest> read(const std::string& name) const;
    // Copies of its manifest that are not what was written, by path. One that is not there is none:
    // a crash may have come before it.
    Result<std::vector<std::string>> damaged_manifests(const std::string& name) const;
    Result<bool> holds(const std::string& sha256, std::uint64_t bytes) const;

    // Durable when it returns: from then on the backup is there.
    Result<> put(const Manifest& manifest);
    Result<> remove(const std::string& name);
    struct Swept {
        std::uint64_t objects = 0;
        std::uint64_t bytes = 0;
    };
    // Removes what no backup names, and what is in incoming/. corrupt, and nothing is removed, when
    // some backup can't be read: it might name it.
    Result<Swept> sweep();

 private:
    Repository(files::Files& files, std::string directory)
        : files_(&files), directory_(std::move(directory)) {}
    std::string manifest(const std::string& name, bool second) const;

    files::Files* files_;
    std::string directory_;
};

}  // namespace mw::backup
