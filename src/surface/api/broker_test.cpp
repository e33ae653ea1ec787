#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiBroker : public ApiWorld {
 public:
    std::unique_ptr<http::Incoming> open(const std::string& target, const std::string& token = "") {
        auto r = request(get, target, "", token.empty() ? admin : token);
        auto opened = wait(client->open(std::move(r), seconds(10)));
        EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
        return opened ? std::move(*opened) : nullptr;
    }
    std::string next(http::Incoming& stream) {
        auto event = wait(stream.read_event());
        if (!event) return "error: " + event.error().message;
        return *event ? (*event)->event + " " + (*event)->data : "end of stream";
    }
    void pass(std::initializer_list<int> packets, std::uint64_t dropped = 0) {
        BrokerDesk::Trace::Batch batch;
        for (const int n : packets) batch.packets.push_back(JsonObject{{"n", n}});
        batch.dropped = dropped;
        broker.batches.push_back(std::move(batch));
        broker.arrived.set();
    }
    bool has_fact(std::string_view action, std::string_view detail) {
        for (const auto& fact : facts())
            if (fact.action == action && fact.detail.find(detail) != std::string::npos) return true;
        return false;
    }
};

TEST_F(ApiBroker, lists_pages_with_their_filters) {
    const auto first = call(get, "/v1/mqtt/clients?identity=gw-1&client=c&connected=1&limit=7");
    ASSERT_EQ(first.status, 200);
    EXPECT_EQ(text_at(first, "kind"), "MqttClientList");
    EXPECT_EQ(broker.asked.identity, "gw-1");
    EXPECT_EQ(broker.asked.client, "c");
    EXPECT_EQ(broker.asked.connected, true);
    EXPECT_EQ(broker.asked.limit, 7u);
    const auto second = call(get, "/v1/mqtt/clients?continue=" + text_at(first, "continue"));
    EXPECT_EQ(find_string(find(json(second), "items")->get_array()[0], "name"), "gw-2");
    EXPECT_EQ(text_at(second, "continue"), "");
    EXPECT_EQ(broker.asked.connected, std::nullopt);
    EXPECT_EQ(call(get, "/v1/mqtt/subscriptions?topic=t/x").status, 200);
    EXPECT_EQ(broker.asked.topic, "t/x");
    EXPECT_EQ(call(get, "/v1/mqtt/retained?filter=t/%23").status, 200);
    EXPECT_EQ(broker.asked.filter, "t/#");
    const auto bridges = call(get, "/v1/mqtt/bridges");
    EXPECT_EQ(text_at(bridges, "kind"), "MqttBridgeList");
    EXPECT_EQ(find_string(find(json(bridges), "items")->get_array()[0], "name"), "plant");
}

TEST_F(ApiBroker, refuses_what_it_does_not_understand_and_says_where) {
    for (const char* target :
         {"/v1/mqtt/clients?limit=0", "/v1/mqtt/clients?limit=1001", "/v1/mqtt/clients?continue=zz",
          "/v1/mqtt/clients?topic=t", "/v1/mqtt/trace", "/v1/mqtt/trace?client=a&count=x",
          "/v1/mqtt/trace?client=a&seconds=3601"})
        EXPECT_EQ(call(get, target).status, 400) << target;
    EXPECT_EQ(text_at(call(get, "/v1/mqtt/trace"), "error.path"), "topic");
    EXPECT_EQ(text_at(call(get, "/v1/mqtt/clients?limit=0"), "error.path"), "limit");
    for (const char* body :
         {"{}", "[]", R"({"forget":true})", R"({"identity":1})", R"({"identity":"a","more":1})",
          R"({"identity":"a","moved":true})", R"({"identity":"a","use_server":"a\u0001"})"})
        EXPECT_EQ(call(post, "/v1/mqtt/kick", body).status, 400) << body;
    EXPECT_TRUE(broker.kicked.empty());
}

TEST_F(ApiBroker, lets_in_who_may_see_and_only_operators_kick) {
    const auto viewer = user("vic", {"viewer"}), engineer = user("eve", {"engineer"}),
               operating = user("olga", {"operator"});
    const std::string kick = R"({"identity":"gw-1"})";
    for (const char* path :
         {"/v1/mqtt/clients", "/v1/mqtt/subscriptions", "/v1/mqtt/retained", "/v1/mqtt/bridges"}) {
        EXPECT_EQ(as(viewer, get, path).status, 403) << path;
        EXPECT_EQ(as(engineer, get, path).status, 200) << path;
        EXPECT_EQ(as("", get, path).status, 401) << path;
    }
    EXPECT_EQ(as(viewer, get, "/v1/mqtt/trace?client=a").status, 403);
    EXPECT_EQ(as(engineer, post, "/v1/mqtt/kick", kick).status, 403);
    EXPECT_TRUE(broker.kicked.empty());
    EXPECT_EQ(as(operating, post, "/v1/mqtt/kick", kick).status, 200);
    EXPECT_EQ(broker.kicked.size(), 1u);
}

