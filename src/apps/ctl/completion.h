#pragma once
// Shell completion, made from the tree of verbs and options as CLI11 holds it. Pure.

#include <CLI/App.hpp>
#include <string>

#include "base/result.h"

namespace mw::ctl {

// A script for bash or zsh that completes verbs, options, and kinds where a verb takes one.
Result<std::string> completion_script(const CLI::App& app, const std::string& shell);

}  // namespace mw::ctl
