#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace mw {

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::invalid_input:
            return "invalid_input";
        case Errc::not_found:
            return "not_found";
        case Errc::conflict:
            return "conflict";
        case Errc::denied:
            return "denied";
        case Errc::timed_out:
            return "timed_out";
        case Errc::cancelled:
            return "cancelled";
        case Errc::overloaded:
            return "overloaded";
        case Errc::io_failed:
            return "io_failed";
        case Errc::corrupt:
            return "corrupt";
    }
    return "unknown";
}

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: this must hold and does not: %s\n", file, line, expression);
    std::abort();
}

}  // namespace mw
