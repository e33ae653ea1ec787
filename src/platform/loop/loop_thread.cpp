#include "platform/loop/loop_thread.h"

#include <pthread.h>

namespace mw {

Result<std::unique_ptr<LoopThread>> LoopThread::open(std::string name, LoopOptions options) {
    TRY(auto loop, Loop::open(options));
    return std::unique_ptr<LoopThread>(new LoopThread(std::move(name), std::move(loop)));
}

LoopThread::LoopThread(std::string name, std::unique_ptr<Loop> loop)
    : name_(std::move(name)), loop_(std::move(loop)) {}

LoopThread::~LoopThread() { stop(); }

void LoopThread::start() {
    ASSERT(!thread_.joinable());
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
        loop_->run();
    });
}

void LoopThread::stop() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
}

}  // namespace mw
