#pragma once
// One-off commands of the hub (docs/formats/command.md), carried out one after the other. Belongs
// to the agent's loop. What takes long runs in a process of its own, so that batches and the outbox
// don't wait. Limits: 8 commands wait, more are refused; a measurement takes at most 60 s.

#include <functional>
#include <string>

#include "base/json.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::agent {

class Commands {
 public:
    struct Parts {  // all outlive the object
        Workers& workers;
        files::Files& files;
        Clock& clock;
        // The bytes with this hash; corrupt when they have another.
        std::function<Task<Bytes>(std::string sha256, std::uint64_t bytes_max)> download;
        // The hub's clock minus ours.
        std::function<nanoseconds()> clock_offset;
        // On reply/{id}.
        std::function<void(const std::string& id, const std::string& text)> reply;
    };
    struct Options {
        std::string directory;    // of the agent
        std::string program;      // the agent's own, for its verb `measure`
        std::string anchors_pem;  // who may sign releases
        std::uint64_t bundle_bytes_max = std::uint64_t{300} << 20;
        nanoseconds measure_max = seconds{60};
    };
    Commands(Parts parts, Options options);

    Task<> run();  // until cancelled
    void accept(std::string id, std::string body);

 private:
    struct Command {
        std::string id;
        std::string body;
    };
    Task<Json> carry_out(std::string body);
    Task<Json> measure(Json order, nanoseconds limit);
    Result<> verify(const Json& order) const;
    void refuse(const std::string& id, const Error& error);

    Parts parts_;
    Options options_;
    Channel<Command> waiting_{{.capacity = 8}};
};

}  // namespace mw::agent
