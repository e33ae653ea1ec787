// Several shards of one broker, without threads: what they tell each other waits until the test
// delivers it.
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "protocols/mqtt/fake_world.h"
#include "protocols/mqtt/home.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer anybody;

// One shard; parcels lie in `sent` until they are delivered.
class ShardNode final : public Peers::Post {
 public:
    ShardNode(SimulatedClock& clock, ShardNumber number, ShardNumber count, Uplink* uplink,
              Limits limits)
        : peers(*this, number, count, limits.shard_bytes),
          passed_uplink(peers),
          core({clock, random, anybody, number == 0 ? uplink : up(uplink), limits}) {
        core.use(peers, number == 0 || uplink == nullptr ? nullptr : &passed_uplink);
    }
    void mark() override { marked = true; }
    bool send(ShardNumber to, Parcel& parcel) override {
        if (mailbox_full) return false;
        sent.emplace_back(to, std::move(parcel));
        return true;
    }
    void turn_ends() {
        if (std::exchange(marked, false)) peers.flush();
    }
    FakeClient& connect(const std::string& name, std::uint32_t expiry_s = 0) {
        auto& place = clients[name];
        place.reset();
        place = std::make_unique<FakeClient>();
        place->connection = std::make_unique<Connection>(core, place->wire, Identity{});
        Connect hello;
        hello.client_id = name;
        hello.clean_start = expiry_s == 0;
        if (expiry_s > 0) hello.properties.set(Property::session_expiry, expiry_s);
        Bytes bytes;
        encode(bytes, hello);
        place->connection->receive(bytes);
        return *place;
    }

    SeededRandom random{1};
    Peers peers;
    PassedUplink passed_uplink;
    Core core;
    std::map<std::string, std::unique_ptr<FakeClient>> clients;
    std::deque<std::pair<ShardNumber, Parcel>> sent;
    bool marked = false;
    bool mailbox_full = false;

 private:
    Uplink* up(Uplink* uplink) { return uplink == nullptr ? nullptr : &passed_uplink; }
};

struct Shards {
    explicit Shards(ShardNumber count = 2, Uplink* uplink = nullptr, Limits limits = {}) {
        for (ShardNumber n = 0; n < count; ++n)
            nodes.push_back(std::make_unique<ShardNode>(clock, n, count, uplink, limits));
    }
    ShardNode& operator[](std::size_t n) { return *nodes[n]; }
    // The first parcel under way from a shard arrives.
    void deliver_one(ShardNumber from) {
        auto [to, parcel] = std::move(nodes[from]->sent.front());
        nodes[from]->sent.pop_front();
        nodes[to]->core.receive(from, std::move(parcel));
    }
    // Until nothing is under way.
    void settle() {
        for (bool any = true; any;) {
            any = false;
            for (auto& node : nodes) node->turn_ends();
            for (ShardNumber from = 0; from < nodes.size(); ++from)
                for (; !nodes[from]->sent.empty(); any = true) deliver_one(from);
        }
    }
    SimulatedClock clock;
    std::vector<std::unique_ptr<ShardNode>> nodes;
};

void publish(FakeClient& client, std::string_view topic, std::string_view payload, QoS qos,
             PacketId id = 1, bool retain = false) {
    Publish packet;
    packet.topic = topic;
    packet.payload = bytes_of(payload);
    packet.qos = qos;
    packet.id = qos == QoS::at_most_once ? PacketId{0} : id;
    packet.retain = retain;
    packet.properties.add_user("k", "v");
    Bytes bytes;
    encode(bytes, Version::v5, packet);
    client.connection->receive(bytes);
}

// What the broker has written since the last look: "SUBACK", "PUBLISH t=v", "PUBACK 135".
std::vector<std::string> news(FakeClient& client) {
    std::vector<std::string> said;
    Frame frame;
    while (next_frame(ByteView(client.wire.written).subspan(client.read), 1 << 20, frame).ok() &&
           frame.size > 0) {
        client.read += frame.size;
        std::string line(to_string(frame.type));
        if (frame.type == PacketType::publish) {
            Publish packet;
            EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
            EXPECT_EQ(packet.properties.user().size(), 1u);
            line.append(" ").append(packet.topic).append("=").append(text_of(packet.payload));
        } else if (frame.type == PacketType::puback || frame.type == PacketType::pubrec) {
            Ack packet;
            EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
            if (is_failure(packet.reason))
                line += " " + std::to_string(static_cast<int>(packet.reason));
        }
        said.push_back(line);
    }
    return said;
}

