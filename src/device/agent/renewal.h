#pragma once
// A gateway's certificate, before and after its end: asks for the next one at half to two thirds of
// its life, tries it, and keeps the old one until the new one has worked. When the old one has
// ended meanwhile, the factory certificate helps. Belongs to the agent's loop; files are the
// worker's. All times are the hub's (HubClock). It asks at most once in half a minute, and after a
// renewal not for an hour.

#include <functional>

#include "base/random.h"
#include "device/agent/hub_clock.h"
#include "device/agent/identity_files.h"
#include "platform/loop/loop.h"

namespace mw::agent {

// Half to two thirds of its life, spread over a fleet by the certificate's own hash: the same after
// each restart.
Timestamp renewal_due(const crypto::Certificate& certificate);

class Renewal {
 public:
    struct Parts {
        files::Files& files;
        Workers* workers;  // null: files on the caller's thread, for tests
        Random& random;
        const HubClock& clock;
        std::string directory;
        AgentIdentity& identity;
        std::function<Task<est::Enrolled>(est::RenewOptions, crypto::PrivateKey)> ask;
        std::function<void(const KeyAndChain&)> use;  // from the next connection on
        std::function<void()> reconnect;
        std::function<Task<>()> ask_time;  // sets the clock, if the hub is there
    };
    explicit Renewal(Parts parts);

    Task<> run();  // until cancelled
    // Takes in what is known about the certificates that were used, and asks if it is time.
    Task<> step();
    // What the connection saw: it stands, by the certificate with this serial number; or it never
    // came about.
    void connected(const std::string& serial);
    void failed();

 private:
    enum class Proof { none, next_works, next_fails };
    Task<> settle();
    Task<> renew(bool ended);
    void wait_before_asking(bool well);
    template <class F>
    auto on_worker(F work) -> Task<typename std::invoke_result_t<F>::value_type>;

    Parts parts_;
    Event wake_;
    Proof proof_ = Proof::none;
    bool uses_next_ = false;
    bool next_failed_ = false;
    bool next_key_failed_ = false;  // to prove who we are, after both have ended
    bool told_ended_ = false;
    int failures_ = 0;
    SteadyTime ask_not_before_{}, time_asked_at_{};
};

}  // namespace mw::agent
