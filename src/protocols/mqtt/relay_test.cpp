#include "protocols/mqtt/relay.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace mw::mqtt {
namespace {

BridgeTopic row(std::string filter, BridgeDirection direction, QoS qos = QoS::exactly_once,
                std::string local = "", std::string remote = "") {
    BridgeTopic topic;
    topic.filter = std::move(filter);
    topic.direction = direction;
    topic.qos = qos;
    topic.local_prefix = std::move(local);
    topic.remote_prefix = std::move(remote);
    return topic;
}

Publish message(std::string_view topic, QoS qos = QoS::at_most_once, PacketId id = 0) {
    Publish packet;
    packet.topic = topic;
    packet.payload = bytes_of("1");
    packet.qos = qos;
    packet.id = id;
    return packet;
}

Ack ack(PacketId id, ReasonCode reason = ReasonCode::success) {
    Ack packet;
    packet.id = id;
    packet.reason = reason;
    return packet;
}

// A relay, and both brokers by hand.
struct Crossing {
    explicit Crossing(std::vector<BridgeTopic> topics, RelayOptions options = {})
        : version(options.version), map(BridgeMap::make(std::move(topics)).value()) {
        options.client_id = "b";
        options.broker_id = "here";
        relay.emplace(map, options, counters, [this] { return unreleased; });
        relay->begin();
        hello = std::exchange(relay->to_remote(), {});
    }
    // The remote broker's CONNACK, then ours.
    Crossing& open(bool remote_present = false, bool local_present = false,
                   const Properties& said = {}) {
        Connack packet;
        packet.session_present = remote_present;
        packet.properties = said;
        EXPECT_TRUE(remote(packet).ok());
        EXPECT_TRUE(relay->waits_for_local());
        hello_local = std::exchange(relay->to_local(), {});
        Connack ours;
        ours.session_present = local_present;
        EXPECT_TRUE(local(ours).ok());
        EXPECT_TRUE(relay->is_open());
        return *this;
    }
    void forget() { relay->to_remote().clear(), relay->to_local().clear(); }

    template <class... Packet>
    Result<> remote(const Packet&... packet) {
        Bytes bytes;
        encode(bytes, version, packet...);
        return relay->from_remote(bytes);
    }
    template <class... Packet>
    Result<> local(const Packet&... packet) {
        Bytes bytes;
        encode(bytes, Version::v5, packet...);
        return relay->from_local(bytes);
    }
    // "PUBLISH a/b q1 #7" for each packet there, which goes.
    static std::string told(Bytes& bytes, Version version) {
        std::string text;
        Frame frame;
        for (ByteView left = bytes; !left.empty(); left = left.subspan(frame.size)) {
            EXPECT_TRUE(next_frame(left, left.size(), frame).ok());
            if (frame.size == 0) return text + " and half a packet";
            text += (text.empty() ? "" : ", ") + std::string(to_string(frame.type));
            tell(text, frame, version);
        }
        bytes.clear();
        return text;
    }
    static void tell(std::string& text, const Frame& frame, Version version) {
        if (frame.type == PacketType::publish) {
            Publish packet;
            EXPECT_TRUE(decode(frame, version, packet).ok());
            text.append(" ").append(packet.topic);
            text += " q" + std::to_string(static_cast<int>(packet.qos));
            if (packet.id != 0) text += " #" + std::to_string(packet.id);
            if (packet.retain) text += " retain";
            if (packet.dup) text += " dup";
            for (const UserProperty& user : packet.properties.user())
                text.append(" ").append(user.name).append("=").append(user.value);
        } else if (frame.type >= PacketType::puback && frame.type <= PacketType::pubcomp) {
            Ack packet;
            EXPECT_TRUE(decode(frame, version, packet).ok());
            text += " #" + std::to_string(packet.id);
            if (packet.reason != ReasonCode::success)
                text.append(" ").append(to_string(packet.reason));
        } else if (frame.type == PacketType::subscribe) {
            Subscribe packet;
            EXPECT_TRUE(decode(frame, version, packet).ok());
            for (const FilterRequest& one : packet.filters)
                text.append(" ")
                    .append(one.filter)
                    .append(
                        " q" + std::to_string(static_cast<int>(one.options.qos)) +
                        (one.options.no_local ? " nl" : "") +
                        (one.options.retain_handling == RetainHandling::send ? " retained" : ""));
        }
    }
    std::string to_remote() { return told(relay->to_remote(), version); }
    std::string to_local() { return told(relay->to_local(), Version::v5); }

