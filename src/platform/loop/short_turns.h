#pragma once
// How long a thread may run at a time, as a wish to the scheduler.

namespace mw {

// The calling thread wants short turns: then it runs soon after it wakes, and keeps nobody waiting
// for long, the kernel's own threads included, which end a sync. Linux 6.12 and later
// (sched_setattr(2): a slice for SCHED_OTHER); without it nothing changes.
void ask_for_short_turns();

}  // namespace mw
