#include "protocols/mqtt/trace.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer open_to_all;

class MqttTrace : public testing::Test {
 protected:
    MqttTrace() {
        options_.simulated = &clock_;
        loop = Loop::open(options_).value();
    }
    FakeClient& connect(const std::string& client_id, const std::string& identity) {
        FakeClient& client =
            world.open(identity + "/" + client_id, {Identity::Kind::device, identity});
        Connect packet;
        packet.client_id = client_id;
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    void publish(FakeClient& client, std::string_view topic, std::string_view payload,
                 PacketId id = 1, std::uint32_t alias = 0) {
        Publish packet;
        packet.topic = topic;
        packet.payload = bytes_of(payload);
        packet.qos = QoS::at_least_once;
        packet.id = id;
        if (alias != 0) packet.properties.set(Property::topic_alias, alias);
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        client.connection->receive(bytes);
    }
    // "in gw-1/a PUBLISH t/x" for each.
    std::vector<std::string> told(Trace& trace) {
        std::vector<std::string> lines;
        auto batch = sync_wait(*loop, trace.next(seconds{1}));
        EXPECT_TRUE(batch.ok());
        if (!batch) return lines;
        dropped = batch->dropped;
        for (const TraceEvent& event : batch->events) {
            std::string line = event.direction == TraceEvent::Direction::in ? "in " : "out ";
            line += event.identity.name + "/" + event.client_id + " ";
            line += to_string(event.packet);
            if (!event.topic.empty()) line += " " + event.topic;
            if (!event.payload.empty()) line.append(" ").append(text_of(event.payload));
            lines.push_back(line);
        }
        return lines;
    }
    using Lines = std::vector<std::string>;

    log::Capture quiet_;
    SimulatedClock clock_;
    LoopOptions options_;
    std::unique_ptr<Loop> loop;
    FakeWorld world{open_to_all};
    std::uint64_t dropped = 0;
};

TEST_F(MqttTrace, tells_the_packets_of_one_client_both_ways_and_in_order) {
    auto trace = world.core.open_trace({.client = "gw-1"}).value();
    FakeClient& mine = connect("a", "gw-1");
    FakeClient& other = connect("a", "gw-2");
    subscribe(mine, "t/#", 9);
    publish(other, "t/x", "secret");
    mine.connection->lost("cut");
    EXPECT_EQ(told(*trace), (Lines{"in gw-1/a CONNECT", "out gw-1/a CONNACK", "in gw-1/a SUBSCRIBE",
                                   "out gw-1/a SUBACK", "out gw-1/a PUBLISH t/x"}));
    EXPECT_TRUE(told(*trace).empty());
}

TEST_F(MqttTrace, tells_the_messages_of_a_topic_from_publisher_to_subscribers) {
    FakeClient& from = connect("a", "gw-1");
    FakeClient& to = connect("b", "gw-2");
    subscribe(to, "#", 9);
    auto trace = world.core.open_trace({.topic = "t/+", .payload_bytes = 4}).value();
    publish(from, "t/x", "payload", 1, 3);
    publish(from, "u", "other", 2);
    publish(from, "", "again", 3, 3);  // the topic is known by its alias
    EXPECT_EQ(told(*trace), (Lines{"in gw-1/a PUBLISH t/x payl", "out gw-2/b PUBLISH t/x payl",
                                   "in gw-1/a PUBLISH t/x agai", "out gw-2/b PUBLISH t/x agai"}));
}

TEST_F(MqttTrace, shows_no_payload_unless_asked_but_its_size) {
    FakeClient& from = connect("a", "gw-1");
    auto trace = world.core.open_trace({.topic = "#"}).value();
    publish(from, "t", "payload");
    auto batch = sync_wait(*loop, trace->next(seconds{1})).value();
    ASSERT_EQ(batch.events.size(), 1u);
    EXPECT_TRUE(batch.events[0].payload.empty());
    EXPECT_EQ(batch.events[0].payload_bytes, 7u);
    EXPECT_EQ(batch.events[0].id, 1u);
    EXPECT_EQ(batch.events[0].qos, QoS::at_least_once);
}

TEST_F(MqttTrace, a_packet_that_waits_for_storage_is_told_once) {
    FakeClient& from = connect("a", "gw-1");
    auto trace = world.core.open_trace({.topic = "#"}).value();
    world.uplink.mode = FakeUplink::Mode::overloaded;
    publish(from, "t", "x");
    world.core.on_durable({});
    world.core.on_durable({});
    world.uplink.mode = FakeUplink::Mode::accept;
    world.core.on_durable({});
    publish(from, "u", "x", 2);
    EXPECT_EQ(told(*trace), (Lines{"in gw-1/a PUBLISH t", "in gw-1/a PUBLISH u"}));
}

TEST_F(MqttTrace, what_nobody_takes_is_dropped_oldest_first_and_counted) {
    FakeClient& from = connect("a", "gw-1");
    auto trace = world.core.open_trace({.topic = "#", .payload_bytes = trace_payload_max}).value();
    for (std::size_t n = 0; n < trace_events_max + 5; ++n)
        publish(from, "t/" + std::to_string(n), "x");
    const auto lines = told(*trace);
    ASSERT_EQ(lines.size(), trace_events_max);
    EXPECT_EQ(lines.front(), "in gw-1/a PUBLISH t/5 x");
    EXPECT_EQ(dropped, 5u);
    const std::string large(100'000, 'y');  // cut to what a trace shows
    for (std::size_t n = 0; n < trace_events_max; ++n) publish(from, "t", large);
    EXPECT_LT(told(*trace).size(), trace_bytes_max / trace_payload_max + 1);
    EXPECT_GT(dropped, 5u);
}

TEST_F(MqttTrace, ends_when_nobody_holds_it_and_is_limited_in_number) {
    std::vector<std::shared_ptr<Trace>> open;
    for (std::size_t n = 0; n < traces_max; ++n)
        open.push_back(world.core.open_trace({.topic = "#"}).value());
    EXPECT_EQ(world.core.open_trace({.topic = "#"}).error().code, Errc::overloaded);
    open.pop_back();
    EXPECT_TRUE(world.core.open_trace({.topic = "#"}).ok());
    open.clear();
    publish(connect("a", "gw-1"), "t", "x");
    EXPECT_FALSE(world.core.traced());
    EXPECT_EQ(world.core.open_trace({}).error().code, Errc::invalid_input);
    EXPECT_EQ(world.core.open_trace({.topic = "a/#/b"}).error().code, Errc::invalid_input);
}

TEST_F(MqttTrace, a_reader_waits_for_packets_for_the_time_it_gave_or_until_close) {
    auto trace = world.core.open_trace({.topic = "#"}).value();
    const SteadyTime began = clock_.steady();
    EXPECT_TRUE(sync_wait(*loop, trace->next(seconds{5})).value().events.empty());
    EXPECT_EQ(clock_.steady() - began, seconds{5});
    Scope scope(*loop);
    std::string outcome;
    auto read = [](Trace& trace, std::string& outcome) -> Task<> {
        auto batch = co_await trace.next(hours{1});
        outcome = batch ? "packets" : to_string(batch.error().code);
        co_return Result<>{};
    };
    scope.spawn(read(*trace, outcome));
    auto close = [](Trace& trace) -> Task<> {
        CO_TRY_VOID(co_await sleep_for(seconds{1}));
        trace.close();
        co_return Result<>{};
    };
    scope.spawn(close(*trace));
    ASSERT_TRUE(sync_wait(*loop, scope.join()).ok());
    EXPECT_EQ(outcome, "cancelled");
}

TEST_F(MqttTrace, words_say_what_connects_subscribes_and_why_it_ends) {
    auto trace = world.core.open_trace({.client = "gw-1"}).value();
    FakeClient& client = connect("a", "gw-1");
    subscribe(client, "a/+", 9);
    world.core.kick({.identity = "gw-1"});
    auto batch = sync_wait(*loop, trace->next(seconds{1})).value();
    ASSERT_EQ(batch.events.size(), 5u);
    EXPECT_EQ(batch.events[0].detail, "MQTT 5, clean start, keep alive 0 s");
    EXPECT_EQ(batch.events[2].detail, "a/+ at QoS 1");
    EXPECT_EQ(batch.events[4].packet, PacketType::disconnect);
    EXPECT_NE(batch.events[4].detail.find("ended by the operator"), std::string::npos)
        << batch.events[4].detail;
}

// Over the whole broker: its lists and traces answer on its loop.
TEST_F(MqttTrace, a_broker_answers_operators_between_its_clients) {
    SystemRandom random;
    FakeUplink uplink;
    Broker broker(*loop, random, {}, open_to_all, &uplink);
    auto pair = net::make_stream_pair(*loop);
    broker.serve(std::move(pair.second), {Identity::Kind::device, "gw-1"});
    auto client = sync_wait(*loop, Client::connect(std::move(pair.first), {.client_id = "a"}));
    ASSERT_TRUE(client.ok());
    ASSERT_TRUE(sync_wait(*loop, (*client)->subscribe("t/#", QoS::at_least_once)).ok());
    ASSERT_TRUE(broker.publish_local("t/x", bytes_of("v"), true, QoS::at_least_once).ok());
    EXPECT_EQ(sync_wait(*loop, broker.clients({})).value().items.size(), 1u);
    EXPECT_EQ(sync_wait(*loop, broker.subscriptions({})).value().items.at(0).filter, "t/#");
    EXPECT_EQ(sync_wait(*loop, broker.retained({})).value().items.at(0).topic, "t/x");
    auto trace = broker.trace({.client = "a"}).value();
    EXPECT_EQ(sync_wait(*loop, broker.kick({.client = "a"})).value().connections, 1u);
    EXPECT_EQ(told(*trace), (Lines{"out gw-1/a DISCONNECT"}));
    ASSERT_TRUE(sync_wait(*loop, broker.stop()).ok());
}

}  // namespace
}  // namespace mw::mqtt
