#pragma once
// Programs that lose power: the real hub and the real agent over files whose unsynced bytes are
// dropped or torn when SIGUSR1 comes. The process ends with the cut; the next one finds what is
// left.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::power_cut {

// --name=value or --name value.
inline std::string argument(int argc, char** argv, std::string_view name, std::string fallback) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view text = argv[i];
        if (text == name && i + 1 < argc) return argv[i + 1];
        if (text.starts_with(name) && text.size() > name.size() && text[name.size()] == '=')
            return std::string(text.substr(name.size() + 1));
    }
    return fallback;
}

// A new cut each time, and still one that the log names.
inline std::uint64_t seed() {
    RealClock clock;
    const auto seed = static_cast<std::uint64_t>(clock.now().ns);
    std::fprintf(stderr, "power cut seed %llu\n", static_cast<unsigned long long>(seed));
    return seed;
}

inline int fail(const Error& error) {
    std::fprintf(stderr, "%s\n", error.message.c_str());
    return 1;
}

}  // namespace mw::power_cut
