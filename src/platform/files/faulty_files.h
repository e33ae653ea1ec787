#pragma once
// A `Files` on a real directory that loses what was not synced, fails calls, and runs out of space,
// so that a whole hub can meet a power cut: build it on a FaultyFiles, cut, _exit, and start
// again on the same directory. May be used from any thread (one lock around every
// call). Below root nobody else may change files that went through the seam; new files of others
// (DuckDB's COPY) are lost by a cut unless sync_path and sync_directory made them durable.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "platform/files/files.h"

namespace mw::files {

enum class Call : std::uint8_t {
    open,
    read,
    append,
    write,
    sync,
    truncate,
    rename,
    remove,
    list,
    make_directories,
    sync_directory,
    sync_path,
    any,
};

enum class Fault : std::uint8_t {
    no_space,   // ENOSPC; an append may have written a part
    io_error,   // EIO; what a failed sync should have synced never becomes durable
    power_cut,  // in the middle of the call; every later call fails
};

class FaultyFiles final : public Files {
 public:
    // What lies under root now counts as durable. except: beginnings of paths below root that are
    // somebody else's (SQLite's "registry.db", "tmp/"): they pass through, and a cut leaves them.
    static Result<std::unique_ptr<FaultyFiles>> open(std::string root, std::uint64_t seed,
                                                     std::vector<std::string> except = {});
    ~FaultyFiles() override;

    // The n-th call of this kind from now (1 is the next one), and `times - 1` after it, fail.
    void fail(Call kind, std::uint64_t nth, Fault fault, std::uint64_t times = 1);
    void clear_faults();
    // Appends and writes that need more fail as a full disk does; removing and truncating give
    // back.
    void limit_space(std::optional<std::uint64_t> bytes);

    // The power goes: unsynced bytes are dropped or torn in sectors of 512 bytes, unsynced
    // creations, renames and removals may be undone, files of others vanish. Every later call
    // fails; open a new Files on the directory to see what is left. The seed decides what survives.
    Result<> power_cut();
    bool is_cut() const;
    std::uint64_t calls(Call kind = Call::any) const;  // under root, so far

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

 private:
    struct World;
    class OpenFile;
    explicit FaultyFiles(std::shared_ptr<World> world);
    std::shared_ptr<World> world_;
};

}  // namespace mw::files
