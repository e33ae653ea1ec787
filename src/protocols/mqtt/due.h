#pragma once
// Inside the module: things that become due at a time. Core keeps one Agenda; its tick calls them.

#include <map>

#include "base/clock.h"

namespace mw::mqtt {

class Due;
using Agenda = std::multimap<SteadyTime, Due*>;

class Due {
 public:
    explicit Due(Agenda& agenda) : agenda_(agenda), place_(agenda.end()) {}
    virtual ~Due() { disarm(); }
    Due(const Due&) = delete;

    virtual void on_due(SteadyTime now) = 0;  // disarmed before the call

    void arm(SteadyTime at) {
        disarm();
        place_ = agenda_.emplace(at, this);
    }
    void disarm() {
        if (place_ == agenda_.end()) return;
        agenda_.erase(place_);
        place_ = agenda_.end();
    }

 private:
    Agenda& agenda_;
    Agenda::iterator place_;
};

}  // namespace mw::mqtt
