#pragma once
// Every resource of a kind, read page by page. On the store's loop; what changes meanwhile may be
// seen before or after.

#include <functional>

#include "domain/resource_store.h"

namespace mw {

// `visit` and `store` outlive the task.
Task<> each_resource(ResourceStore& store, std::string kind, std::function<void(Resource)> visit);

}  // namespace mw
