#pragma once
// The states of a Rollout and what moves it. Pure.

#include "base/state_table.h"

namespace mw::rollouts {

const StateTable& rollout_table();

namespace state {
inline constexpr std::string_view waiting_approval = "waiting_approval";
inline constexpr std::string_view planned = "planned";
inline constexpr std::string_view rolling = "rolling";
inline constexpr std::string_view installing = "installing";
inline constexpr std::string_view soaking = "soaking";
inline constexpr std::string_view judging = "judging";
inline constexpr std::string_view paused = "paused";
inline constexpr std::string_view inconclusive = "inconclusive";
inline constexpr std::string_view rolling_back = "rolling_back";
inline constexpr std::string_view rolled_back = "rolled_back";
inline constexpr std::string_view completed = "completed";
inline constexpr std::string_view aborted = "aborted";
}  // namespace state

}  // namespace mw::rollouts
