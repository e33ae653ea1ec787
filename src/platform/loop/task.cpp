#include "platform/loop/task.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace mw::detail {

void exception_escaped() {
    try {
        throw;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "an exception escaped a coroutine: %s\n", e.what());
    } catch (...) {
        std::fprintf(stderr, "an exception of unknown type escaped a coroutine\n");
    }
    std::abort();
}

}  // namespace mw::detail
