#include "protocols/mqtt/inspect.h"

#include <gtest/gtest.h>

#include <set>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer everyone;

class MqttInspect : public testing::Test {
 protected:
    FakeClient& connect(const std::string& client_id, const std::string& identity,
                        std::uint32_t expiry_s = 0) {
        FakeClient& client =
            world.open(identity + "/" + client_id, {Identity::Kind::device, identity});
        Connect packet;
        packet.client_id = client_id;
        packet.properties.set(Property::session_expiry, expiry_s);
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    void subscribe(FakeClient& client, std::string_view filter, QoS qos = QoS::at_least_once) {
        Subscribe packet;
        packet.id = 1;
        packet.filters.push_back({filter, {.qos = qos}});
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        client.connection->receive(bytes);
    }
    void retain(std::string_view topic, std::string_view payload) {
        ASSERT_TRUE(
            world.core.publish_local(topic, bytes_of(payload), true, QoS::at_least_once).ok());
    }
    template <class T>
    Page<T> list(const ListOrder& order) {
        SessionWalk walk;
        PageBuilder<T> page(order.after, order.limit);
        while (world.core.gather(order, walk, page)) {
        }
        return page.take();
    }
    Page<RetainedView> retained(const ListOrder& order) {
        Page<RetainedView> page;
        std::string at = order.after;
        while (world.core.gather(order, at, page)) {
        }
        return page;
    }
    log::Capture quiet_;
    FakeWorld world{everyone};
};

TEST_F(MqttInspect, pages_of_clients_show_each_once_in_order) {
    for (int n = 0; n < 700; ++n)
        connect("c" + std::to_string(n % 7), "gw-" + std::to_string(n / 7));
    std::vector<std::string> seen;
    ListOrder order;
    order.limit = 64;
    do {
        const auto page = list<SessionView>(order);
        EXPECT_LE(page.items.size(), 64u);
        for (const SessionView& view : page.items)
            seen.push_back(view.identity.name + " " + view.client_id);
        order.after = page.next;
    } while (!order.after.empty());
    EXPECT_EQ(seen.size(), 700u);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 700u);
    EXPECT_EQ(seen.front(), "gw-0 c0");
    EXPECT_EQ(seen.back(), "gw-99 c6");
}

