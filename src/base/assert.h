#pragma once
// ASSERT states what is true unless we wrote a bug. It is always on and ends the process.

namespace mw {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define ASSERT(expression) \
    ((expression) ? static_cast<void>(0) : ::mw::assertion_failed(#expression, __FILE__, __LINE__))
