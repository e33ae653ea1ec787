#include "protocols/sparkplug/topic.h"

#include <gtest/gtest.h>

#include "protocols/sparkplug/edge_topics.h"

namespace mw::sparkplug {
namespace {

TEST(SparkplugTopic, has_a_device_where_its_type_says_so) {
    struct Row {
        const char* text;
        bool good;
    };
    const Row rows[] = {
        {"spBv1.0/g/NBIRTH/n", true},
        {"spBv1.0/g/NDEATH/n", true},
        {"spBv1.0/g/NDATA/n", true},
        {"spBv1.0/g/NCMD/n", true},
        {"spBv1.0/g/DBIRTH/n/d", true},
        {"spBv1.0/g/DDEATH/n/d", true},
        {"spBv1.0/g/DDATA/n/d", true},
        {"spBv1.0/g/DCMD/n/d", true},
        {"spBv1.0/a b/NDATA/n 1", true},
        {"spBv1.0/g/NDATA/n/d", false},
        {"spBv1.0/g/DDATA/n", false},
        {"spBv1.0/g/DDATA/n/", false},
        {"spBv1.0/g/DDATA/n/d/e", false},
        {"spBv1.0/g/NDATA/n/", false},
        {"spBv1.0//NDATA/n", false},
        {"spBv1.0/g/NDATA/", false},
        {"spBv1.0/g/NDATA", false},
        {"spBv1.0/g", false},
        {"spBv1.0/", false},
        {"spBv1.0", false},
        {"spBv1.0/g/ndata/n", false},
        {"spBv1.0/STATE/host", false},
        {"spAv1.0/g/NDATA/n", false},
        {"", false},
    };
    for (const Row& row : rows) EXPECT_EQ(parse_topic(row.text).has_value(), row.good) << row.text;
    const auto topic = parse_topic("spBv1.0/g/DDATA/n/d");
    EXPECT_EQ(topic->type, MessageType::device_data);
    EXPECT_EQ(topic->group, "g");
    EXPECT_EQ(topic->node, "n");
    EXPECT_EQ(topic->device, "d");
    EXPECT_EQ(command_topic("g", "n"), "spBv1.0/g/NCMD/n");
    EXPECT_EQ(state_topic("h"), "spBv1.0/STATE/h");
}

struct Permission {
    const char* topic;
    bool publish;
    bool subscribe;
};

constexpr Permission permissions[]{
    {"spBv1.0/plant/NBIRTH/line", true, false},
    {"spBv1.0/plant/NDEATH/line", true, false},
    {"spBv1.0/plant/NDATA/line", true, false},
    {"spBv1.0/plant/DBIRTH/line/pump", true, false},
    {"spBv1.0/plant/DDEATH/line/pump", true, false},
    {"spBv1.0/plant/DDATA/line/pump", true, false},
    {"spBv1.0/plant/DDATA/line", false, false},
    {"spBv1.0/plant/NDATA/line/pump", false, false},
    {"spBv1.0/plant/NCMD/line", false, true},
    {"spBv1.0/plant/NCMD/line/#", false, true},
    {"spBv1.0/plant/NCMD/line/+", false, false},
    {"spBv1.0/plant/DCMD/line/#", false, true},
    {"spBv1.0/plant/DCMD/line/+", false, true},
    {"spBv1.0/plant/DCMD/line/pump", false, true},
    {"spBv1.0/plant/DCMD/line", false, false},
    {"spBv1.0/plant/DCMD/line/pump/#", false, false},
    {"spBv1.0/plant/NCMD/line-2", false, false},
    {"spBv1.0/plant/NCMD/+", false, false},
    {"spBv1.0/plant/NCMD/#", false, false},
    {"spBv1.0/plant/+/line", false, false},
    {"spBv1.0/+/NCMD/line", false, false},
    {"spBv1.0/plant/#", false, false},
    {"spBv1.0/#", false, false},
    {"#", false, false},
    {"spBv1.0/STATE/millwright", false, true},
    {"spBv1.0/STATE/+", false, true},
    {"spBv1.0/STATE/#", false, true},
    {"spBv1.0/STATE/a/b", false, false},
    {"spBv1.0/STATE/", false, false},
    {"spBv1.0/plant/NBIRTH/line-2", false, false},
    {"spBv1.0/plant-2/NBIRTH/line", false, false},
    {"spBv1.0/plant/NDATA/line/", false, false},
    {"mw/v1/gw/event", false, false},
};

TEST(EdgeTopics, an_edge_node_has_its_own_topics_and_no_others) {
    const auto addresses = std::make_shared<const Addresses>(
        Addresses{{"gw", {"plant", "line", ""}}, {"pump-1", {"plant", "line", "pump"}}});
    const EdgeTopics topics([&] { return addresses; });
    using Kind = mqtt::Identity::Kind;
    for (const Permission& row : permissions) {
        EXPECT_EQ(topics.may_publish({Kind::device, "gw"}, row.topic), row.publish) << row.topic;
        EXPECT_EQ(topics.may_subscribe({Kind::device, "gw"}, row.topic), row.subscribe)
            << row.topic;
        // The device behind it, another one, a user: nothing.
        for (const mqtt::Identity& other : {mqtt::Identity{Kind::device, "pump-1"},
                                            {Kind::device, "gw-2"},
                                            {Kind::user, "gw"},
                                            {Kind::anonymous, ""}}) {
            EXPECT_FALSE(topics.may_publish(other, row.topic)) << row.topic;
            EXPECT_FALSE(topics.may_subscribe(other, row.topic)) << row.topic;
        }
        EXPECT_TRUE(topics.may_publish({Kind::service, "hub"}, row.topic));
        EXPECT_TRUE(topics.may_subscribe({Kind::service, "hub"}, row.topic));
    }
    const EdgeTopics none([] { return AddressSnapshot{}; });
    EXPECT_FALSE(none.may_publish({Kind::device, "gw"}, "spBv1.0/plant/NDATA/line"));
}

}  // namespace
}  // namespace mw::sparkplug
