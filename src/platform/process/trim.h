#pragma once
// Memory that only a start needed. A program that runs for months on a small gateway has read YAML,
// parsed certificates and linked itself once; what that left in the heap and of its files in memory
// goes back to the system. What is needed again comes back by itself, from the page cache.

#include <cstddef>

#include "base/result.h"

namespace mw::process {

struct Trimmed {
    std::size_t mappings = 0;  // parts of files whose pages were let go
    std::size_t bytes = 0;     // of those that were in memory
};

// Takes about a millisecond, and some hundred page faults afterwards: for after a start and after
// a model has come, not for a busy path. io_failed: /proc/self/smaps can't be read.
Result<Trimmed> trim_memory();

}  // namespace mw::process
