#pragma once
// Lineage as a tree for a terminal. Pure.

#include <string>

#include "base/json.h"

namespace mw::ctl {

// One line a node, at most `width` columns (0: as long as it is); what was left out is said.
std::string lineage_tree(const Json& root, std::size_t width);

}  // namespace mw::ctl
