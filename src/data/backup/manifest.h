#pragma once
// What a backup holds (docs/formats/backup.md): every file with its hash, and what was left out and
// why. Plain data and pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mw::backup {

// What a file is, which decides what damage to it means.
enum class Part : std::uint8_t {
    registry,  // registry.db: without it there is no hub
    log,       // a segment of an append log, which finds damage in itself
    segment,   // a sealed file of history
    blob,      // its name is its hash
    plain,     // everything else
};
std::string_view to_string(Part part);

struct FileEntry {
    std::string path;  // below the data directory
    Part part = Part::plain;
    std::uint64_t bytes = 0;
    std::string sha256{};                   // 64 hex digits: the name of the object that has it
    unsigned mode = 0640;                   // of the file where it came from
    std::optional<std::uint32_t> crc32c{};  // of a sealed file, as the catalog has it
};

// A file of the data directory that is not in the backup.
struct LeftOut {
    std::string path;
    std::string why;
    bool secret = false;  // somebody wanted a backup without keys; else: it was damaged already
};

struct Manifest {
    std::string name;
    std::string version;           // of the program that made it
    Timestamp from, to;            // each store is as it was at an instant between these
    bool keys = true;              // whether private keys and the administrator's token are in it
    std::uint64_t facts = 0;       // the audit log's position: so many facts,
    std::string last_fact;         // and the hash of the last, in hex
    std::vector<FileEntry> files;  // by path
    std::vector<LeftOut> left_out;
    std::uint64_t bytes() const;
};

std::string encode(const Manifest& manifest);
// corrupt: a byte of it changed. invalid_input: it is of a newer program.
Result<Manifest> decode(std::string_view text);

// Names of backups are times, so that their order is that of the backups: 2026-11-27T14-05-00Z.
std::string name_at(Timestamp time);
bool is_name(std::string_view text);
bool is_sha256(std::string_view text);
// Relative, and it stays below where it begins.
bool is_inside(std::string_view path);

}  // namespace mw::backup
