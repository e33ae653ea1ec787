#pragma once
// How often this agent was started lately: a gateway that starts again and again is ill, whatever
// else it says. DIR/boots.json, the last hour, at most 100 starts. Blocks.

#include <vector>

#include "base/clock.h"
#include "platform/files/files.h"

namespace mw::agent {

inline constexpr nanoseconds boots_kept = hours{1};

// Notes a start; gives those of the last hour, this one included. A file that can't be read is
// begun anew: the count is a hint.
Result<std::vector<Timestamp>> note_start(files::Files& files, const std::string& directory,
                                          Timestamp now);
// Of those, how many in the hour before `now`.
std::size_t boots_lately(const std::vector<Timestamp>& starts, Timestamp now);

}  // namespace mw::agent
