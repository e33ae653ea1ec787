#include "protocols/mqtt/authorizer.h"

#include <gtest/gtest.h>

namespace mw::mqtt {
namespace {

const Identity gateway{Identity::Kind::device, "gw-1"};

DeviceTopics rules() {
    return DeviceTopics([] {
        return std::make_shared<const ParentOf>(ParentOf{{"pump-1", "gw-1"}, {"pump-2", "gw-2"}});
    });
}

struct Permission {
    const char* topic;
    bool publish;
    bool subscribe;
};

constexpr Permission permissions[]{
    {"mw/v1/gw-1/data/main", true, false},
    {"mw/v1/gw-1/decision/m", true, false},
    {"mw/v1/gw-1/sketch/m", true, false},
    {"mw/v1/gw-1/reply/7", true, false},
    {"mw/v1/gw-1/event", true, false},
    {"mw/v1/gw-1/health", true, false},
    {"mw/v1/gw-1/reported", true, false},
    {"mw/v1/gw-1/desired", false, true},
    {"mw/v1/gw-1/command/7", false, true},
    {"mw/v1/gw-1/command/+", false, true},
    {"mw/v1/gw-1/command/#", false, false},
    {"mw/v1/gw-1/command", false, false},
    {"mw/v1/gw-1/data", false, false},
    {"mw/v1/gw-1/data/", false, false},
    {"mw/v1/gw-1/data/a/b", false, false},
    {"mw/v1/gw-1/event/x", false, false},
    {"mw/v1/gw-1/other", false, false},
    {"mw/v1/gw-1", false, false},
    {"mw/v1/gw-1/", false, false},
    {"mw/v1/gw-10/data/main", false, false},
    {"mw/v1/gw-2/data/main", false, false},
    {"mw/v1/pump-1/data/main", true, false},
    {"mw/v1/pump-1/desired", false, false},
    {"mw/v1/pump-2/data/main", false, false},
    {"mw/v2/gw-1/data/main", false, false},
    {"mw/v1/+/desired", false, false},
    {"mw/v1/#", false, false},
    {"#", false, false},
    {"x/mw/v1/gw-1/event", false, false},
    {"$SYS/#", false, false},
    {"$SYS/broker/uptime", false, false},
};

TEST(DeviceTopics, a_device_has_its_own_topics_and_its_childrens) {
    const DeviceTopics topics = rules();
    for (const Permission& row : permissions) {
        EXPECT_EQ(topics.may_publish(gateway, row.topic), row.publish) << row.topic;
        EXPECT_EQ(topics.may_subscribe(gateway, row.topic), row.subscribe) << row.topic;
    }
}

TEST(DeviceTopics, only_devices_and_services_may_anything) {
    const DeviceTopics topics = rules();
    for (auto kind : {Identity::Kind::anonymous, Identity::Kind::user}) {
        EXPECT_FALSE(topics.may_publish({kind, "gw-1"}, "mw/v1/gw-1/event"));
        EXPECT_FALSE(topics.may_subscribe({kind, "gw-1"}, "mw/v1/gw-1/desired"));
    }
    const Identity ada{Identity::Kind::user, "ada"};
    EXPECT_TRUE(topics.may_subscribe(ada, "$SYS/#"));
    EXPECT_FALSE(topics.may_subscribe(ada, "#"));
    EXPECT_FALSE(topics.may_publish(ada, "$SYS/broker/uptime"));
    EXPECT_FALSE(topics.may_subscribe({}, "$SYS/#"));
    EXPECT_FALSE(topics.may_publish({Identity::Kind::device, ""}, "mw/v1//event"));
    EXPECT_TRUE(topics.may_publish({Identity::Kind::service, "hub"}, "any/thing"));
    EXPECT_TRUE(topics.may_subscribe({Identity::Kind::service, "hub"}, "#"));
}

TEST(DeviceTopics, without_parents_a_device_has_only_itself) {
    const DeviceTopics topics;
    EXPECT_TRUE(topics.may_publish(gateway, "mw/v1/gw-1/event"));
    EXPECT_FALSE(topics.may_publish(gateway, "mw/v1/pump-1/event"));
}

}  // namespace
}  // namespace mw::mqtt
