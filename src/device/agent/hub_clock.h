#pragma once
// The hub's time, from what it said last and the steady clock since: a gateway's own wall clock may
// be years off, or jump. Until the hub has spoken it is the machine's. Belongs to the agent's loop.

#include "base/clock.h"

namespace mw::agent {

class HubClock final : public Clock {
 public:
    explicit HubClock(const Clock& own) : own_(&own) {}
    Timestamp now() const override {
        return is_known_ ? said_ + (own_->steady() - heard_) : own_->now();
    }
    SteadyTime steady() const override { return own_->steady(); }

    void hear(Timestamp said) { said_ = said, heard_ = own_->steady(), is_known_ = true; }
    bool is_known() const { return is_known_; }

 private:
    const Clock* own_;
    Timestamp said_;
    SteadyTime heard_;
    bool is_known_ = false;
};

}  // namespace mw::agent