TEST_F(ApiBroker, shows_payloads_only_to_who_may_get_them) {
    const auto engineer = user("eve", {"engineer"});
    EXPECT_EQ(as(engineer, get, "/v1/mqtt/retained?payload=1").status, 403);
    EXPECT_EQ(as(engineer, get, "/v1/mqtt/trace?client=a&payload=1").status, 403);
    EXPECT_EQ(call(get, "/v1/mqtt/retained?payload=1").status, 200);
    EXPECT_TRUE(broker.asked.payloads);
    pass({1});
    auto stream = open("/v1/mqtt/trace?topic=t/%23&payload=1&count=1");
    EXPECT_EQ(next(*stream), R"(packet {"n":1})");
    EXPECT_TRUE(broker.traced.payloads);
    EXPECT_TRUE(has_fact("mqtt.trace", "topic 't/#'"));
}

TEST_F(ApiBroker, a_kick_leaves_a_fact_that_names_who_and_whom) {
    const auto done =
        call(post, "/v1/mqtt/kick", R"({"identity":"gw-1","client":"c1","forget":true})");
    ASSERT_EQ(done.status, 200);
    EXPECT_EQ(find_integer(json(done), "connections"), 1);
    ASSERT_EQ(broker.kicked.size(), 1u);
    EXPECT_EQ(broker.kicked[0].identity, "gw-1");
    EXPECT_EQ(broker.kicked[0].client, "c1");
    EXPECT_TRUE(broker.kicked[0].forget);
    EXPECT_TRUE(has_fact("mqtt.kick", "identity gw-1, client c1, sessions forgotten"));
    EXPECT_EQ(
        call(post, "/v1/mqtt/kick", R"({"identity":"gw-1","use_server":"hub-2:8883","moved":true})")
            .status,
        200);
    ASSERT_EQ(broker.kicked.size(), 2u);
    EXPECT_EQ(broker.kicked[1].use_server, "hub-2:8883");
    EXPECT_TRUE(broker.kicked[1].moved);
    EXPECT_TRUE(has_fact("mqtt.kick", "identity gw-1, moved to hub-2:8883"));
    EXPECT_EQ(facts().back().actor, "user:root");
}

TEST_F(ApiBroker, a_trace_streams_until_its_count_and_says_what_was_dropped) {
    pass({1, 2});
    pass({3, 4}, 17);
    auto stream = open("/v1/mqtt/trace?client=gw-1&count=3");
    ASSERT_EQ(stream->head().status, 200);
    EXPECT_EQ(broker.traced.client, "gw-1");
    EXPECT_FALSE(broker.traced.payloads);
    EXPECT_EQ(next(*stream), R"(packet {"n":1})");
    EXPECT_EQ(next(*stream), R"(packet {"n":2})");
    EXPECT_EQ(next(*stream), R"(dropped {"dropped":17})");
    EXPECT_EQ(next(*stream), R"(packet {"n":3})");
    EXPECT_EQ(next(*stream), R"(end {"because":"count","packets":3,"dropped":17})");
    EXPECT_EQ(next(*stream), "end of stream");
    EXPECT_FALSE(has_fact("mqtt.trace", ""));
}

TEST_F(ApiBroker, a_trace_ends_at_its_time) {
    broker.waits_pass = true;
    auto stream = open("/v1/mqtt/trace?client=gw-1&seconds=40");
    EXPECT_EQ(next(*stream), R"(end {"because":"time","packets":0,"dropped":0})");
}

TEST_F(ApiBroker, a_trace_ends_when_the_token_is_revoked_or_the_api_stops) {
    const auto engineer = user("eve", {"engineer"});
    auto theirs = open("/v1/mqtt/trace?client=gw-1", engineer);
    pass({1});
    EXPECT_EQ(next(*theirs), R"(packet {"n":1})");
    ASSERT_EQ(call(del, "/v1/users/eve/tokens").status, 200);
    EXPECT_EQ(next(*theirs), "end of stream");  // at once, not with the next packet
    broker.closed = false;
    auto stream = open("/v1/mqtt/trace?client=gw-1");
    api->stop();
    EXPECT_EQ(next(*stream), R"(end {"because":"stop","packets":0,"dropped":0})");
    EXPECT_EQ(broker.traces_open, 0);
}

}  // namespace
}  // namespace mw::api
