#pragma once
// What one run adds to a repository: contents under their hashes, one being written at a time. A
// content that is there already is not kept twice. Calls block.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/backup/repository.h"
#include "platform/crypto/crypto.h"

namespace mw::backup {

class ObjectStore {
 public:
    ObjectStore(files::Files& files, const Repository& repository)
        : files_(files), repository_(repository) {}

    struct Kept {
        std::string sha256;
        std::uint64_t bytes = 0;
        bool added = false;
    };
    Result<> begin();
    Result<> write(ByteView bytes);
    // Only if its hash is `wanted`; an empty one is any.
    Result<std::optional<Kept>> keep(const std::string& wanted);
    void discard();
    // The same for a whole file that somebody else wrote into incoming/.
    Result<Kept> keep_file(const std::string& name);

    // A content that is there already is named by the backup: its name must be durable too.
    void rely_on(const std::string& sha256);

    Result<> sync();  // the names of all that was kept are durable
    void undo();      // removes what was added

    std::uint64_t added_bytes() const { return added_bytes_; }
    std::size_t added() const { return added_.size(); }

 private:
    Result<Kept> keep_as(const std::string& path, const std::string& sha256, std::uint64_t bytes);

    files::Files& files_;
    const Repository& repository_;
    std::unique_ptr<files::File> part_;
    crypto::Sha256 hash_;
    std::uint64_t bytes_ = 0;
    std::uint64_t unsynced_ = 0;
    std::vector<std::string> added_;  // hashes
    std::set<std::string> folders_;   // with new names in them
    std::uint64_t added_bytes_ = 0;
};

}  // namespace mw::backup
