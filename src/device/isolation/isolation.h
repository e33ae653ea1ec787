#pragma once
// The door of device/isolation: what keeps one model from harming the others. A model in a process
// of its own may crash, hang or eat memory, and costs its own decisions only; one in ours is let
// alone for a while when it is too slow again and again. Either way its run() is an error that says
// why, and the pipeline's fallback decides.

#include <optional>

#include "base/clock.h"
#include "base/json.h"
#include "insight/inference/inference.h"

namespace mw::isolation {

struct Limits {
    bool process = false;
    std::optional<nanoseconds> deadline;        // of one call
    std::optional<std::uint64_t> memory_bytes;  // of its process, beyond that of an empty one

    bool any() const { return process || deadline || memory_bytes; }
    bool operator==(const Limits&) const = default;
};

// {"isolation": "process", "deadline_us": 500, "memory_bytes": 50000000}; memory wants a process.
Result<Limits> limits_of(const Json& json);
Json json_of(const Limits& limits);

constexpr nanoseconds process_deadline_default = seconds{1};
constexpr unsigned late_calls_max = 5;  // in a row
// How long nothing is asked of a model that crashed or was late: doubles up to the second.
constexpr nanoseconds rest_first = seconds{1}, rest_max = minutes{5};
constexpr std::uint64_t calls_to_trust = 100;  // after which its next rest is short again

struct Isolated {
    std::string model;                   // its name, for the log
    std::vector<std::string> arguments;  // of the program that serves; ours are added
    std::vector<std::string> environment;
    Limits limits;
};
// Loads each model into a process of its own, which ends with the model. Loading waits for it.
std::shared_ptr<inference::Engine> open_isolated(Isolated how, const Clock& clock);

// Models of `engine`, in this process, each with that deadline.
std::shared_ptr<inference::Engine> with_deadline(std::shared_ptr<inference::Engine> engine,
                                                 std::string model, nanoseconds deadline,
                                                 const Clock& clock);

// The child's main: answers until its parent goes. `arguments` are those that were added.
using OpenEngine = Result<std::shared_ptr<inference::Engine>> (*)();
Result<> serve(const std::vector<std::string>& arguments, OpenEngine open);

}  // namespace mw::isolation
