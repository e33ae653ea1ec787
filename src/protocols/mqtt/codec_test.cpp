#include "protocols/mqtt/codec.h"

#include <gtest/gtest.h>

namespace mw::mqtt {
namespace {

using enum ReasonCode;

Bytes hex(std::string text) {
    std::erase(text, ' ');
    return from_hex(text).value();
}

TEST(MqttCodec, an_error_names_packet_place_and_remedy) {
    Frame frame;
    Publish packet;
    const Bytes bytes = hex("30 05 0003 612f2b");
    ASSERT_TRUE(next_frame(bytes, 1'000, frame).ok());
    EXPECT_EQ(decode(frame, Version::v3_1_1, packet).describe(),
              "PUBLISH, byte 0: topic name holds a wildcard; want a name without + and #");
}

TEST(MqttCodec, connect_of_the_standard_decodes) {
    // MQTT 5 3.1: client c1, will at QoS 1 retained with delay 5, user u, password p, expiry 10.
    Connect packet;
    Frame frame;
    const Bytes bytes =
        hex("10 2b 0004 4d515454 05 ee 003c 05 11 0000000a 0002 6331 05 18 00000005 0003 742f77"
            "0004 64696564 0001 75 0001 70");
    ASSERT_TRUE(next_frame(bytes, 1'000, frame).ok());
    const Fault fault = decode(frame, packet);
    ASSERT_TRUE(fault.ok()) << fault.describe();
    EXPECT_EQ(packet.version, Version::v5);
    EXPECT_TRUE(packet.clean_start);
    EXPECT_EQ(packet.keep_alive_s, 60);
    EXPECT_EQ(packet.client_id, "c1");
    EXPECT_EQ(packet.properties.number(Property::session_expiry, 0), 10u);
    ASSERT_TRUE(packet.will.has_value());
    EXPECT_EQ(packet.will->topic, "t/w");
    EXPECT_EQ(text_of(packet.will->payload), "died");
    EXPECT_EQ(packet.will->qos, QoS::at_least_once);
    EXPECT_TRUE(packet.will->retain);
    EXPECT_EQ(packet.will->properties.number(Property::will_delay, 0), 5u);
    EXPECT_EQ(packet.user_name, "u");
    EXPECT_EQ(text_of(*packet.password), "p");
    Bytes again;
    encode(again, packet);
    EXPECT_EQ(to_hex(again), to_hex(bytes));
}

TEST(MqttCodec, what_is_encoded_is_what_the_standard_draws) {
    Bytes out;
    encode_puback(out, 0x1234);
    EXPECT_EQ(to_hex(out), "40021234");
    out.clear();
    encode_empty(out, PacketType::pingresp);
    EXPECT_EQ(to_hex(out), "d000");
    out.clear();
    Publish publish;
    publish.topic = "a/b";
    publish.payload = bytes_of("hi");
    publish.qos = QoS::at_least_once;
    publish.id = 10;
    publish.retain = true;
    encode(out, Version::v3_1_1, publish);
    EXPECT_EQ(to_hex(out),
              "3309"
              "0003612f62"
              "000a"
              "6869");
    EXPECT_EQ(packet_id_offset(out), 7u);
    out.clear();
    publish.properties.set(Property::message_expiry, 60);
    publish.properties.add_user("k", "v");
    publish.properties.add_subscription_id(200);
    encode(out, Version::v5, publish);
    EXPECT_EQ(to_hex(out),
              "3319"
              "0003612f62"
              "000a"
              "0f"
              "020000003c"
              "0bc801"
              "2600016b000176"
              "6869");
    out.clear();
    encode(out, Version::v5, PacketType::puback,
           Ack{.id = 5, .reason = quota_exceeded, .properties = {}});
    EXPECT_EQ(to_hex(out),
              "40030005"
              "97");
    out.clear();
    Suback suback;
    suback.id = 3;
    suback.reasons = {granted_qos_1, not_authorized};
    encode(out, Version::v3_1_1, PacketType::suback, suback);
    EXPECT_EQ(to_hex(out),
              "90040003"
              "0180");
    out.clear();
    encode(out, Version::v3_1_1, PacketType::unsuback, suback);
    EXPECT_EQ(to_hex(out), "b0020003");
}

TEST(MqttCodec, long_packets_keep_their_offsets) {
    const std::string payload(20'000, 'x');
    for (std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{200}, payload.size()}) {
        Publish publish;
        publish.topic = "topic";
        publish.payload = bytes_of(payload).first(size);
        publish.qos = QoS::at_least_once;
        publish.id = 0x0102;
        Bytes out;
        encode(out, Version::v5, publish);
        const std::size_t at = packet_id_offset(out);
        EXPECT_EQ(out[at], 1);
        EXPECT_EQ(out[at + 1], 2);
        Frame frame;
        Publish back;
        ASSERT_TRUE(next_frame(out, 100'000, frame).ok());
        ASSERT_EQ(frame.size, out.size());
        ASSERT_TRUE(decode(frame, Version::v5, back).ok());
        EXPECT_EQ(back.payload.size(), size);
    }
}

TEST(MqttText, is_well_formed_utf_8_without_zero) {
    using namespace std::string_view_literals;
    for (std::string_view good :
         {""sv, "plain ascii, long enough for words"sv, "grün"sv, "\xEF\xBB\xBF"sv,
          "12345678\xF0\x9F\x8F\xAD"sv, "\xF4\x8F\xBF\xBF"sv})
        EXPECT_TRUE(is_mqtt_text(good)) << good;
    for (std::string_view bad :
         {"\0"sv, "1234567\0 and on"sv, "\x80"sv, "\xC1\xBF"sv, "\xE0\x9F\xBF"sv, "\xED\xBF\xBF"sv,
          "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "abcdefgh\xE2\x82"sv})
        EXPECT_FALSE(is_mqtt_text(bad)) << bad;
}

TEST(MqttReason, has_words_and_return_codes) {
    EXPECT_EQ(to_string(not_authorized), "not authorized");
    EXPECT_EQ(to_string(static_cast<ReasonCode>(0xFE)), "unknown reason");
    for (std::uint8_t code = 0; code <= 5; ++code)
        EXPECT_EQ(connack_return_code(reason_of_return_code(code)), code);
}

}  // namespace
}  // namespace mw::mqtt
