#include "platform/process/trim.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace mw::process {
namespace {

struct Mapping {
    std::uintptr_t from = 0, to = 0;
    bool of_file = false;  // and read only
    std::size_t resident = 0;
    std::size_t anonymous = 0;  // pages that are no longer the file's: written once, by the linker

    bool can_go() const { return of_file && resident > 0 && anonymous == 0; }
};

// "7f00a000-7f00c000 r-xp 00001000 fe:00 1234  /usr/lib/libc.so.6"
bool is_head(const std::string& line, Mapping& mapping) {
    char permissions[5] = {};
    unsigned long from = 0, to = 0, inode = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %*x %*s %lu", &from, &to, permissions, &inode) != 4)
        return false;
    mapping = {from, to, inode != 0 && permissions[0] == 'r' && permissions[1] == '-', 0, 0};
    return true;
}

void let_go(const Mapping& mapping, Trimmed& trimmed) {
    if (!mapping.can_go()) return;
    // What is the file's comes back from it.
    if (madvise(reinterpret_cast<void*>(mapping.from), mapping.to - mapping.from, MADV_DONTNEED))
        return;  // locked in memory: it stays
    ++trimmed.mappings;
    trimmed.bytes += mapping.resident;
}

}  // namespace

Result<Trimmed> trim_memory() {
    malloc_trim(0);
    std::ifstream in("/proc/self/smaps");
    std::ostringstream all;
    all << in.rdbuf();
    if (!in) return Error{Errc::io_failed, "/proc/self/smaps: can't be read"};
    std::istringstream lines(std::move(all).str());
    Trimmed trimmed;
    Mapping mapping;
    for (std::string line; std::getline(lines, line);) {
        const Mapping before = mapping;
        if (is_head(line, mapping)) {
            let_go(before, trimmed);
            continue;
        }
        std::size_t kilobytes = 0;
        if (std::sscanf(line.c_str(), "Rss: %zu kB", &kilobytes) == 1)
            mapping.resident = kilobytes << 10;
        else if (std::sscanf(line.c_str(), "Anonymous: %zu kB", &kilobytes) == 1)
            mapping.anonymous = kilobytes << 10;
    }
    let_go(mapping, trimmed);
    return trimmed;
}

}  // namespace mw::process