using Said = std::vector<std::string>;

TEST(MqttParcel, a_message_comes_out_as_it_went_in) {
    Passed in;
    in.to_subscribers = in.retain = in.by_hub = in.dup = true;
    in.qos = QoS::exactly_once;
    in.publisher = 0xDEADBEEF;
    in.topic = "a/b";
    const Bytes payload(70'000, 7), section{1, 2, 3};
    in.payload = payload;
    in.properties = section;
    in.groups = {"$share/g/a/#", "$share/h/+/b"};
    Passed up;
    up.to_uplink = true;
    up.number = 0x1'0000'0002;
    up.from_kind = Identity::Kind::device;
    up.from = "gw-1";
    up.topic = "t";
    Bytes bytes;
    encode(bytes, in);
    encode(bytes, up);
    ByteView left = bytes;
    Passed out;
    take(left, out);
    EXPECT_TRUE(out.to_subscribers && out.retain && out.by_hub && out.dup && !out.to_uplink);
    EXPECT_EQ(out.qos, in.qos);
    EXPECT_EQ(out.publisher, in.publisher);
    EXPECT_EQ(out.topic, in.topic);
    EXPECT_TRUE(std::equal(out.payload.begin(), out.payload.end(), payload.begin(), payload.end()));
    EXPECT_EQ(Bytes(out.properties.begin(), out.properties.end()), section);
    EXPECT_EQ(out.groups, in.groups);
    take(left, out);
    EXPECT_TRUE(left.empty() && out.to_uplink && !out.to_subscribers && out.groups.empty());
    EXPECT_EQ(out.number, up.number);
    EXPECT_EQ(out.from, "gw-1");
    EXPECT_EQ(out.from_kind, Identity::Kind::device);
}

TEST(MqttShards, a_subscription_is_answered_when_all_know_of_it) {
    Shards shards;
    FakeClient& subscriber = shards[1].connect("s");
    news(subscriber);
    subscribe(subscriber, "t/#");
    EXPECT_EQ(news(subscriber), Said{});
    shards[1].turn_ends();
    shards.deliver_one(1);
    EXPECT_EQ(news(subscriber), Said{});
    shards.settle();
    EXPECT_EQ(news(subscriber), Said{"SUBACK"});
}

TEST(MqttShards, a_message_goes_only_where_somebody_listens) {
    Shards shards(3);
    FakeClient& publisher = shards[0].connect("p");
    FakeClient& here = shards[0].connect("here");
    FakeClient& there = shards[2].connect("there");
    subscribe(here, "t/#");
    subscribe(there, "t/+", 1);
    shards.settle();
    news(publisher), news(here), news(there);
    for (int n = 0; n < 3; ++n) publish(publisher, "t/x", std::to_string(n), QoS::at_least_once);
    publish(publisher, "other", "v", QoS::at_most_once);
    shards[0].turn_ends();
    ASSERT_EQ(shards[0].sent.size(), 1u);  // one parcel, to one shard
    EXPECT_EQ(shards[0].sent.front().first, 2u);
    shards.settle();
    const Said all{"PUBLISH t/x=0", "PUBLISH t/x=1", "PUBLISH t/x=2"};
    EXPECT_EQ(news(here), all);
    EXPECT_EQ(news(there), all);
    EXPECT_EQ(news(publisher), (Said{"PUBACK", "PUBACK", "PUBACK"}));
    EXPECT_EQ(shards[0].core.metrics().shard_messages, 3u);
    EXPECT_GT(shards[0].core.metrics().shard_bytes, 0u);  // nobody waits for that answer
    shards[2].core.tick();
    shards.settle();
    EXPECT_EQ(shards[0].core.metrics().shard_bytes, 0u);

    there.connection->lost("gone");
    shards.settle();
    publish(publisher, "t/x", "4", QoS::at_least_once);
    shards.settle();
    EXPECT_EQ(shards[0].core.metrics().shard_messages, 3u);
    EXPECT_EQ(shards[0].core.metrics().shard_bytes, 0u);
    EXPECT_EQ(shards[0].core.metrics().subscriptions, 1u);
}

TEST(MqttShards, two_sessions_of_a_shard_count_as_two) {
    Shards shards;
    FakeClient& publisher = shards[0].connect("p");
    FakeClient& a = shards[1].connect("a");
    FakeClient& b = shards[1].connect("b");
    subscribe(a, "t");
    subscribe(b, "t");
    subscribe(b, "t");  // again: replaced
    shards.settle();
    a.connection->lost("gone");
    shards.settle();
    news(b);
    publish(publisher, "t", "v", QoS::at_most_once);
    shards.settle();
    EXPECT_EQ(news(b), Said{"PUBLISH t=v"});
}

TEST(MqttShards, what_is_retained_is_retained_everywhere) {
    Shards shards;
    FakeClient& publisher = shards[0].connect("p");
    news(publisher);
    publish(publisher, "t", "v", QoS::at_least_once, 1, true);
    EXPECT_EQ(news(publisher), Said{});  // not before the others have it
    shards.settle();
    EXPECT_EQ(news(publisher), Said{"PUBACK"});
    FakeClient& late = shards[1].connect("late");
    subscribe(late, "t");
    shards.settle();
    EXPECT_EQ(news(late), (Said{"CONNACK", "PUBLISH t=v", "SUBACK"}));
    publish(late, "t", "", QoS::at_most_once, 0, true);
    shards.settle();
    EXPECT_EQ(shards[0].core.metrics().retained_messages, 0u);
    EXPECT_EQ(shards[1].core.metrics().retained_messages, 0u);
}

TEST(MqttShards, a_will_reaches_the_other_shards) {
    Shards shards;
    FakeClient& subscriber = shards[0].connect("s");
    subscribe(subscriber, "will");
    auto& mortal = shards[1].clients["m"] = std::make_unique<FakeClient>();
    mortal->connection = std::make_unique<Connection>(shards[1].core, mortal->wire, Identity{});
    Connect hello;
    hello.client_id = "m";
    hello.will.emplace();
    hello.will->topic = "will";
    hello.will->payload = bytes_of("gone");
    hello.will->properties.add_user("k", "v");
    Bytes bytes;
    encode(bytes, hello);
    mortal->connection->receive(bytes);
    shards.settle();
    news(subscriber);
    mortal->connection->lost("cut");
    shards.settle();
    EXPECT_EQ(news(subscriber), Said{"PUBLISH will=gone"});
}

TEST(MqttShards, a_publisher_waits_while_another_shard_takes_nothing) {
    Limits limits;
    limits.shard_bytes = 2'000;
    Shards shards(2, nullptr, limits);
    FakeClient& publisher = shards[0].connect("p");
    FakeClient& subscriber = shards[1].connect("s");
    subscribe(subscriber, "t");
    shards.settle();
    news(subscriber);
    const std::string payload(500, 'x');
    for (int n = 0; n < 10; ++n) publish(publisher, "t", payload, QoS::at_most_once);
    EXPECT_TRUE(publisher.connection->paused());
    EXPECT_LT(shards[0].core.metrics().shard_bytes, 3'000u);
    shards[0].mailbox_full = true;  // and its mailbox is full: nothing is lost
    shards[0].turn_ends();
    EXPECT_TRUE(shards[0].sent.empty());
    shards[0].mailbox_full = false;
    shards[0].core.tick();
    shards.settle();
    EXPECT_FALSE(publisher.connection->paused());
    EXPECT_EQ(news(subscriber).size(), 10u);
    EXPECT_GE(shards[0].core.metrics().pushbacks, 1u);
}

TEST(MqttShards, what_goes_up_passes_by_the_first_shard) {
    FakeUplink uplink;
    uplink.mode = FakeUplink::Mode::delay;
    Shards shards(2, &uplink);
    FakeClient& device = shards[1].connect("d");
    news(device);
    publish(device, "t", "1", QoS::at_least_once, 1);
    publish(device, "t", "2", QoS::exactly_once, 2);
    shards.settle();
    ASSERT_EQ(uplink.got.size(), 2u);
    EXPECT_EQ(uplink.got[1].payload, "2");
    EXPECT_EQ(news(device), Said{});  // not in the log yet
    uplink.reached = {2};
    shards[0].core.on_durable(uplink.reached);
    shards.settle();
    EXPECT_EQ(news(device), (Said{"PUBACK", "PUBREC"}));
}

TEST(MqttShards, storage_without_room_stops_the_reader_on_the_other_shard) {
    FakeUplink uplink;
    uplink.mode = FakeUplink::Mode::overloaded;
    Limits limits;
    limits.shard_bytes = 1'000;
    Shards shards(2, &uplink, limits);
    FakeClient& device = shards[1].connect("d");
    news(device);
    const std::string payload(300, 'x');
    for (PacketId id = 1; id <= 8; ++id) publish(device, "t", payload, QoS::at_least_once, id);
    shards.settle();
    EXPECT_TRUE(device.connection->paused());
    EXPECT_TRUE(uplink.got.empty());
    uplink.mode = FakeUplink::Mode::accept;
    shards[0].core.on_durable({});
    shards.settle();
    EXPECT_EQ(uplink.got.size(), 8u);
    EXPECT_EQ(news(device).size(), 8u);
}

TEST(MqttShards, a_refusal_of_the_layers_above_comes_back) {
    FakeUplink uplink;
    uplink.mode = FakeUplink::Mode::deny;
    Shards shards(2, &uplink);
    FakeClient& device = shards[1].connect("d");
    news(device);
    publish(device, "t", "1", QoS::at_least_once, 1);
    publish(device, "t", "2", QoS::exactly_once, 2);
    shards.settle();
    EXPECT_EQ(news(device), (Said{"PUBACK 135", "PUBREC 135"}));
    EXPECT_EQ(shards[1].core.metrics().unreleased, 0u);
    uplink.mode = FakeUplink::Mode::broken;
    publish(device, "t", "3", QoS::at_least_once, 3);
    shards.settle();
    EXPECT_TRUE(device.wire.closed);
}

TEST(MqttShards, the_shard_of_a_session_prepares_what_goes_up) {
    FakeUplink uplink;
    Shards shards(2, &uplink);
    auto own = std::make_unique<FakePreparer>();
    FakePreparer& preparer = *own;
    shards[1].passed_uplink.use(std::move(own));
    FakeClient& device = shards[1].connect("d");
    uplink.mode = FakeUplink::Mode::overloaded;  // what was prepared waits with its message
    publish(device, "t", "four", QoS::at_least_once, 1);
    publish(device, "raw/t", "seven77", QoS::at_least_once, 2);
    publish(device, "t", "fives", QoS::at_least_once, 3);
    shards.settle();
    EXPECT_TRUE(preparer.returned.empty());
    uplink.mode = FakeUplink::Mode::accept;
    shards[0].core.on_durable({});
    shards.settle();
    ASSERT_EQ(uplink.got.size(), 3u);
    EXPECT_EQ(uplink.got[0].length, 4u);
    EXPECT_EQ(uplink.got[0].payload, "four");
    EXPECT_EQ(uplink.got[1].length, 0u);
    EXPECT_EQ(uplink.got[1].payload, "seven77");
    EXPECT_EQ(uplink.got[2].length, 5u);
    EXPECT_EQ(uplink.got[2].payload, "");  // it is whole
    EXPECT_EQ(preparer.returned.size(), 2u);
    EXPECT_EQ(shards[1].core.metrics().unreleased, 0u);
}

TEST(MqttShards, what_the_uplink_does_not_want_stays_on_its_shard) {
    FakeUplink uplink;
    Shards shards(2, &uplink);
    shards[1].passed_uplink.use(std::make_unique<FakePreparer>());
    FakeClient& publisher = shards[1].connect("p");
    FakeClient& subscriber = shards[1].connect("s");
    subscribe(subscriber, "plain/t");
    shards.settle();
    news(publisher);
    news(subscriber);
    const std::uint64_t passed = shards[1].core.metrics().shard_messages;
    publish(publisher, "plain/t", "1", QoS::at_least_once, 1);
    EXPECT_EQ(news(publisher), Said{"PUBACK"});
    EXPECT_EQ(news(subscriber), Said{"PUBLISH plain/t=1"});
    shards.settle();
    EXPECT_TRUE(uplink.got.empty());
    EXPECT_EQ(shards[1].core.metrics().shard_messages, passed);
}

TEST(MqttSharedShards, each_shard_gets_as_much_as_it_has_members) {
    Shards shards;
    FakeClient& publisher = shards[0].connect("p");
    std::vector<FakeClient*> members{&shards[0].connect("a"), &shards[1].connect("b"),
                                     &shards[1].connect("c")};
    for (FakeClient* member : members) subscribe(*member, "$share/g/t");
    shards.settle();
    for (FakeClient* member : members) news(*member);
    for (int n = 0; n < 30; ++n) publish(publisher, "t", std::to_string(n), QoS::at_most_once);
    shards.settle();
    for (FakeClient* member : members) EXPECT_EQ(news(*member).size(), 10u);
    EXPECT_EQ(shards[0].core.metrics().subscriptions, 1u);
    EXPECT_EQ(shards[1].core.metrics().subscriptions, 2u);
}

TEST(MqttSharedShards, what_a_leaving_member_has_not_answered_goes_to_another_shard) {
    Shards shards;
    FakeClient& publisher = shards[0].connect("p");
    FakeClient& stays = shards[0].connect("stays");
    FakeClient& leaves = shards[1].connect("leaves");
    subscribe(stays, "$share/g/t");
    subscribe(leaves, "$share/g/t");
    shards.settle();
    news(stays), news(leaves);
    for (PacketId n = 1; n <= 10; ++n)
        publish(publisher, "t", std::to_string(n), QoS::at_least_once, n);
    shards.settle();
    const std::size_t before = news(stays).size();
    EXPECT_EQ(before, 5u);
    leaves.connection->lost("cut");
    shards.settle();
    EXPECT_EQ(news(stays).size(), 5u);
    // The shard without members passes nothing on, and is passed nothing.
    const std::uint64_t passed = shards[0].core.metrics().shard_messages;
    publish(publisher, "t", "11", QoS::at_least_once, 11);
    shards.settle();
    EXPECT_EQ(news(stays), Said{"PUBLISH t=11"});
    EXPECT_EQ(shards[0].core.metrics().shard_messages, passed);
}

TEST(MqttSharedShards, a_message_under_way_to_a_member_that_left_finds_another) {
    Shards shards;
    FakeClient& publisher = shards[0].connect("p");
    FakeClient& stays = shards[0].connect("stays");
    FakeClient& leaves = shards[1].connect("leaves");
    subscribe(stays, "$share/g/t");
    subscribe(leaves, "$share/g/t");
    shards.settle();
    news(stays);
    for (PacketId n = 1; n <= 4; ++n)
        publish(publisher, "t", std::to_string(n), QoS::at_least_once, n);
    leaves.connection->lost("cut");
    shards.settle();
    EXPECT_EQ(news(stays).size(), 4u);
}

TEST(MqttHome, few_sessions_live_where_the_uplink_is) {
    std::map<ShardNumber, int> spread;
    for (int n = 0; n < 3'700; ++n)
        ++spread[home_of({}, "c" + std::to_string(n), 4, Spread::first_has_uplink)];
    EXPECT_NEAR(spread[0], 100, 40);
    for (ShardNumber shard = 1; shard < 4; ++shard) EXPECT_NEAR(spread[shard], 1'200, 150);
    EXPECT_EQ(spread.size(), 4u);
    int of_two = 0;
    for (int n = 0; n < 1'000; ++n)
        of_two += home_of({}, "c" + std::to_string(n), 2, Spread::first_has_uplink) == 0;
    EXPECT_NEAR(of_two, 200, 50);
    for (int n = 0; n < 100; ++n)
        EXPECT_EQ(home_of({}, "c" + std::to_string(n), 1, Spread::first_has_uplink), 0u);
}

TEST(MqttHome, a_session_lives_where_its_name_says) {
    std::map<ShardNumber, int> spread;
    for (int n = 0; n < 1'000; ++n)
        ++spread[home_of({Identity::Kind::device, "gw"}, "c" + std::to_string(n), 4, Spread::even)];
    EXPECT_EQ(spread.size(), 4u);
    for (const auto& [shard, count] : spread) EXPECT_NEAR(count, 250, 75);
    EXPECT_EQ(home_of({Identity::Kind::device, "gw-1"}, "a", 2, Spread::even),
              home_of({Identity::Kind::device, "gw-1"}, "a", 2, Spread::even));
    EXPECT_EQ(journal_directory("d/sessions", 0), "d/sessions");
    EXPECT_EQ(journal_directory("d/sessions", 2), "d/sessions-2");
}

}  // namespace
}  // namespace mw::mqtt
