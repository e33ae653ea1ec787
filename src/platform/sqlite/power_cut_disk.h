#pragma once
// A disk for tests: a SQLite VFS whose files live in memory and which can lose power. A cut drops
// or tears (at 512-byte sectors, under a seed) everything that was written but not yet synced, and
// every open handle fails from then on. May be used from several threads; registered under its own
// name.

#include <cstdint>
#include <memory>
#include <string>

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

 private:
    std::unique_ptr<Disk> disk_;
};

}  // namespace mw::sqlite
