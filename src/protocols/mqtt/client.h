#pragma once
// An MQTT client as coroutines (MQTT 5 or 3.1.1, QoS 0 and 1, TCP or TLS), for the edge and for
// tests. Belongs to the loop it was connected on. It doesn't reconnect: when closed() yields, the
// owner connects again. Limits: messages in flight, bytes to send, messages received but not taken.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/loop/loop.h"
#include "platform/net/net.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

struct ClientOptions {
    Version version = Version::v5;
    std::string client_id;  // empty: the server assigns one
    bool clean_start = true;
    std::uint32_t session_expiry_s = 0;
    std::uint16_t keep_alive_s = 30;
    std::uint16_t in_flight_max = 1'000;              // or less, if the server says so
    std::size_t outbox_bytes = std::size_t{4} << 20;  // publish() beyond it is overloaded
    std::size_t packet_bytes = std::size_t{4} << 20;  // announced as Maximum Packet Size
    std::size_t incoming_messages = 1'000;  // received and not taken; beyond it reading waits
    nanoseconds connect_timeout = seconds{10};
    std::optional<std::string> user_name = {};
    std::optional<std::string> password = {};
    struct Will {
        std::string topic;
        std::string payload;
        QoS qos = QoS::at_most_once;
        bool retain = false;
    };
    std::optional<Will> will = {};
};

struct Message {  // received
    std::string topic;
    Bytes payload;
    QoS qos = QoS::at_most_once;
    bool retain = false;
    bool dup = false;
};

// The n-th QoS 1 publish() of this connection, from 1.
using Sequence = std::uint64_t;

class Client {
 public:
    // CONNECT over a stream whose handshake is done; yields when CONNACK says yes. denied,
    // overloaded, invalid_input or io_failed with the server's reason in words when it says no.
    static Task<std::unique_ptr<Client>> connect(std::unique_ptr<net::Stream> stream,
                                                 ClientOptions options);
    ~Client();  // drops the connection without DISCONNECT

    bool session_present() const;
    const std::string& client_id() const;  // given or assigned
    bool is_open() const;

    // Encodes and sends at the end of the turn. Gives the sequence to wait for (0 at QoS 0).
    // overloaded: in_flight_max or outbox_bytes reached, await room(); io_failed: closed.
    Result<Sequence> publish(std::string_view topic, ByteView payload, QoS qos,
                             bool retain = false);
    Task<> room();
    // Every QoS 1 publish up to here has been answered by the server, in order.
    Sequence acknowledged() const;
    std::size_t in_flight() const;
    // Called once per read with the new acknowledged(), and before it once for each refused one.
    void on_acknowledged(std::function<void(Sequence)> listener);
    void on_refused(std::function<void(Sequence, ReasonCode)> listener);
    Task<> acknowledged(Sequence sequence);  // io_failed when the connection ends before

    // Yields when SUBACK grants; denied when it does not.
    Task<> subscribe(std::string filter, QoS qos);
    Task<> unsubscribe(std::string filter);
    Task<Message> receive();  // io_failed with the reason when the connection has ended

    Task<> closed();  // yields the reason as an error; success after disconnect()
    std::string close_reason() const;
    Task<> disconnect();  // DISCONNECT, flush, close

 private:
    struct Parts;
    explicit Client(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace mw::mqtt
