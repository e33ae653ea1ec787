#pragma once
// What Rollout.status holds beside its state: enough to go on after a restart. Pure.

#include <string>

#include "domain/resource.h"

namespace mw::rollouts {

struct Progress {
    std::int64_t wave = 0;  // the current one, from 1; 0 before the first
    std::int64_t look = 0;  // looks taken in this wave
    std::uint64_t population = 0;
    std::uint64_t target = 0;  // devices that want the version once this wave is out
    Timestamp planned_at{};
    Timestamp wave_started{};
    Timestamp installing_from{};   // the last device of the wave was assigned; ns 0: not yet
    Timestamp soaking_from{};      // ns 0: not yet
    std::int64_t resumes = 0;      // resume_after_inconclusive that was last obeyed
    std::int64_t passed_wave = 0;  // the wave that a person let pass
    std::string ends_as;           // while rolling back: the event that ends it
};

Progress progress_of(const Resource& rollout);
// The keys for ResourceStore::merge_status.
JsonObject to_status(const Progress& progress);

}  // namespace mw::rollouts
