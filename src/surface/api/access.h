#pragma once
// What the API needs from parts that it may not know by name, or that are optional. All belong to
// the control loop; apps/hub adapts fleet/onboarding and insight/alerts to them.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "platform/loop/loop.h"
#include "trust/policy/policy.h"

namespace mw::api {

// Tokens with which a new device enrols into a group.
class EnrollmentTokens {
 public:
    virtual ~EnrollmentTokens() = default;
    struct Order {
        std::string group;
        std::string actor;                      // "user:ada", for the fact that it leaves
        std::uint64_t uses = 0;                 // 0: as many as the group allows
        nanoseconds lifetime = nanoseconds{0};  // 0: the default
    };
    struct Issued {
        std::string token;  // shown once
        Timestamp expires;  // ns 0: with the group
        std::uint64_t uses = 0;
    };
    // not_found: no such group; invalid_input: it is expired or used up (the message says which).
    virtual Task<Issued> issue(Order order) = 0;
};

// Alarms as the live page and the command line show them. An alarm is a JSON object with at least
// id, state, severity, device, model and a time; the API passes it through.
class AlarmDirectory {
 public:
    virtual ~AlarmDirectory() = default;
    // Newest first; state "" is all of them.
    virtual Task<JsonArray> list(std::string state, std::size_t limit) = 0;
    // The chain that led to it: window, features, model, dataset, rule. not_found.
    virtual Task<Json> why(std::string id) = 0;
    // Called on the control loop with each alarm that is raised, changed or cleared.
    using Listener = std::function<void(const Json& alarm)>;
    virtual std::shared_ptr<void> subscribe(Listener listener) = 0;
};

using policy::AdmissionRequest;
using policy::Admit;
using Admission = std::map<std::string, Admit>;  // by kind

}  // namespace mw::api