TEST_F(MqttInspect, a_walk_goes_in_slices_and_begins_anew_when_the_table_grows) {
    for (int n = 0; n < 1'000; ++n) connect("c", "gw-" + std::to_string(n));
    ListOrder order;
    order.limit = page_items_max;
    SessionWalk walk;
    PageBuilder<SessionView> page("", order.limit);
    ASSERT_TRUE(world.core.gather(order, walk, page));  // one slice is not all
    for (int n = 1'000; n < 4'000; ++n) connect("c", "gw-" + std::to_string(n));
    std::size_t slices = 1;
    while (world.core.gather(order, walk, page)) ++slices;
    EXPECT_GE(slices, 4'000 / walk_slice);
    const auto got = page.take();
    EXPECT_EQ(got.items.size(), page_items_max);
    EXPECT_FALSE(got.next.empty());
    std::set<std::string> names;
    for (const SessionView& view : got.items) names.insert(view.identity.name);
    EXPECT_EQ(names.size(), page_items_max);
}

TEST_F(MqttInspect, clients_are_chosen_and_told_as_they_are) {
    FakeClient& here = connect("a", "gw-1", 100);
    connect("b", "gw-1", 100).connection->lost("cut");
    connect("a", "gw-2");
    subscribe(here, "t/#");
    world.advance(seconds{3});
    ListOrder order;
    order.identity = "gw-1";
    ASSERT_EQ(list<SessionView>(order).items.size(), 2u);
    order.connected = true;
    const auto page = list<SessionView>(order);
    ASSERT_EQ(page.items.size(), 1u);
    const SessionView& view = page.items[0];
    EXPECT_EQ(view.client_id, "a");
    EXPECT_EQ(view.peer, "test");
    EXPECT_EQ(view.subscriptions, 1u);
    EXPECT_EQ(view.connected_for, seconds{3});
    EXPECT_EQ(view.silent_for, seconds{3});
    order.connected = false;
    EXPECT_EQ(list<SessionView>(order).items.at(0).client_id, "b");
    order = {};
    order.client = "a";
    EXPECT_EQ(list<SessionView>(order).items.size(), 2u);
}

TEST_F(MqttInspect, subscriptions_are_listed_with_options_or_by_the_topic_they_take) {
    subscribe(connect("a", "gw-1"), "t/+", QoS::exactly_once);
    subscribe(connect("a", "gw-2"), "t/#");
    subscribe(connect("a", "gw-2x"), "u");
    ListOrder order;
    const auto all = list<SubscriptionView>(order);
    ASSERT_EQ(all.items.size(), 3u);
    EXPECT_EQ(all.items[0].filter, "t/+");
    ASSERT_TRUE(all.items[0].options);
    EXPECT_EQ(all.items[0].options->qos, QoS::exactly_once);
    order.topic = "t/x/y";
    const auto reached = list<SubscriptionView>(order);
    ASSERT_EQ(reached.items.size(), 1u);
    EXPECT_EQ(reached.items[0].identity.name, "gw-2");
    subscribe(connect("s", "gw-3"), "$share/group/t/x/+", QoS::exactly_once);
    const auto shared = list<SubscriptionView>(order);
    ASSERT_EQ(shared.items.size(), 2u);  // one of a group would get it
    EXPECT_EQ(shared.items[1].filter, "$share/group/t/x/+");
    ASSERT_TRUE(shared.items[1].options);
    EXPECT_EQ(shared.items[1].options->qos, QoS::exactly_once);
    order.topic = "t/x";
    order.limit = 1;
    const auto first = list<SubscriptionView>(order);
    ASSERT_EQ(first.items.size(), 1u);
    EXPECT_EQ(first.items[0].identity.name, "gw-1");
    order.after = first.next;
    const auto second = list<SubscriptionView>(order);
    ASSERT_EQ(second.items.size(), 1u);
    EXPECT_EQ(second.items[0].identity.name, "gw-2");
    EXPECT_TRUE(second.next.empty());
}

TEST_F(MqttInspect, a_shared_subscription_is_listed_as_one_of_each_member) {
    subscribe(connect("a", "gw-1"), "$share/g/t/+", QoS::exactly_once);
    subscribe(connect("a", "gw-2"), "$share/g/t/+", QoS::at_most_once);
    ListOrder order;
    order.topic = "t/x";
    const auto all = list<SubscriptionView>(order);
    ASSERT_EQ(all.items.size(), 2u);
    EXPECT_EQ(all.items[0].filter, "$share/g/t/+");
    ASSERT_TRUE(all.items[0].options && all.items[1].options);
    EXPECT_EQ(all.items[0].options->qos, QoS::exactly_once);
    EXPECT_EQ(all.items[1].options->qos, QoS::at_most_once);
    order.topic = "u";
    EXPECT_TRUE(list<SubscriptionView>(order).items.empty());
}

TEST_F(MqttInspect, retained_messages_come_in_topic_order_with_as_much_payload_as_asked) {
    for (int n = 0; n < 600; ++n) retain("other/" + std::to_string(n), "x");
    retain("t", "top");
    retain("t/b", "second");
    retain("t/a", "first");
    ListOrder order;
    order.filter = "t/#";
    order.limit = 2;
    order.payload_bytes = 3;
    const auto page = retained(order);
    ASSERT_EQ(page.items.size(), 2u);
    EXPECT_EQ(page.items[0].topic, "t");
    EXPECT_EQ(page.items[1].topic, "t/a");
    EXPECT_EQ(text_of(page.items[1].payload), "fir");
    EXPECT_EQ(page.items[1].payload_bytes, 5u);
    order.after = page.next;
    order.payload_bytes = 0;
    const auto rest = retained(order);
    ASSERT_EQ(rest.items.size(), 1u);
    EXPECT_EQ(rest.items[0].topic, "t/b");
    EXPECT_TRUE(rest.items[0].payload.empty());
    EXPECT_TRUE(rest.next.empty());
    ListOrder everything;
    everything.limit = page_items_max;
    EXPECT_EQ(retained(everything).items.size(), 603u);
    ListOrder exact;
    exact.filter = "t/a";
    EXPECT_EQ(retained(exact).items.size(), 1u);
}

TEST_F(MqttInspect, kick_ends_whom_it_names_and_nobody_without_a_name) {
    FakeClient& a = connect("a", "gw-1", 100);
    FakeClient& b = connect("b", "gw-1", 100);
    FakeClient& other = connect("a", "gw-2", 100);
    EXPECT_EQ(world.core.kick(KickOrder{}).connections, 0u);
    Kicked done = world.core.kick({.identity = "gw-1", .client = "a"});
    EXPECT_EQ(done.connections, 1u);
    EXPECT_EQ(done.sessions, 0u);
    EXPECT_TRUE(a.wire.closed);
    EXPECT_FALSE(b.wire.closed);
    EXPECT_EQ(world.core.metrics().sessions, 3u);
    done = world.core.kick({.identity = "gw-1", .forget = true});
    EXPECT_EQ(done.connections, 1u);
    EXPECT_EQ(done.sessions, 2u);
    EXPECT_TRUE(b.wire.closed);
    EXPECT_FALSE(other.wire.closed);
    EXPECT_EQ(world.core.metrics().sessions, 1u);
    EXPECT_EQ(world.core.kick({.client = "a"}).connections, 1u);
    EXPECT_TRUE(other.wire.closed);
}

}  // namespace
}  // namespace mw::mqtt
