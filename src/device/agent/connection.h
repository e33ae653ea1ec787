#pragma once
// The gateway's MQTT side: connects, sends what the outbox holds, hears what is desired, and
// connects again. Belongs to the agent's loop. At most `in_flight` messages wait for the hub.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "device/agent/hub_link.h"
#include "device/agent/token_bucket.h"
#include "device/outbox/outbox.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::agent {

struct ConnectionOptions {
    std::uint16_t in_flight = 200;
    nanoseconds backoff_min = milliseconds{200};
    nanoseconds backoff_max = seconds{30};
};

struct ConnectionFigures {
    bool connected = false;
    std::uint64_t connects = 0;
    std::uint64_t refused_messages = 0;  // the hub said no: not sent again
    nanoseconds clock_offset{0};
    nanoseconds held_back{0};  // by the limit of the uplink, so far
    std::string last_error;
};

class Connection {
 public:
    struct Listener {
        std::function<void()> connected;
        std::function<void()> failed;              // it did not come about
        std::function<void(std::string)> desired;  // the document's text
        std::function<void(std::string id, std::string body)> command;
    };
    Connection(Loop& loop, Workers& workers, Random& random, const AgentIdentity& identity,
               HubLink& hub, outbox::Outbox& outbox, ConnectionOptions options = {});

    Task<> run(Listener listener);  // until cancelled
    // Ends the session and opens another one, with the certificate that the link uses then.
    void reconnect();
    // How fast the outbox may be sent; decisions wait for nothing, and count.
    void limit(std::uint64_t bytes_per_second, std::uint64_t burst_bytes);
    // State that is only worth something now: reported, health. False when not connected.
    bool publish_now(const std::string& rest_of_topic, std::string_view text);
    const ConnectionFigures& figures() const { return figures_; }

 private:
    Task<> serve_once(const Listener& listener);
    Task<std::unique_ptr<mqtt::Client>> connect();
    Task<> send(mqtt::Client& client);
    Task<> publish(mqtt::Client& client, outbox::Queued queued);
    Task<> wait_for_more();
    Task<> receive(mqtt::Client& client, const Listener& listener);
    void on_acknowledged(mqtt::Sequence sequence);
    nanoseconds next_backoff();

    Loop& loop_;
    Workers& workers_;
    Random& random_;
    const AgentIdentity& identity_;
    HubLink& hub_;
    outbox::Outbox& outbox_;
    ConnectionOptions options_;
    ConnectionFigures figures_;
    TokenBucket bucket_;
    std::unique_ptr<mqtt::Client> client_;
    std::deque<bool> in_flight_;  // of each unacknowledged publish: was it the outbox's?
    mqtt::Sequence acknowledged_ = 0;
    nanoseconds backoff_{0};
    Event* over_ = nullptr;  // of the session that stands
};

}  // namespace mw::agent
