#pragma once
// Carries owned values from this loop to another, one box at a time: what arrives while a box is on
// its way waits in the next. Belongs to the producer's loop; the box's own limits bound it.

#include <functional>
#include <memory>
#include <utility>

#include "base/log.h"
#include "platform/loop/loop.h"

namespace mw::ingest {

// Box: default constructible, movable, with empty().
template <class Box>
class Relay {
 public:
    // Runs on the other loop; the next box waits until it is done.
    using Consume = std::function<Task<>(Box)>;

    Relay(Loop& here, Loop& there, Consume consume)
        : there_(there), consume_(std::move(consume)), scope_(here) {
        scope_.spawn(carry());
    }

    // What the next box will hold. Call wake() after putting something in.
    Box& box() { return box_; }
    void wake() { filled_.set(); }

    // Until everything put in so far has been consumed.
    Task<> flush() {
        while (!box_.empty() || carrying_) {
            done_.reset();
            CO_TRY_VOID(co_await done_.wait());
        }
        co_return Result<>{};
    }
    Task<> stop() {
        scope_.cancel();
        co_return co_await scope_.join();
    }

 private:
    Task<> carry() {
        for (;;) {
            CO_TRY_VOID(co_await filled_.wait());
            filled_.reset();
            if (box_.empty()) continue;
            carrying_ = true;
            auto full = std::make_shared<Box>(std::exchange(box_, Box{}));
            CO_TRY_VOID(co_await deliver(full));
            carrying_ = false;
            done_.set();
        }
    }

    // The other mailbox may be full for a moment: the box is offered until it is taken. What the
    // consumer makes of it is its own matter.
    Task<> deliver(std::shared_ptr<Box> full) {
        for (;;) {
            auto hand_over = [full, consume = &consume_]() -> Task<> {
                return (*consume)(std::move(*full));
            };
            auto outcome = co_await run_on(there_, std::move(hand_over));
            if (outcome) co_return outcome;
            if (outcome.error().code == Errc::cancelled) co_return outcome;
            const bool not_taken = outcome.error().code == Errc::overloaded && !full->empty();
            if (!not_taken) {
                log::warn("ingest.relay.box_refused", {{"error", outcome.error()}});
                co_return Result<>{};
            }
            CO_TRY_VOID(co_await sleep_for(milliseconds{10}));
        }
    }

    Loop& there_;
    Consume consume_;
    Box box_;
    Event filled_;
    Event done_;
    bool carrying_ = false;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::ingest
