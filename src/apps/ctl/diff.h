#pragma once
// Differences between two JSON documents, one line per changed leaf. Pure.

#include <string>
#include <vector>

#include "base/json.h"

namespace mw::ctl {

// "+ spec.models.knn.version: 2", "- labels.line: a", "~ spec.unit: bar -> Pa", sorted by path.
std::vector<std::string> differences(const Json& before, const Json& after);

}  // namespace mw::ctl
