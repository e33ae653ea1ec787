#pragma once
// The live page: static files compiled into the program, so that it works without the internet.
// Pure; the page speaks to the same HTTP API as everybody.

#include "surface/api/api.h"

namespace mw::console {

// "/" is index.html; nullopt for what isn't part of the page.
api::Assets assets();

}  // namespace mw::console
