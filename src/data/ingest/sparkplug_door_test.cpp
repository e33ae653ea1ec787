// Sparkplug edge nodes through the ingest: stored, judged, acknowledged when durable.
#include "protocols/sparkplug/sparkplug.h"

#include "data/ingest/ingest_fixture.h"
#include "protocols/sparkplug/test_payload.h"

namespace mw::ingest {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class EdgeNodeDoor : public IngestFixture {
 protected:
    EdgeNodeDoor() {
        auto rules = std::make_shared<quality::RuleSet>();
        rules->profile = "line";
        rules->signals["temp"] = {.unit = "Cel", .min = 0, .max = 100, .late_after = seconds{60}};
        facts_ = {rules, "", ""};
        ingest_->put_device("gw-1", facts_);
        declare();
    }
    void declare() {
        ingest_->set_edge_nodes(std::make_shared<const sparkplug::Addresses>(
            sparkplug::Addresses{{"gw-1", {"plant", "line", ""}}}));
    }
    Result<Ticket> say(std::string_view type, const std::string& payload,
                       mqtt::QoS qos = mqtt::QoS::at_most_once) {
        const mqtt::Identity identity{mqtt::Identity::Kind::device, "gw-1"};
        const std::string topic = "spBv1.0/plant/" + std::string(type) + "/line";
        mqtt::PublishProperties properties;
        properties.qos = qos;
        return ingest_->publish(identity, topic, sparkplug::TestPayload::from(payload), properties);
    }
    static std::string ms(std::int64_t before_ms) {
        return std::to_string(now / 1'000'000 - before_ms);
    }
    static std::int64_t ns(std::int64_t before_ms) { return now - before_ms * 1'000'000; }
};

TEST_F(EdgeNodeDoor, its_metrics_are_judged_and_stored) {
    ASSERT_TRUE(say("NBIRTH", "seq=0 t=" + ms(9) + " | temp a=1 y=10 v=20 unit=Cel").ok());
    ASSERT_TRUE(say("NDATA", "seq=1 t=" + ms(8) + " | - a=1 v=120").ok());
    // Kept for an hour, and not late; without the flag it is.
    ASSERT_TRUE(say("NDATA", "seq=2 | - a=1 v=21 hist t=" + ms(3'600'000)).ok());
    ASSERT_TRUE(say("NDATA", "seq=3 | - a=1 v=22 t=" + ms(3'000'000)).ok());
    ASSERT_TRUE(say("NDEATH", "t=1").ok());
    EXPECT_EQ(rows(),
              (std::vector<Row>{
                  {"gw-1", "temp", ns(3'600'000), 21, Quality::good(Reason::historical).code},
                  {"gw-1", "temp", ns(3'000'000), 22, Quality::uncertain(Reason::late).code},
                  {"gw-1", "temp", ns(9), 20, 192},
                  {"gw-1", "temp", ns(8), 120, Quality::bad(Reason::range).code},
                  {"gw-1", "temp", ns(0), 120, Quality::bad(Reason::stale).code},
              }));
    EXPECT_EQ(counted("points_total"), 5u);
}

TEST_F(EdgeNodeDoor, above_qos_0_it_is_acknowledged_when_durable) {
    const auto birth =
        say("NBIRTH", "seq=0 t=" + ms(9) + " | temp a=1 y=10 v=20", mqtt::QoS::at_least_once);
    ASSERT_TRUE(birth.ok());
    EXPECT_GT(*birth, ingest_->durable());
    // A gap: not held, as an answer is owed.
    const auto data = say("NDATA", "seq=5 t=" + ms(8) + " | - a=1 v=21", mqtt::QoS::at_least_once);
    ASSERT_TRUE(data.ok());
    EXPECT_GT(*data, *birth);
    wait_for(*data);
    EXPECT_THAT(rows(), SizeIs(2));
    restart_after_power_cut();
    EXPECT_THAT(rows(), SizeIs(2));
}

TEST_F(EdgeNodeDoor, what_it_cannot_read_is_a_dead_letter) {
    declare();
    const auto ticket = say("NDATA", "seq=5 | - a=1 v=21", mqtt::QoS::at_least_once);
    ASSERT_TRUE(ticket.ok());
    EXPECT_GT(*ticket, Ticket{0});
    const auto letters = letters_->list("gw-1", 10);
    ASSERT_THAT(letters, SizeIs(1));
    EXPECT_THAT(letters[0].reason, HasSubstr("no birth of this edge node"));
    EXPECT_THAT(letters[0].topic, "spBv1.0/plant/NDATA/line");
}

TEST_F(EdgeNodeDoor, nodes_that_no_device_stands_for_are_plain_mqtt) {
    const mqtt::Identity service{mqtt::Identity::Kind::service, "loopback"};
    const Bytes birth = sparkplug::TestPayload::from("seq=0 | temp a=1 y=10 v=20");
    const auto ticket = ingest_->publish(service, "spBv1.0/plant/NBIRTH/other", birth, {});
    ASSERT_TRUE(ticket.ok());
    EXPECT_EQ(*ticket, Ticket{0});
    EXPECT_THAT(rows(), SizeIs(0));
    EXPECT_EQ(counted("dead_letters_total"), 0u);
}

TEST_F(EdgeNodeDoor, after_a_restart_a_birth_is_asked_for) {
    ASSERT_TRUE(say("NBIRTH", "seq=0 | temp a=1 y=10 v=20").ok());
    close();
    open();
    declare();
    ASSERT_TRUE(say("NDATA", "seq=1 | - a=1 v=21").ok());
    EXPECT_EQ(registry_->counter("millwright_sparkplug_rebirths_asked_total", "").value(), 1u);
}

}  // namespace
}  // namespace mw::ingest
