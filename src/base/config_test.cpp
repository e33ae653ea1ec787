#include "base/config.h"

#include <gtest/gtest.h>

#include "base/schema.h"

namespace mw::config {
namespace {

struct MqttOptions {
    std::uint16_t port = 8883;
    nanoseconds keep_alive = seconds{60};
    milliseconds grace{1500};
    double ratio = 1.5;
    bool allow_anonymous = false;
    std::string mode = "strict";
    std::vector<std::string> hosts = {"localhost"};
    std::size_t queue = 1000;
};
struct TlsOptions {
    std::string certificate_file;
};

struct Fixture {
    MqttOptions mqtt;
    TlsOptions tls;
    std::vector<Section> sections;

    Fixture() {
        Section door{"mqtt", "The MQTT door"};
        door.row("port", mqtt.port,
                 {.min = 0, .max = 65535, .help = "TCP port, 0 takes a free one"})
            .row("keep_alive", mqtt.keep_alive,
                 {.min = 1, .max = 3600, .reload = true, .help = "Longest granted"})
            .row("grace", mqtt.grace, {.help = "Added to it"})
            .row("ratio", mqtt.ratio, {.help = "A ratio"})
            .row("allow_anonymous", mqtt.allow_anonymous, {.help = "Without a certificate"})
            .row("mode", mqtt.mode, {.one_of = {"strict", "lenient"}, .help = "How to judge"})
            .row("hosts", mqtt.hosts, {.min = 1, .max = 3, .help = "Names"})
            .row("queue", mqtt.queue, {.unit = "messages", .min = 10, .help = "Messages held"});
        Section security{"mqtt.tls", "Its TLS"};
        security.row("certificate_file", tls.certificate_file, {.help = "PEM"});
        sections = {std::move(door), std::move(security)};
    }
};

TEST(Config, reads_every_kind) {
    Fixture f;
    auto outcome = read(std::string_view{R"(
mqtt:
  port: 0
  keep_alive: 1m30s
  grace: 250ms
  ratio: 2
  allow_anonymous: true
  mode: lenient
  hosts: [a, b]
  queue: 20
  tls:
    certificate_file: /etc/x.pem
)"},
                        f.sections);
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(f.mqtt.port, 0);
    EXPECT_EQ(f.mqtt.keep_alive, seconds{90});
    EXPECT_EQ(f.mqtt.grace, milliseconds{250});
    EXPECT_EQ(f.mqtt.ratio, 2);
    EXPECT_TRUE(f.mqtt.allow_anonymous);
    EXPECT_EQ(f.mqtt.mode, "lenient");
    EXPECT_EQ(f.mqtt.hosts, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(f.mqtt.queue, 20u);
    EXPECT_EQ(f.tls.certificate_file, "/etc/x.pem");
}

TEST(Config, what_is_not_written_keeps_its_default) {
    Fixture f;
    for (std::string_view text : {"", "mqtt:\n", "{}", "mqtt: {port: 1}"}) {
        ASSERT_TRUE(read(text, f.sections).ok()) << text;
        EXPECT_EQ(f.mqtt.keep_alive, seconds{60});
    }
}

TEST(Config, faults_name_the_key_and_the_remedy) {
    struct Row {
        const char* text;
        const char* message;
    };
    const Row rows[] = {
        {"mqtt: {prot: 1}", "mqtt.prot: unknown key; did you mean 'mqtt.port'?"},
        {"mqt: {port: 1}", "mqt: unknown key; did you mean 'mqtt'?"},
        {"certificate_file: x",
         "certificate_file: unknown key; did you mean 'mqtt.tls.certificate_file'?"},
        {"zzzzzzz: x", "zzzzzzz: unknown key; known here: mqtt"},
        {"mqtt: 5", "mqtt: is a section; want keys under it, got 5"},
        {"mqtt: {port: 70000}", "mqtt.port: 70000 is above the maximum, 65535"},
        {"mqtt: {port: -1}", "mqtt.port: -1 is below the minimum, 0"},
        {"mqtt: {port: '1'}", "mqtt.port: want a whole number, got \"1\""},
        {"mqtt: {port: 1.5}", "mqtt.port: want a whole number, got 1.5"},
        {"mqtt: {queue: 1}", "mqtt.queue: 1 is below the minimum, 10 messages"},
        {"mqtt: {keep_alive: 90}",
         "mqtt.keep_alive: want a duration such as 250ms, 90s or 1h30m, got 90; give the unit, for "
         "example 90s"},
        {"mqtt: {keep_alive: 2h}", "mqtt.keep_alive: \"2h\" is above the maximum, 1h"},
        {"mqtt: {mode: lenent}",
         "mqtt.mode: 'lenent' is not one of strict lenient; did you mean 'lenient'?"},
        {"mqtt: {hosts: []}", "mqtt.hosts: [] is below the minimum, 1 elements"},
        {"mqtt: {hosts: [1]}", "mqtt.hosts: want a list of texts, got [1]"},
        {"[1]", "configuration: want keys and sections at the top level"},
        {"{}\n---\n{}", "configuration: want one YAML document, got several"},
    };
    for (const auto& row : rows) {
        Fixture f;
        auto outcome = read(std::string_view{row.text}, f.sections);
        ASSERT_FALSE(outcome.ok()) << row.text;
        EXPECT_EQ(outcome.error().message, row.message);
        EXPECT_EQ(outcome.error().code, Errc::invalid_input);
    }
}

TEST(Config, nothing_is_assigned_unless_all_is_right) {
    Fixture f;
    EXPECT_FALSE(read(std::string_view{"mqtt: {port: 1, queue: 0}"}, f.sections).ok());
    EXPECT_EQ(f.mqtt.port, 8883);
}

TEST(Config, its_schema_accepts_the_defaults_and_refuses_the_unknown) {
    Fixture f;
    auto compiled = Schema::compile(schema(f.sections));
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    EXPECT_TRUE(
        compiled->check(*parse_json(R"({"mqtt":{"port":1,"tls":{"certificate_file":"x"}}})")).ok());
    EXPECT_EQ(
        compiled->check(*parse_json(R"({"mqtt":{"tls":{"certificate_fle":"x"}}})")).error().message,
        "mqtt.tls.certificate_fle: unknown key 'certificate_fle'; did you mean "
        "'certificate_file'?");
}

TEST(Config, explain_is_for_people) {
    Fixture f;
    EXPECT_EQ(explain(f.sections, "mqtt.keep_alive"),
              "mqtt: The MQTT door\n"
              "  keep_alive              1m\n"
              "      Longest granted. From 1s to 1h. Takes effect on reload.\n");
    EXPECT_EQ(explain(f.sections, "mqtt.tls"),
              "mqtt.tls: Its TLS\n"
              "  certificate_file        \"\"\n"
              "      PEM.\n");
    EXPECT_NE(explain(f.sections).find("queue                   1000 messages"), std::string::npos);
}

struct Road {
    std::string to;
    std::uint16_t lanes = 2;
    std::vector<std::string> towns;
    bool operator==(const Road&) const = default;
};

std::vector<Section> roads_of(std::vector<Road>& roads) {
    Section section("net", "The net");
    section.objects("roads", roads,
                    [](Road& road) {
                        Section one("");
                        one.row("to", road.to, {.min = 1, .help = "Where it leads"})
                            .row("lanes", road.lanes, {.max = 8, .help = "Side by side"});
                        Section more("by");
                        more.row("towns", road.towns, {.help = "On the way"});
                        return std::vector<Section>{one, more};
                    },
                    {.max = 2, .help = "All roads"});
    return {section};
}

TEST(Config, reads_lists_of_objects) {
    std::vector<Road> roads;
    const auto sections = roads_of(roads);
    ASSERT_TRUE(
        read(std::string_view("net: {roads: [{to: a, by: {towns: [x]}}, {to: b, lanes: 4}]}"),
             sections)
            .ok());
    EXPECT_EQ(roads, (std::vector<Road>{{"a", 2, {"x"}}, {"b", 4, {}}}));
    ASSERT_TRUE(read(std::string_view("net: {roads: []}"), sections).ok());
    EXPECT_TRUE(roads.empty());
}

TEST(Config, refuses_objects_that_are_wrong_and_says_which) {
    const std::pair<const char*, const char*> cases[]{
        {"net: {roads: [{to: a}, {to: b, lane: 3}]}",
         "net.roads[1].lane: unknown key; did you mean 'lanes'?"},
        {"net: {roads: [{to: a, lanes: 9}]}", "net.roads[0].lanes: 9 is above the maximum, 8"},
        {"net: {roads: [{to: a}, {to: a}, {to: a}]}", "is above the maximum, 2 elements"},
        {"net: {roads: [a]}", "net.roads: want a list of objects"},
        {"net: {roads: {to: a}}", "net.roads: want a list of objects"}};
    for (const auto& [text, words] : cases) {
        std::vector<Road> roads;
        const auto outcome = read(std::string_view(text), roads_of(roads));
        ASSERT_FALSE(outcome.ok()) << text;
        EXPECT_NE(outcome.error().message.find(words), std::string::npos)
            << outcome.error().message;
        EXPECT_TRUE(roads.empty());
    }
}

TEST(Config, shows_the_keys_of_objects) {
    std::vector<Road> roads;
    const auto sections = roads_of(roads);
    const std::string text = explain(sections, "net.roads");
    EXPECT_NE(text.find("      lanes "), std::string::npos) << text;
    EXPECT_NE(text.find("    by\n"), std::string::npos) << text;
    EXPECT_NE(to_json(schema(sections)).find("\"lanes\""), std::string::npos);
}

}  // namespace
}  // namespace mw::config