    log::Capture quiet;
    Version version;
    BridgeMap map;
    BridgeCounters counters;
    std::vector<PacketId> unreleased;
    std::optional<Relay> relay;
    Bytes hello, hello_local;
};

Connect connect_in(const Bytes& bytes) {
    Frame frame;
    Connect packet;
    EXPECT_TRUE(next_frame(bytes, bytes.size(), frame).ok());
    EXPECT_TRUE(decode(frame, packet).ok());
    return packet;
}

constexpr auto in = BridgeDirection::in;
constexpr auto out = BridgeDirection::out;
constexpr auto both = BridgeDirection::both;

TEST(MqttRelay, connects_the_remote_broker_first_and_tells_ours_what_it_takes) {
    Crossing crossing({row("a/#", both)});
    const Connect first = connect_in(crossing.hello);
    EXPECT_FALSE(first.clean_start);
    EXPECT_EQ(first.client_id, "b");
    EXPECT_EQ(first.properties.number(Property::receive_maximum, 0), 1'024u);
    EXPECT_FALSE(first.properties.has(Property::topic_alias_maximum));
    EXPECT_TRUE(crossing.relay->to_local().empty());
    Properties said;
    said.set(Property::receive_maximum, 7);
    said.set(Property::maximum_packet_size, 10'000);
    said.set(Property::server_keep_alive, 20);
    crossing.open(false, false, said);
    const Connect second = connect_in(crossing.hello_local);
    EXPECT_FALSE(second.clean_start);
    EXPECT_EQ(second.properties.number(Property::receive_maximum, 0), 7u);
    EXPECT_LT(second.properties.number(Property::maximum_packet_size, 0), 10'000u);
    EXPECT_GT(second.properties.number(Property::maximum_packet_size, 0), 9'900u);
    EXPECT_EQ(crossing.relay->keep_alive_s(), 20u);
    EXPECT_EQ(crossing.to_remote(), "SUBSCRIBE a/# q2 nl retained");
    EXPECT_EQ(crossing.to_local(), "SUBSCRIBE a/# q2 nl retained");
}

TEST(MqttRelay, subscribes_each_row_on_the_side_from_which_it_carries) {
    Crossing crossing({row("a/#", out, QoS::at_most_once, "l/", "r/"),
                       row("c", in, QoS::at_least_once, "l/", "r/"), row("b", both)});
    crossing.open(true, true);
    EXPECT_EQ(crossing.to_remote(), "SUBSCRIBE r/c q1 nl b q2 nl");
    EXPECT_EQ(crossing.to_local(), "SUBSCRIBE l/a/# q0 nl b q2 nl");
}

TEST(MqttRelay, passes_every_exchange_through_with_its_identifier) {
    Crossing crossing({row("a/#", both, QoS::exactly_once, "here/", "there/")});
    crossing.open().forget();
    const auto publish = [](std::string_view topic, QoS qos, PacketId id) {
        return message(topic, qos, id);
    };
    // Outwards.
    ASSERT_TRUE(crossing.local(publish("here/a/x", QoS::at_most_once, 0)).ok());
    ASSERT_TRUE(crossing.local(publish("here/a/x", QoS::at_least_once, 5)).ok());
    ASSERT_TRUE(crossing.local(publish("here/a", QoS::exactly_once, 6)).ok());
    EXPECT_EQ(crossing.to_remote(),
              "PUBLISH there/a/x q0 mw-passed=here, PUBLISH there/a/x q1 #5 mw-passed=here, "
              "PUBLISH there/a q2 #6 mw-passed=here");
    ASSERT_TRUE(crossing.remote(PacketType::puback, ack(5)).ok());
    ASSERT_TRUE(crossing.remote(PacketType::pubrec, ack(6)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBACK #5, PUBREC #6");
    ASSERT_TRUE(crossing.local(PacketType::pubrel, ack(6)).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBREL #6");
    ASSERT_TRUE(crossing.remote(PacketType::pubcomp, ack(6)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBCOMP #6");
    // Inwards, with identifiers of the remote broker's.
    ASSERT_TRUE(crossing.remote(publish("there/a/y", QoS::at_least_once, 5)).ok());
    ASSERT_TRUE(crossing.remote(publish("there/a/y", QoS::exactly_once, 6)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBLISH here/a/y q1 #5, PUBLISH here/a/y q2 #6");
    ASSERT_TRUE(crossing.local(PacketType::puback, ack(5)).ok());
    ASSERT_TRUE(crossing.local(PacketType::pubrec, ack(6)).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBACK #5, PUBREC #6");
    ASSERT_TRUE(crossing.remote(PacketType::pubrel, ack(6)).ok());
    ASSERT_TRUE(crossing.local(PacketType::pubcomp, ack(6)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBREL #6");
    EXPECT_EQ(crossing.to_remote(), "PUBCOMP #6");
    EXPECT_EQ(crossing.counters.sent, 3u);
    EXPECT_EQ(crossing.counters.received, 2u);
}

TEST(MqttRelay, keeps_flags_and_properties_and_drops_subscription_identifiers) {
    Crossing crossing({row("#", both)});
    crossing.open().forget();
    Publish packet = message("t", QoS::at_least_once, 9);
    packet.retain = packet.dup = true;
    packet.properties.add_user("k", "v");
    packet.properties.set(Property::message_expiry, 60);
    packet.properties.add_subscription_id(4);
    ASSERT_TRUE(crossing.remote(packet).ok());
    Frame frame;
    Publish got;
    const Bytes bytes = crossing.relay->to_local();
    ASSERT_TRUE(next_frame(bytes, bytes.size(), frame).ok());
    ASSERT_TRUE(decode(frame, Version::v5, got).ok());
    EXPECT_TRUE(got.retain && got.dup);
    EXPECT_EQ(got.properties.number(Property::message_expiry, 0), 60u);
    EXPECT_TRUE(got.properties.subscription_ids().empty());
    ASSERT_EQ(got.properties.user().size(), 1u);
    EXPECT_EQ(got.properties.user()[0].value, "v");
}

TEST(MqttRelay, drops_what_was_here_before_and_acknowledges_it_itself) {
    Crossing crossing({row("#", both)});
    crossing.open().forget();
    Publish packet = message("t", QoS::at_least_once, 3);
    packet.properties.add_user(passed_property, "elsewhere");
    packet.properties.add_user(passed_property, "here");
    ASSERT_TRUE(crossing.remote(packet).ok());
    packet.qos = QoS::exactly_once, packet.id = 4;
    ASSERT_TRUE(crossing.remote(packet).ok());
    packet.qos = QoS::at_most_once, packet.id = 0;
    ASSERT_TRUE(crossing.remote(packet).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBACK #3, PUBREC #4");
    // Ours completes the exchange that it does not know.
    ASSERT_TRUE(crossing.remote(PacketType::pubrel, ack(4)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBREL #4");
    ASSERT_TRUE(
        crossing.local(PacketType::pubcomp, ack(4, ReasonCode::packet_identifier_not_found)).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBCOMP #4 packet identifier not found");
    // The same outwards: it came back by somebody else's bridge.
    packet.qos = QoS::at_least_once, packet.id = 5;
    ASSERT_TRUE(crossing.local(packet).ok());
    EXPECT_EQ(crossing.to_local(), "PUBACK #5");
    EXPECT_EQ(crossing.to_remote(), "");
    EXPECT_EQ(crossing.counters.looped, 4u);
}

TEST(MqttRelay, drops_what_passed_too_many_brokers) {
    RelayOptions options;
    options.hops_max = 3;
    Crossing crossing({row("#", both)}, options);
    crossing.open().forget();
    Publish packet = message("t");
    packet.properties.add_user(passed_property, "a");
    packet.properties.add_user(passed_property, "b");
    ASSERT_TRUE(crossing.remote(packet).ok());
    EXPECT_EQ(crossing.to_local(), "PUBLISH t q0 mw-passed=a mw-passed=b");
    packet.properties.add_user(passed_property, "c");
    ASSERT_TRUE(crossing.remote(packet).ok());
    EXPECT_EQ(crossing.to_local(), "");
    EXPECT_EQ(crossing.counters.looped, 1u);
}

TEST(MqttRelay, carries_nothing_that_no_row_says) {
    Crossing crossing({row("a/+", in, QoS::at_least_once, "in/"), row("b", out)});
    crossing.open().forget();
    for (const char* topic : {"a/b/c", "b", "in/a/b", "$SYS/a"})
        ASSERT_TRUE(crossing.remote(message(topic, QoS::at_least_once, 1)).ok());
    for (const char* topic : {"in/a/x", "c"}) ASSERT_TRUE(crossing.local(message(topic)).ok());
    EXPECT_EQ(crossing.to_local(), "");
    EXPECT_EQ(crossing.to_remote(), "PUBACK #1, PUBACK #1, PUBACK #1, PUBACK #1");
    EXPECT_EQ(crossing.counters.unmapped, 6u);
}

TEST(MqttRelay, drops_what_is_larger_than_the_other_side_takes) {
    RelayOptions options;
    options.packet_bytes = 1'000;
    Crossing crossing({row("#", both, QoS::exactly_once, std::string(100, 'l') + "/",
                           std::string(100, 'r') + "/")},
                      options);
    Properties said;
    said.set(Property::maximum_packet_size, 600);
    crossing.open(false, false, said).forget();
    const std::string large(500, 'x');
    Publish packet = message(std::string(100, 'l') + "/t", QoS::at_least_once, 1);
    const std::string topic = std::string(100, 'l') + "/t";
    packet.topic = topic;
    packet.payload = bytes_of(large);
    ASSERT_TRUE(crossing.local(packet).ok());
    EXPECT_EQ(crossing.to_local(), "PUBACK #1");
    EXPECT_EQ(crossing.to_remote(), "");
    EXPECT_EQ(crossing.counters.oversized, 1u);
}

TEST(MqttRelay, counts_what_the_remote_broker_refuses_and_tells_ours) {
    Crossing crossing({row("#", both)});
    crossing.open().forget();
    ASSERT_TRUE(crossing.local(message("t", QoS::at_least_once, 1)).ok());
    ASSERT_TRUE(crossing.remote(PacketType::puback, ack(1, ReasonCode::not_authorized)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBACK #1 not authorized");
    EXPECT_EQ(crossing.counters.refused, 1u);
    Suback answer;
    answer.id = 65'535;
    answer.reasons = {ReasonCode::not_authorized};
    ASSERT_TRUE(crossing.remote(PacketType::suback, answer).ok());
    EXPECT_EQ(crossing.counters.filters_refused, 1u);
}

TEST(MqttRelay, waits_with_what_the_remote_broker_sends_until_ours_accepts) {
    Crossing crossing({row("#", in)});
    Connack packet;
    packet.session_present = true;
    Bytes bytes;
    encode(bytes, Version::v5, packet);
    encode(bytes, Version::v5, message("t", QoS::at_least_once, 8));
    ASSERT_TRUE(crossing.relay->from_remote(ByteView(bytes).first(bytes.size() - 1)).ok());
    ASSERT_TRUE(crossing.relay->from_remote(ByteView(bytes).last(1)).ok());
    EXPECT_EQ(crossing.to_local(), "CONNECT");
    Connack ours;
    ours.session_present = true;
    ASSERT_TRUE(crossing.local(ours).ok());
    EXPECT_EQ(crossing.to_local(), "");
    ASSERT_TRUE(crossing.relay->from_remote({}).ok());
    EXPECT_EQ(crossing.to_local(), "PUBLISH t q1 #8");
}

TEST(MqttRelay, releases_what_ours_holds_for_a_session_that_the_remote_broker_has_lost) {
    Crossing crossing({row("#", in)});
    crossing.unreleased = {3, 9};
    crossing.open(false, true);
    EXPECT_EQ(crossing.to_local(), "PUBREL #3, PUBREL #9");
    crossing.forget();
    ASSERT_TRUE(crossing.local(PacketType::pubcomp, ack(3)).ok());
    ASSERT_TRUE(crossing.local(PacketType::pubcomp, ack(9)).ok());
    EXPECT_EQ(crossing.to_remote(), "");
    ASSERT_TRUE(crossing.local(PacketType::pubcomp, ack(3)).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBCOMP #3");
}

TEST(MqttRelay, releases_every_identifier_there_when_our_own_session_is_new) {
    Crossing crossing({row("#", out)});
    crossing.open(true, false);
    EXPECT_EQ(crossing.relay->to_remote().size(), 65'535u * 4);
    crossing.forget();
    for (std::uint32_t id = 1; id <= 65'535; ++id)
        ASSERT_TRUE(crossing
                        .remote(PacketType::pubcomp, ack(static_cast<PacketId>(id),
                                                         ReasonCode::packet_identifier_not_found))
                        .ok());
    EXPECT_EQ(crossing.to_local(), "");
    ASSERT_TRUE(crossing.remote(PacketType::pubcomp, ack(1)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBCOMP #1");
}

TEST(MqttRelay, speaks_3_1_1_with_the_bridge_bit_and_with_ours_5) {
    RelayOptions options;
    options.version = Version::v3_1_1;
    Crossing crossing({row("a/#", both)}, options);
    EXPECT_EQ(crossing.hello[8], 0x84);
    crossing.open().forget();
    Publish packet = message("a/x", QoS::exactly_once, 2);
    packet.properties.add_user("k", "v");
    ASSERT_TRUE(crossing.local(packet).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBLISH a/x q2 #2");
    ASSERT_TRUE(crossing.remote(message("a/y", QoS::at_least_once, 3)).ok());
    EXPECT_EQ(crossing.to_local(), "PUBLISH a/y q1 #3");
    ASSERT_TRUE(crossing.local(PacketType::puback, ack(3, ReasonCode::not_authorized)).ok());
    EXPECT_EQ(crossing.to_remote(), "PUBACK #3");
    EXPECT_EQ(crossing.counters.refused_in, 1u);
    options.bridge_bit = false;
    EXPECT_EQ(Crossing({row("a/#", both)}, options).hello[8], 4);
}

TEST(MqttRelay, says_why_a_broker_refuses_or_leaves) {
    struct Case {
        ReasonCode reason;
        Errc code;
        const char* words;
    };
    for (const Case& one :
         {Case{ReasonCode::bad_user_name_or_password, Errc::denied, "user name or password"},
          Case{ReasonCode::server_busy, Errc::overloaded, "busy"},
          Case{ReasonCode::unsupported_protocol_version, Errc::invalid_input, "version"}}) {
        Crossing crossing({row("#", both)});
        Connack packet;
        packet.reason = one.reason;
        packet.properties.set(Property::reason_string, "so there");
        const auto refused = crossing.remote(packet);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, one.code);
        EXPECT_NE(refused.error().message.find(one.words), std::string::npos)
            << refused.error().message;
        EXPECT_NE(refused.error().message.find("so there"), std::string::npos);
        EXPECT_TRUE(crossing.relay->heard_connack());
    }
    Crossing crossing({row("#", both)});
    crossing.open();
    Disconnect bye;
    bye.reason = ReasonCode::session_taken_over;
    const auto left = crossing.remote(PacketType::disconnect, bye);
    ASSERT_FALSE(left.ok());
    EXPECT_NE(left.error().message.find("taken over"), std::string::npos);
    EXPECT_FALSE(crossing.local(PacketType::disconnect, bye).ok());
}

TEST(MqttRelay, ends_with_a_broker_that_breaks_the_protocol) {
    const auto broken = [](Crossing& crossing, Bytes bytes) {
        const auto outcome = crossing.relay->from_remote(bytes);
        return !outcome.ok() && outcome.error().code == Errc::io_failed;
    };
    Crossing early({row("#", both)});
    EXPECT_TRUE(broken(early, {0xD0, 0}));  // PINGRESP before CONNACK
    Crossing asking({row("#", both)});
    asking.open();
    EXPECT_TRUE(broken(asking, {0xC0, 0}));  // PINGREQ
    Crossing crossing({row("#", both)});
    crossing.open();
    Publish packet = message("t");
    packet.properties.set(Property::topic_alias, 1);
    EXPECT_FALSE(crossing.remote(packet).ok());
    Crossing large({row("#", both)});
    large.open();
    EXPECT_TRUE(broken(large, {0x30, 0xFF, 0xFF, 0xFF, 0x7F}));
}

TEST(MqttBridgeMap, refuses_rows_that_can_not_be_and_says_which) {
    struct Case {
        BridgeTopic topic;
        const char* words;
    };
    for (const Case& one :
         {Case{row("a/#/b", both), "topics[1].filter"}, Case{row("", both), "topics[1].filter"},
          Case{row("a", both, QoS::at_most_once, "+/"), "topics[1].local_prefix"},
          Case{row("a", both, QoS::at_most_once, "", "#"), "topics[1].remote_prefix"},
          Case{row("$share/g/a", in, QoS::at_most_once, "x/"), "shared"},
          Case{row("$SYS/#", in), "topics[1].local_prefix"},
          Case{row("$SYS/#", out), "topics[1].remote_prefix"}}) {
        const auto map = BridgeMap::make({row("good", both), one.topic});
        ASSERT_FALSE(map.ok()) << one.topic.filter;
        EXPECT_NE(map.error().message.find(one.words), std::string::npos) << map.error().message;
    }
    EXPECT_FALSE(BridgeMap::make({}).ok());
    EXPECT_FALSE(BridgeMap::make(std::vector<BridgeTopic>(101, row("a", in))).ok());
    EXPECT_TRUE(BridgeMap::make({row("$SYS/#", in, QoS::at_most_once, "other/")}).ok());
}

TEST(MqttBridgeMap, the_first_row_that_carries_it_names_the_topic) {
    const auto map = BridgeMap::make({row("p/#", out, QoS::at_most_once, "l/", "r1/"),
                                      row("#", both, QoS::at_most_once, "l/", "r2/")})
                         .value();
    std::string topic;
    EXPECT_TRUE(map.to_remote("l/p/x", topic));
    EXPECT_EQ(topic, "r1/p/x");
    EXPECT_TRUE(map.to_remote("l/q", topic));
    EXPECT_EQ(topic, "r2/q");
    EXPECT_FALSE(map.to_remote("other", topic));
    EXPECT_FALSE(map.to_remote("l", topic));  // matches l/#, and has no rest to map
    EXPECT_TRUE(map.to_local("r2/p/x", topic));
    EXPECT_EQ(topic, "l/p/x");
    EXPECT_FALSE(map.to_local("r1/p/x", topic));
}

}  // namespace
}  // namespace mw::mqtt
