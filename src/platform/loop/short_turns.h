#pragma once
// How long a thread may run at a time, as a wish to the scheduler.

namespace mw {

// The calling thread wants short turns: then it runs soon after it wakes, and keeps nobody waiting
// for long, the kernel's own threads included, which end a sync. Linux 6.12 and later
// (sched_setattr(2): a slice for SCHED_OTHER); without it nothing changes.
void ask_for_short_turns();

// Long work at low priority calls this between its pieces: at most once a millisecond the thread
// lets others go first. Else somebody who was interrupted waits until the kernel's next tick, 4 ms
// on many systems.
void give_way();

}  // namespace mw
