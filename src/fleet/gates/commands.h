#pragma once
// One-off commands to devices (docs/formats/command.md): a question with a deadline, an answer or
// none. Belongs to the control loop. Nothing is kept: after a restart whoever asked asks again.

#include <map>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/random.h"
#include "platform/loop/loop.h"

namespace mw::gates {

// Owned here: how a command reaches a device. Implemented over the broker.
class CommandSink {
 public:
    virtual ~CommandSink() = default;
    virtual void command(const std::string& device, const std::string& id, std::string body) = 0;
};

class Commands {
 public:
    // All outlive the object; whoever asks does so in a scope that ends before it.
    Commands(Clock& clock, Random& random, CommandSink& sink)
        : clock_(clock), random_(random), sink_(sink) {}

    // The device's reply, as it came, without "ok". The device's own error when it says no;
    // timed_out when it says nothing within the limit.
    Task<Json> ask(std::string device, JsonObject order, nanoseconds limit);

    // A message on mw/v1/{device}/reply/{id}. What nobody waits for is passed over.
    void on_reply(const std::string& device, const std::string& id, std::string_view body);

 private:
    struct Waiting {
        std::string device;
        Event arrived;
        Result<Json> reply = Json{};
    };
    Clock& clock_;
    Random& random_;
    CommandSink& sink_;
    std::map<std::string, std::shared_ptr<Waiting>> waiting_;
};

}  // namespace mw::gates
