#include "protocols/mqtt/codec.h"

#include <gtest/gtest.h>

namespace mw::mqtt {
namespace {

using enum ReasonCode;

Bytes hex(std::string text) {
    std::erase(text, ' ');
    return from_hex(text).value();
}

// The packet in these bytes as its receiver would take it: the first fault, whoever finds it.
Fault check(const Bytes& bytes, Version version, std::size_t max_bytes = 1'000) {
    Frame frame;
    if (Fault fault = next_frame(bytes, max_bytes, frame); !fault.ok()) return fault;
    if (frame.size == 0) return {unspecified_error, frame.type, 0, "incomplete"};
    switch (frame.type) {
        case PacketType::connect: {
            Connect packet;
            return decode(frame, packet);
        }
        case PacketType::connack: {
            Connack packet;
            return decode(frame, version, packet);
        }
        case PacketType::publish: {
            Publish packet;
            return decode(frame, version, packet);
        }
        case PacketType::subscribe: {
            Subscribe packet;
            return decode(frame, version, packet);
        }
        case PacketType::unsubscribe: {
            Unsubscribe packet;
            return decode(frame, version, packet);
        }
        case PacketType::suback:
        case PacketType::unsuback: {
            Suback packet;
            return decode(frame, version, packet);
        }
        case PacketType::disconnect:
        case PacketType::auth: {
            Disconnect packet;
            return decode(frame, version, packet);
        }
        case PacketType::pingreq:
        case PacketType::pingresp:
            return decode_empty(frame);
        default: {
            Ack packet;
            return decode(frame, version, packet);
        }
    }
}

struct Malformed {
    const char* name;
    int version;
    const char* bytes;
    ReasonCode reason;
};

// One row for each thing that may be wrong with each packet; a good one in front of each group.
constexpr Malformed malformed[]{
    // fixed header
    {"incomplete", 4, "30", unspecified_error},
    {"type 0", 4, "00 00", malformed_packet},
    {"length of five bytes", 4, "30 ff ff ff ff 01", malformed_packet},
    {"larger than allowed", 4, "30 e8 07", packet_too_large},
    {"flags of CONNECT", 4, "11 00", malformed_packet},
    {"flags of PUBACK", 4, "41 02 00 01", malformed_packet},
    {"flags of PUBREL", 4, "60 02 00 01", malformed_packet},
    {"flags of SUBSCRIBE", 4, "80 00", malformed_packet},
    {"flags of UNSUBSCRIBE", 4, "a0 00", malformed_packet},
    {"flags of PINGREQ", 4, "c1 00", malformed_packet},
    {"flags of DISCONNECT", 4, "e2 00", malformed_packet},
    // CONNECT
    {"CONNECT 3.1.1", 4, "10 0d 0004 4d515454 04 02 003c 0001 61", success},
    {"CONNECT 5", 5, "10 0e 0004 4d515454 05 02 003c 00 0001 61", success},
    {"empty", 4, "10 00", malformed_packet},
    {"other protocol", 4, "10 0d 0004 48545450 04 02 003c 0001 61", malformed_packet},
    {"level 3", 4, "10 0d 0004 4d515454 03 02 003c 0001 61", unsupported_protocol_version},
    {"level 6", 4, "10 0d 0004 4d515454 06 02 003c 0001 61", unsupported_protocol_version},
    {"reserved flag", 4, "10 0d 0004 4d515454 04 03 003c 0001 61", malformed_packet},
    {"will QoS 3", 4, "10 13 0004 4d515454 04 1e 003c 0001 61 0001 74 0001 78", malformed_packet},
    {"will QoS without will", 4, "10 0d 0004 4d515454 04 0a 003c 0001 61", malformed_packet},
    {"will retain without will", 4, "10 0d 0004 4d515454 04 22 003c 0001 61", malformed_packet},
    {"password alone 3.1.1", 4, "10 10 0004 4d515454 04 42 003c 0001 61 0001 70", malformed_packet},
    {"password alone 5", 5, "10 11 0004 4d515454 05 42 003c 00 0001 61 0001 70", success},
    {"no keep alive", 4, "10 08 0004 4d515454 04 02", malformed_packet},
    {"no client id", 4, "10 0a 0004 4d515454 04 02 003c", malformed_packet},
    {"client id cut", 4, "10 0c 0004 4d515454 04 02 003c 0005", malformed_packet},
    {"client id with zero", 4, "10 0d 0004 4d515454 04 02 003c 0001 00", malformed_packet},
    {"will topic cut", 4, "10 0f 0004 4d515454 04 06 003c 0001 61 0009", malformed_packet},
    {"will topic wildcard", 4, "10 13 0004 4d515454 04 06 003c 0001 61 0001 23 0001 78",
     topic_name_invalid},
    {"will payload missing", 4, "10 10 0004 4d515454 04 06 003c 0001 61 0001 74", malformed_packet},
    {"user name missing", 4, "10 0d 0004 4d515454 04 82 003c 0001 61", malformed_packet},
    {"password missing", 4, "10 10 0004 4d515454 04 c2 003c 0001 61 0001 75", malformed_packet},
    {"trailing byte", 4, "10 0e 0004 4d515454 04 02 003c 0001 61 00", malformed_packet},
    {"no property length", 5, "10 0a 0004 4d515454 05 02 003c", malformed_packet},
    {"auth data without method", 5, "10 12 0004 4d515454 05 02 003c 04 16 0001 78 0001 61",
     protocol_error},
    // CONNACK
    {"CONNACK 3.1.1", 4, "20 02 00 00", success},
    {"CONNACK 5", 5, "20 03 00 00 00", success},
    {"flags", 5, "20 03 02 00 00", malformed_packet},
    {"return code 6", 4, "20 02 00 06", malformed_packet},
    {"no code", 4, "20 01 00", malformed_packet},
    {"reason of another packet", 5, "20 03 00 8e 00", protocol_error},
    {"present in a refusal", 5, "20 03 01 87 00", protocol_error},
    {"maximum QoS 2", 5, "20 05 00 00 02 24 02", protocol_error},
    {"trailing byte 3.1.1", 4, "20 03 00 00 00", malformed_packet},
    // PUBLISH
    {"PUBLISH QoS 0", 4, "30 04 0001 74 31", success},
    {"PUBLISH QoS 1", 4, "32 06 0001 74 0001 31", success},
    {"PUBLISH 5", 5, "30 05 0001 74 00 31", success},
    {"QoS 3", 4, "36 06 0001 74 0001 31", malformed_packet},
    {"DUP at QoS 0", 4, "38 04 0001 74 31", malformed_packet},
    {"no topic", 4, "30 00", malformed_packet},
    {"topic cut", 4, "30 03 0005 74", malformed_packet},
    {"empty topic", 4, "30 02 0000", topic_name_invalid},
    {"empty topic without alias", 5, "30 03 0000 00", protocol_error},
    {"empty topic with alias", 5, "30 06 0000 03 230001", success},
    {"topic with +", 4, "30 05 0003 612f2b", topic_name_invalid},
    {"topic with #", 4, "30 03 0001 23", topic_name_invalid},
    {"topic with zero", 4, "30 03 0001 00", malformed_packet},
    {"topic with surrogate", 4, "30 05 0003 eda080", malformed_packet},
    {"topic overlong UTF-8", 4, "30 04 0002 c080", malformed_packet},
    {"topic cut UTF-8", 4, "30 03 0001 c3", malformed_packet},
    {"no packet id", 4, "32 03 0001 74", malformed_packet},
    {"packet id 0", 4, "32 05 0001 74 0000", protocol_error},
    {"no properties", 5, "30 03 0001 74", malformed_packet},
    {"properties longer than packet", 5, "30 05 0001 74 05 01", malformed_packet},
    {"property length overlong", 5, "30 05 0001 74 80 00", malformed_packet},
    {"property length of five bytes", 5, "30 08 0001 74 8080808001", malformed_packet},
    {"unknown property", 5, "30 06 0001 74 02 05 00", malformed_packet},
    {"property of CONNECT", 5, "30 07 0001 74 03 21 0001", malformed_packet},
    {"property twice", 5, "30 08 0001 74 04 0100 0100", protocol_error},
    {"payload format 2", 5, "30 06 0001 74 02 01 02", protocol_error},
    {"property cut", 5, "30 06 0001 74 02 02 00", malformed_packet},
    {"property over its section", 5, "30 09 0001 74 04 02 00 00 00 3c", malformed_packet},
    {"alias 0", 5, "30 07 0001 74 03 23 0000", topic_alias_invalid},
    {"response topic wildcard", 5, "30 08 0001 74 04 08 0001 23", protocol_error},
    {"content type not UTF-8", 5, "30 08 0001 74 04 03 0001 ff", malformed_packet},
    {"user property half", 5, "30 08 0001 74 04 26 0001 61", malformed_packet},
    {"subscription id 0", 5, "30 06 0001 74 02 0b 00", protocol_error},
    // PUBACK, PUBREC, PUBREL, PUBCOMP
    {"PUBACK", 4, "40 02 0001", success},
    {"PUBACK 5 with reason", 5, "40 03 0001 10", success},
    {"PUBACK 5 with properties", 5, "40 08 0001 87 04 1f 0001 78", success},
    {"PUBREL 5", 5, "62 03 0001 92", success},
    {"id cut", 4, "40 01 00", malformed_packet},
    {"id 0", 4, "40 02 0000", protocol_error},
    {"trailing byte", 4, "40 03 0001 00", malformed_packet},
    {"reason unknown", 5, "40 03 0001 01", protocol_error},
    {"PUBREC reason unknown", 5, "50 03 0001 92", protocol_error},
    {"PUBREL reason unknown", 5, "62 03 0001 10", protocol_error},
    {"PUBCOMP reason unknown", 5, "70 03 0001 10", protocol_error},
    {"PUBACK trailing byte 5", 5, "40 05 0001 00 00 00", malformed_packet},
    // SUBSCRIBE
    {"SUBSCRIBE", 4, "82 06 0001 0001 74 00", success},
    {"SUBSCRIBE 5", 5, "82 07 0001 00 0001 74 2d", success},
    {"no filter", 4, "82 02 0001", protocol_error},
    {"id 0", 4, "82 06 0000 0001 74 00", protocol_error},
    {"empty filter", 4, "82 05 0001 0000 00", protocol_error},
    {"filter cut", 4, "82 05 0001 0005 74", malformed_packet},
    {"no options", 4, "82 05 0001 0001 74", malformed_packet},
    {"QoS 3", 4, "82 06 0001 0001 74 03", protocol_error},
    {"reserved bits 3.1.1", 4, "82 06 0001 0001 74 04", malformed_packet},
    {"reserved bits 5", 5, "82 07 0001 00 0001 74 40", malformed_packet},
    {"retain handling 3", 5, "82 07 0001 00 0001 74 30", protocol_error},
    {"no local on shared", 5, "82 10 0001 00 000a 24736861 72652f67 2f74 04", protocol_error},
    {"subscription id twice", 5, "82 0b 0001 04 0b01 0b02 0001 74 00", protocol_error},
    // SUBACK, UNSUBSCRIBE, UNSUBACK
    {"SUBACK", 4, "90 03 0001 80", success},
    {"SUBACK 5 reason in 3.1.1", 4, "90 03 0001 87", protocol_error},
    {"SUBACK empty", 4, "90 02 0001", protocol_error},
    {"UNSUBSCRIBE", 4, "a2 05 0001 0001 74", success},
    {"UNSUBSCRIBE no filter", 4, "a2 02 0001", protocol_error},
    {"UNSUBSCRIBE empty filter", 4, "a2 04 0001 0000", protocol_error},
    {"UNSUBSCRIBE id 0", 5, "a2 06 0000 00 0001 74", protocol_error},
    {"UNSUBACK 3.1.1", 4, "b0 02 0001", success},
    {"UNSUBACK trailing 3.1.1", 4, "b0 03 0001 00", malformed_packet},
    {"UNSUBACK 5", 5, "b0 04 0001 00 11", success},
    {"UNSUBACK no reasons", 5, "b0 03 0001 00", protocol_error},
    // PINGREQ, DISCONNECT, AUTH
    {"PINGREQ", 4, "c0 00", success},
    {"PINGREQ with body", 4, "c0 01 00", malformed_packet},
    {"DISCONNECT", 4, "e0 00", success},
    {"DISCONNECT with body 3.1.1", 4, "e0 01 00", malformed_packet},
    {"DISCONNECT 5", 5, "e0 02 04 00", success},
    {"DISCONNECT reason unknown", 5, "e0 01 88", protocol_error},
    {"AUTH 3.1.1", 4, "f0 00", protocol_error},
    {"AUTH 5", 5, "f0 02 18 00", success},
    {"AUTH reason unknown", 5, "f0 01 87", protocol_error},
};

TEST(MqttCodec, finds_what_is_wrong_with_each_field) {
    for (const Malformed& row : malformed) {
        const Fault fault = check(hex(row.bytes), row.version == 5 ? Version::v5 : Version::v3_1_1);
        EXPECT_EQ(to_string(fault.reason), to_string(row.reason))
            << row.name << " " << row.bytes << ": " << fault.describe();
        EXPECT_EQ(fault.what.empty(), fault.ok()) << row.name;
    }
}

TEST(MqttCodec, an_error_names_packet_place_and_remedy) {
    const Fault fault = check(hex("30 05 0003 612f2b"), Version::v3_1_1);
    EXPECT_EQ(fault.describe(),
              "PUBLISH, byte 0: topic name holds a wildcard; want a name without + and #");
}

// Whatever prefix of a good packet arrives, it is incomplete and not wrong.
TEST(MqttCodec, a_cut_packet_is_incomplete) {
    for (const Malformed& row : malformed) {
        if (row.reason != success) continue;
        const Bytes whole = hex(row.bytes);
        for (std::size_t n = 0; n < whole.size(); ++n) {
            Frame frame;
            ASSERT_TRUE(next_frame(ByteView(whole).first(n), 1'000, frame).ok()) << row.name;
            ASSERT_EQ(frame.size, 0u) << row.name;
        }
    }
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
