#pragma once
// The files under page/, compiled into the program.

#include <span>

#include "base/page_file.h"

namespace mw::console {

std::span<const PageFile> page_files();

}  // namespace mw::console
