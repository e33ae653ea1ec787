#pragma once
// The door of platform/loop: threads as loops, coroutines as tasks.
//
//   Loop, LoopOptions      event_loop.h  one thread, one epoll, timers, mailbox
//   Task<T>                task.h        lazy coroutine; its outcome is Result<T>
//   Scope                  scope.h       owns running tasks: spawn, cancel, join
//   sleep_for, yield, within, Event, Channel   wait.h
//   run_on, sync_wait      run_on.h      between loops, and from outside
//   Workers                workers.h     threads for what blocks
//   Published<T>           published.h   a value for other threads
//   Signals                signals.h
//   LoopMetrics, WorkersMetrics   metrics.h
//
// The thread that runs a loop owns it and all state that belongs to it; other threads may only
// stop(), post() and run_on(). Queues are bounded: mailbox, workers, channels.

#include "platform/loop/event_loop.h"
#include "platform/loop/loop_thread.h"  // LoopThread
#include "platform/loop/metrics.h"
#include "platform/loop/published.h"
#include "platform/loop/run_on.h"
#include "platform/loop/scope.h"
#include "platform/loop/short_turns.h"
#include "platform/loop/signals.h"
#include "platform/loop/task.h"
#include "platform/loop/wait.h"
#include "platform/loop/workers.h"
