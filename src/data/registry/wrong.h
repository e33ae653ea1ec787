#pragma once
// How a check of a resource fails. Inside data/registry only.

#include <string>
#include <string_view>

#include "base/result.h"

namespace mw::registry {

inline Error wrong(std::string_view path, std::string_view what) {
    return {Errc::invalid_input, std::string(path) + ": " + std::string(what)};
}

}  // namespace mw::registry
