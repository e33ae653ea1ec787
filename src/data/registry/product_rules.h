#pragma once
// What the schemas of DataProduct and Policy can't say. Inside data/registry only.

#include "data/registry/kinds.h"

namespace mw::registry {

Result<> check_product(const Resource& product);
Result<> check_policy(const Resource& policy);

}  // namespace mw::registry
