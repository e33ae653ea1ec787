#pragma once
// Signals as values, through signalfd. Open it before any other thread starts, since it blocks the
// signals in the calling thread and threads inherit that. Belongs to its loop.

#include <initializer_list>

#include "platform/loop/wait.h"

namespace mw {

// Blocks the signals in this thread and those it starts, so that a Signals opened later hears them
// and nothing dies of them meanwhile.
Result<> block_signals(std::initializer_list<int> signals);

class Signals : private Watcher {
 public:
    static Result<std::unique_ptr<Signals>> open(Loop& loop, std::initializer_list<int> signals);
    ~Signals() override;
    Signals(const Signals&) = delete;

    Task<int> next() { return arrived_.receive(); }  // the number of the next signal

 private:
    Signals(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
    void on_ready(std::uint32_t events) override;

    Loop& loop_;
    int fd_;
    bool watched_ = false;
    Channel<int> arrived_{{.capacity = 16, .overflow = Overflow::drop_oldest}};
};

}  // namespace mw
