#pragma once
// Makes a Trial of every rollout of mode ab or shadow, keeps its comparison up to date, and says at
// the end what came out. Belongs to the control loop; it only follows Rollouts and writes Trials,
// so it may be stopped at any instant.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "domain/resource_store.h"
#include "fleet/trials/comparison.h"
#include "fleet/trials/evidence.h"
#include "fleet/trials/machine.h"
#include "platform/loop/loop.h"

namespace mw::trials {

struct Options {
    nanoseconds look_every = seconds{30};
};

class Trials {
 public:
    // All outlive it.
    struct Parts {
        Loop& loop;
        ResourceStore& store;
        Evidence& evidence;
    };
    explicit Trials(Parts parts, Options options = {});

    Task<> start();  // reads rollouts, follows them
    Task<> stop();

 private:
    void on_rollout(const Resource& rollout, bool gone);
    Task<> follow(std::string name);
    Task<bool> look(std::string name);  // true: the trial has ended
    Task<Resource> trial_of(Resource rollout);
    Task<> write(Resource trial, std::string event, std::string says, JsonObject figures);

    struct Work {
        Resource rollout;
        bool gone = false;
        SteadyTime looked{};
        Event poke;
    };
    Parts parts_;
    Options options_;
    std::map<std::string, std::shared_ptr<Work>> works_;
    std::shared_ptr<void> subscription_;
    Scope scope_;
};

}  // namespace mw::trials
