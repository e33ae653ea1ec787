#pragma once
// Devices that ask to be let in where a person decides. One group's book, in the group's status.
// Pure; belongs to the control loop. At most 100 requests a group; each expires.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::onboarding {

inline constexpr std::size_t requests_per_group_max = 100;

struct WaitingRequest {
    enum class State { waiting, approved, denied };
    std::string device;
    std::string key;   // SHA-256 of the key, hex: whose request it is
    std::string from;  // address
    Timestamp since;
    Timestamp expires;
    State state = State::waiting;
    std::string by;  // who decided
};
std::string_view to_string(WaitingRequest::State state);
Json json_of(const WaitingRequest& request);

class Approvals {
 public:
    // Key "requests" of a status; what does not parse is dropped.
    static Approvals from_status(const Json& status);
    Json to_status() const;  // the value of that key; null when there are none

    enum class Answer { fresh, waiting, approved };  // fresh: it is in the book now
    // The same device with the same key asks again and again. denied: an operator said so;
    // conflict: the name or the key waits already for another; overloaded: 100 wait.
    Result<Answer> ask(const WaitingRequest& request, Timestamp now);
    // not_found: nobody waits by that name; conflict: it is decided already.
    Result<WaitingRequest> decide(std::string_view device, WaitingRequest::State state,
                                  std::string by, Timestamp now);
    // The request has led to a certificate: out of the book. restore() puts it back.
    void settle(std::string_view device);
    void restore(WaitingRequest request) { requests_.push_back(std::move(request)); }
    const WaitingRequest* find(std::string_view device) const;
    const std::vector<WaitingRequest>& all() const { return requests_; }

 private:
    void drop_expired(Timestamp now);
    std::vector<WaitingRequest> requests_;
};

}  // namespace mw::onboarding
