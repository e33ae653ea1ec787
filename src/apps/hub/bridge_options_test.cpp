#include "apps/hub/bridge_options.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "apps/hub/hub_options.h"

namespace mw::hub {
namespace {

Result<> read_bridges(const std::string& bridges, HubOptions& options) {
    const std::string text = "mqtt: {bridges: [" + bridges + "]}";
    TRY_VOID(config::read(std::string_view(text), describe(options)));
    return check(options.bridges);
}

const std::string plant_topics = "topics: [{filter: a/#, direction: in, local_prefix: plant/}]";

TEST(HubBridges, are_read_with_their_defaults) {
    HubOptions options;
    ASSERT_TRUE(read_bridges("{name: plant, host: localhost, " + plant_topics + "}", options).ok());
    ASSERT_EQ(options.bridges.size(), 1u);
    files::RealFiles files;
    const auto bridge = bridge_options(options.bridges[0], files, "/nowhere", "0123456789abcdef");
    ASSERT_TRUE(bridge.ok()) << bridge.error().message;
    EXPECT_EQ(bridge->port, 1883);
    EXPECT_EQ(bridge->client_id, "mw-01234567-plant");
    EXPECT_EQ(bridge->version, mqtt::Version::v5);
    EXPECT_FALSE(bridge->tls);
    ASSERT_EQ(bridge->topics.size(), 1u);
    EXPECT_EQ(bridge->topics[0].direction, mqtt::BridgeDirection::in);
    EXPECT_EQ(bridge->topics[0].qos, mqtt::QoS::at_least_once);
    EXPECT_EQ(bridge->topics[0].local_prefix, "plant/");
}

TEST(HubBridges, that_are_wrong_are_refused_with_place_and_remedy) {
    const std::string good = "{name: plant, host: localhost, " + plant_topics + "}";
    const std::pair<std::string, const char*> cases[]{
        {good + ", " + good, "mqtt.bridges[1].name: 'plant' is taken"},
        {"{name: Plant, host: localhost, " + plant_topics + "}", "bridges[0].name: want one"},
        {"{name: plant, " + plant_topics + "}", "bridges[0].host: want"},
        {"{name: plant, host: broker.example, " + plant_topics + "}", "insecure: true"},
        {"{name: plant, host: broker.example, tls: {cert_file: a}, " + plant_topics + "}",
         "tls.key_file"},
        {"{name: plant, host: x, insecure: true, tls: {ca_file: a}, " + plant_topics + "}",
         "bridges[0].insecure"},
        {"{name: plant, host: localhost, password_file: a, " + plant_topics + "}",
         "bridges[0].user"},
        {"{name: plant, host: localhost, topics: []}", "bridges[0].topics"},
        {"{name: plant, host: localhost}", "bridges[0].topics"},
        {"{name: plant, host: localhost, topics: [{filter: a/#/b}]}", "topics[0].filter"},
        {"{name: plant, host: localhost, topics: [{filter: a, qos: 3}]}", "topics[0].qos: 3"},
        {"{name: plant, host: localhost, topics: [{filter: a, direction: up}]}",
         "'up' is not one of in out both"},
        {"{name: plant, hots: localhost, " + plant_topics + "}", "did you mean 'host'?"}};
    for (const auto& [text, words] : cases) {
        HubOptions options;
        const auto outcome = read_bridges(text, options);
        ASSERT_FALSE(outcome.ok()) << text;
        EXPECT_NE(outcome.error().message.find(words), std::string::npos)
            << outcome.error().message;
    }
}

TEST(HubBridges, a_password_that_others_may_read_is_refused) {
    const auto folder = files::TemporaryDirectory::make().value();
    files::RealFiles files;
    BridgeConfig bridge;
    bridge.name = "plant";
    bridge.host = "localhost";
    bridge.user = "hub";
    bridge.password_file = "plant.password";
    bridge.topics.emplace_back().filter = "a/#";
    const std::string path = files::join(folder.path(), "plant.password");
    ASSERT_TRUE(files::atomic_replace(files, path, bytes_of("secret\n"), 0600).ok());
    const auto mine = bridge_options(bridge, files, folder.path(), "id");
    ASSERT_TRUE(mine.ok()) << mine.error().message;
    EXPECT_EQ(mine->password, "secret");
    std::filesystem::permissions(path, std::filesystem::perms::group_read,
                                 std::filesystem::perm_options::add);
    const auto shared = bridge_options(bridge, files, folder.path(), "id");
    ASSERT_FALSE(shared.ok());
    EXPECT_EQ(shared.error().code, Errc::denied);
    EXPECT_NE(shared.error().message.find("chmod 600"), std::string::npos);
    bridge.password_file = "none";
    EXPECT_FALSE(bridge_options(bridge, files, folder.path(), "id").ok());
    bridge.password_file.clear();
    bridge.ca_file = "none.pem";
    EXPECT_FALSE(bridge_options(bridge, files, folder.path(), "id").ok());
}

}  // namespace
}  // namespace mw::hub
