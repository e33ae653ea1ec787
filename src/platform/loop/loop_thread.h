#pragma once
// A Loop with a thread of its own, for the data plane. Belongs to whoever made it. Objects of the
// loop may be built before start() and destroyed after stop(); in between they are its thread's.

#include <memory>
#include <string>
#include <thread>

#include "platform/loop/loop.h"

namespace mw {

class LoopThread {
 public:
    static Result<std::unique_ptr<LoopThread>> open(std::string name, LoopOptions options = {});
    ~LoopThread();  // stops and joins
    LoopThread(const LoopThread&) = delete;

    Loop& loop() { return *loop_; }
    void start();
    void stop();  // ends the loop and waits for its thread; may be called twice

 private:
    LoopThread(std::string name, std::unique_ptr<Loop> loop);

    std::string name_;
    std::unique_ptr<Loop> loop_;
    std::thread thread_;
};

}  // namespace mw
