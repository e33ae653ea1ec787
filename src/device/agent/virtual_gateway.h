#pragma once
// For this module's tests only: a processor and its outbox in virtual time.

#include <gtest/gtest.h>

#include "device/agent/processor.h"

namespace mw::agent {

class VirtualGateway : public testing::Test {
 protected:
    VirtualGateway() {
        LoopOptions simulated;
        simulated.simulated = &clock_;
        loop_ = *Loop::open(simulated);
        outbox::Options options;
        options.directory = files::join(folder_.path(), "outbox");
        outbox_ = *outbox::Outbox::open(files_, *loop_, workers_, options);
        processor_ = std::make_unique<Processor>(DeviceId{"gw-1"}, *outbox_);
        scope_ = std::make_unique<Scope>(*loop_);
    }
    ~VirtualGateway() override {
        scope_->cancel();
        ignore(sync_wait(*loop_, scope_->join()), "the test is over");
        ignore(sync_wait(*loop_, outbox_->stop()), "the test is over");
    }
    // Of the simulated clock: nobody waits.
    void pass(nanoseconds time) {
        auto task = [](nanoseconds much) -> Task<> { co_return co_await sleep_for(much); }(time);
        ASSERT_TRUE(sync_wait(*loop_, std::move(task)).ok());
    }

    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_;
    Workers workers_{WorkersOptions{.threads = 1}};
    std::unique_ptr<outbox::Outbox> outbox_;
    std::unique_ptr<Processor> processor_;
    std::unique_ptr<Scope> scope_;
};

}  // namespace mw::agent
