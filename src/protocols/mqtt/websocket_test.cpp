// MQTT 5 section 6: the broker behind a listener that upgrades to WebSocket.
#include <gtest/gtest.h>

#include "base/log.h"
#include "platform/http/http.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer hall_is_open;

struct Hall {
    Hall() : loop(Loop::open().value()), broker(*loop, random, {}, hall_is_open, &uplink) {
        http::WebSocketOptions websocket;
        websocket.paths = {"/mqtt"};
        websocket.protocol = "mqtt";
        net::ListenOptions options;
        options.upgrade = http::websocket_upgrade(websocket);
        auto listener = net::Listener::open(*loop, options).value();
        address = listener->address();
        broker.serve(std::move(listener), [](ByteView) -> Result<Identity> { return Identity{}; });
    }
    ~Hall() { EXPECT_TRUE(sync_wait(*loop, broker.stop()).ok()); }

    std::unique_ptr<net::Stream> dial() {
        return sync_wait(*loop, net::connect({.host = address.host, .port = address.port})).value();
    }
    Result<std::unique_ptr<net::Stream>> open(std::string protocol = "mqtt") {
        http::WebSocketTarget target{"127.0.0.1", "/mqtt", std::move(protocol)};
        return sync_wait(*loop, http::open_websocket(dial(), target, random));
    }
    std::unique_ptr<Client> connect(ClientOptions options) {
        return sync_wait(*loop, Client::connect(open().value(), std::move(options))).value();
    }
    // After the server's head, to write frames by hand.
    std::unique_ptr<net::Stream> open_raw() {
        auto stream = dial();
        EXPECT_TRUE(stream
                        ->write("GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                "Sec-WebSocket-Protocol: mqtt\r\n\r\n")
                        .ok());
        EXPECT_NE(hear(*stream, 1).find(" 101 "), std::string::npos);
        return stream;
    }
    // Until the end, an error, or `least` bytes.
    std::string hear(net::Stream& stream, std::size_t least = SIZE_MAX) {
        std::string all;
        auto copy = [](net::Stream& from) -> Task<std::string> {
            CO_TRY(const auto bytes, co_await from.read());
            co_return std::string(text_of(bytes));
        };
        while (all.size() < least) {
            auto text = sync_wait(*loop, within(seconds(10), copy(stream)));
            if (!text || text->empty()) break;
            all += *text;
        }
        return all;
    }

    log::Capture quiet;
    SystemRandom random;
    FakeUplink uplink;
    std::unique_ptr<Loop> loop;
    Broker broker;
    net::Address address;
};

// A masked frame whose key is zero: its payload can be read here.
std::string by_hand(char first, std::string_view payload) {
    return std::string{first, static_cast<char>(0x80 | payload.size())} + std::string(4, '\0') +
           std::string(payload);
}
const std::string connect_packet("\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01z", 15);
const std::string connack_frame("\x82\x04\x20\x02\0\0", 6);
const std::string ping_packet("\xC0\0", 2);
const std::string pong_frame("\x82\x02\xD0\0", 4);

TEST(MqttWebSocket, carries_every_qos_in_both_versions) {
    Hall hall;
    for (Version version : {Version::v3_1_1, Version::v5}) {
        auto a = hall.connect({.version = version, .client_id = "a"});
        auto b = hall.connect({.version = version, .client_id = "b"});
        ASSERT_TRUE(sync_wait(*hall.loop, b->subscribe("t", QoS::at_least_once)).ok());
        const std::string large(200'000, 'x');
        for (QoS qos : {QoS::at_most_once, QoS::at_least_once}) {
            ASSERT_TRUE(a->publish("t", bytes_of(large), qos).ok());
            EXPECT_TRUE(text_of(sync_wait(*hall.loop, b->receive()).value().payload) == large);
        }
        EXPECT_TRUE(sync_wait(*hall.loop, a->disconnect()).ok());
    }
    EXPECT_EQ(hall.broker.metrics().protocol_errors, 0u);
}

// MQTT-6.0.0-2: packets need not be aligned to frames.
TEST(MqttWebSocket, MQTT_6_0_0_2_packets_span_frames_and_frames_hold_packets) {
    Hall hall;
    auto stream = hall.open_raw();
    std::string said;
    for (std::size_t i = 0; i < connect_packet.size(); ++i)  // one message, a byte a fragment
        said += by_hand(i == 0                          ? '\x02'
                        : i + 1 < connect_packet.size() ? '\0'
                                                        : '\x80',
                        connect_packet.substr(i, 1));
    said += by_hand('\x82', ping_packet + ping_packet + ping_packet.substr(0, 1));
    said += by_hand('\x82', ping_packet.substr(1));
    ASSERT_TRUE(stream->write(said).ok());
    std::string heard;
    const auto pongs = [&] { return std::count(heard.begin(), heard.end(), '\xD0'); };
    for (std::string more = "x"; pongs() < 3 && !more.empty();)
        heard += more = hall.hear(*stream, 1);
    EXPECT_EQ(pongs(), 3) << to_hex(bytes_of(heard));
}

// MQTT-6.0.0-1: any other type of data frame closes the connection.
TEST(MqttWebSocket, MQTT_6_0_0_1_a_text_frame_closes_the_connection) {
    Hall hall;
    auto stream = hall.open_raw();
    ASSERT_TRUE(stream->write(by_hand('\x82', connect_packet)).ok());
    ASSERT_EQ(hall.hear(*stream, connack_frame.size()), connack_frame);
    ASSERT_TRUE(stream->write(by_hand('\x81', ping_packet)).ok());
    EXPECT_EQ(hall.hear(*stream), "\x88\x02\x03\xEB");  // 1003, and then the end
    EXPECT_TRUE(hall.broker.sessions().empty() || !hall.broker.sessions()[0].connected);
}

// MQTT-6.0.0-3 and -4: the client offers "mqtt", the server picks it.
TEST(MqttWebSocket, MQTT_6_0_0_3_without_the_subprotocol_nobody_comes_in) {
    Hall hall;
    for (const char* protocol : {"", "mqttv3.1"}) {
        const auto refused = hall.open(protocol);
        ASSERT_FALSE(refused.ok());
        EXPECT_NE(refused.error().message.find("400"), std::string::npos);
    }
    EXPECT_TRUE(hall.open("mqtt").ok());  // checks that it was picked
}

TEST(MqttWebSocket, the_clients_close_ends_its_connection_cleanly_for_websocket) {
    Hall hall;
    auto stream = hall.open_raw();
    ASSERT_TRUE(stream->write(by_hand('\x82', connect_packet)).ok());
    ASSERT_EQ(hall.hear(*stream, connack_frame.size()), connack_frame);
    ASSERT_TRUE(stream->write(by_hand('\x82', ping_packet)).ok());
    ASSERT_TRUE(stream->write(by_hand('\x88', "\x03\xE8")).ok());
    EXPECT_EQ(hall.hear(*stream), pong_frame + "\x88\x02\x03\xE8");
}

}  // namespace
}  // namespace mw::mqtt
