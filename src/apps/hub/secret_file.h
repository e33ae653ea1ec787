#pragma once
// A secret that the configuration names by its file.

#include <string>

#include "platform/files/files.h"

namespace mw::hub {

// Without the end of its line. denied when others than its owner may read it.
Result<std::string> read_secret(files::Files& files, const std::string& path);
// Whether group or others may do anything with it; false for a file that isn't there.
bool others_may_read(const std::string& path);

}  // namespace mw::hub
