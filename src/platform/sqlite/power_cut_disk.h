#pragma once
// A disk for tests: a SQLite VFS whose files live in memory and which can lose power. A cut drops
// or tears (at 512-byte sectors, under a seed) everything that was written but not yet synced, and
// every open handle fails from then on. May be used from several threads; registered under its own
// name.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace mw::sqlite {

struct Disk;

class PowerCutDisk {
 public:
    explicit PowerCutDisk(std::uint64_t seed);
    ~PowerCutDisk();  // all databases on it must be closed
    PowerCutDisk(const PowerCutDisk&) = delete;

    const std::string& name() const;  // for Options::vfs
    void cut();                       // power fails now
    void cut_at(
        std::uint64_t operation);  // power fails at that write or sync, counted from now, 1 = next
    void restore();                // power is back: files may be opened again
    bool is_cut() const;
    std::uint64_t operations() const;  // writes and syncs so far

    // What a cut leaves for certain, by path; and a file of an earlier life of the disk. So a
    // process that dies with the cut can hand its disk to the next one.
    std::map<std::string, Bytes> durable_files() const;
    void put_file(const std::string& path, Bytes content);

 private:
    std::unique_ptr<Disk> disk_;
};

}  // namespace mw::sqlite
