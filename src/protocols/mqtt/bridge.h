#pragma once
// A bridge to another broker: it keeps a connection there and a session with ours, and relays
// between them (relay.h). When either is lost both are dropped, and opened again after a pause that
// grows. Belongs to the broker's loop. Limits: the broker's own for its session (what waits while
// the other side is away), outbox_bytes towards the remote broker.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "platform/loop/loop.h"
#include "platform/net/net.h"
#include "protocols/mqtt/bridge_map.h"
#include "protocols/mqtt/relay.h"

namespace mw::metrics {
class Registry;
}

namespace mw::mqtt {

class Core;

struct BridgeOptions {
    std::string name;  // its identity is bridge:NAME, of the kind service
    std::string host;  // the remote broker; a name wants `workers`
    std::uint16_t port = 0;
    std::string server_name = {};  // to be verified in its certificate; empty: host
    // Asked before each connection, on the workers if there are any; empty: without TLS.
    std::function<Result<std::shared_ptr<const net::TlsContext>>()> tls = {};
    Workers* workers = nullptr;
    // Instead of all that, for tests and simulation: a stream whose handshake is done.
    std::function<Task<std::unique_ptr<net::Stream>>()> dial = {};

    Version version = Version::v5;
    std::string client_id = {};  // at both brokers; empty: millwright-NAME
    std::optional<std::string> user_name = {};
    std::optional<std::string> password = {};
    std::vector<BridgeTopic> topics;
    std::string broker_id = {};  // ours, for messages that go in circles; empty: they are not seen

    std::uint16_t keep_alive_s = 60;
    seconds session_expiry{7 * 24 * 3600};  // of what the remote broker keeps for us
    nanoseconds connect_timeout = seconds{10};
    nanoseconds pause_min = seconds{1};  // before the next try, with jitter; doubles up to
    nanoseconds pause_max = seconds{60};
};

struct BridgeView {
    std::string name;
    std::string remote;  // "broker.example:8883"
    bool tls = false;
    bool connected = false;
    Version version = Version::v5;
    nanoseconds since{};         // it has been connected, or away
    std::uint64_t connects = 0;  // that led to a session
    std::uint64_t failures = 0;  // tries that did not, and connections lost
    std::size_t topics = 0;
    std::size_t waiting = 0;  // messages in our session that the remote broker has not acknowledged
    std::string last_error;   // of the last failure
    BridgeCounters counters;
};

class Bridge {
 public:
    // invalid_input says what is wrong with the options. The others outlive it.
    static Result<std::unique_ptr<Bridge>> make(Core& core, Random& random, BridgeOptions options);
    ~Bridge();
    Bridge(const Bridge&) = delete;

    static Task<> run(Bridge& self);  // until it is cancelled
    void say_goodbye();               // DISCONNECT to both
    BridgeView view() const;
    const std::string& name() const { return options_.name; }

 private:
    struct Joint;
    Bridge(Core& core, Random& random, BridgeOptions options, BridgeMap map);
    static Task<> serve_once(Bridge& self);
    static Task<std::unique_ptr<net::Stream>> dial(Bridge& self);
    void keep_session();
    void tell_lost(const Error& error, nanoseconds pause);
    RelayOptions relay_options() const;
    std::string remote() const;

    Core& core_;
    Random& random_;
    BridgeOptions options_;
    BridgeMap map_;
    Joint* joint_ = nullptr;  // while there is a stream
    bool session_is_new_ = false;
    bool bridge_bit_ = true;
    bool stopping_ = false;
    SteadyTime since_;
    SteadyTime session_kept_;
    std::uint64_t connects_ = 0;
    std::uint64_t failures_ = 0;
    std::string last_error_;
    BridgeCounters counters_;
};

// Brings the millwright_mqtt_bridge_* instruments up to these figures.
void record(const std::vector<BridgeView>& bridges, metrics::Registry& registry);

}  // namespace mw::mqtt
