// Wills when the broker stops (MQTT-3.1.2-8): one in the journal waits for the next start, and any
// other is sent before the end.
#include <gtest/gtest.h>

#include <optional>

#include "base/log.h"
#include "protocols/mqtt/journal_life.h"

namespace mw::mqtt::survival {
namespace {

struct Dying {  // a client with a will on will/NAME
    std::string name;
    std::uint32_t expiry_s = 0;
    std::uint32_t will_delay_s = 0;
};

class WillSurvival : public testing::Test {
 protected:
    WillSurvival() { start(); }
    void start() {
        life_.emplace(folder_.path(), 1);
        ASSERT_TRUE(life_->start(folder_.path()));
    }
    void stop() {
        life_->core->shut_down();
        life_->core->tick();
        flush();
    }
    void flush() { ASSERT_TRUE(sync_wait(*life_->loop, life_->journal->flush())); }

    FakeClient& enter(const std::string& name, std::uint32_t expiry_s,
                      const std::optional<WillView>& will = std::nullopt) {
        FakeClient& client = life_->connect(name);
        Connect packet;
        packet.client_id = name;
        packet.clean_start = false;
        packet.properties.set(Property::session_expiry, expiry_s);
        packet.will = will;
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    void enter(const Dying& dying) {
        const std::string topic = "will/" + dying.name;
        WillView will;
        will.topic = topic;
        will.qos = QoS::at_least_once;
        will.properties.set(Property::will_delay, dying.will_delay_s);
        enter(dying.name, dying.expiry_s, will);
    }
    FakeClient& witness() {
        FakeClient& client = enter("witness", 100'000);
        subscribe(client, "will/#");
        flush();
        return client;
    }
    // What it was sent since it was asked last, and acknowledges; a DISCONNECT is "bye".
    std::vector<std::string> heard(FakeClient& client) {
        std::vector<std::string> topics;
        Frame frame;
        while (
            next_frame(ByteView(client.wire.written).subspan(client.read), 1 << 20, frame).ok() &&
            frame.size > 0) {
            client.read += frame.size;
            if (frame.type == PacketType::disconnect) topics.push_back("bye");
            Publish packet;
            if (frame.type != PacketType::publish) continue;
            EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
            topics.emplace_back(packet.topic);
            Bytes bytes;
            encode_puback(bytes, packet.id);
            client.connection->receive(bytes);
            return add(topics, heard(client));
        }
        return topics;
    }
    static std::vector<std::string> add(std::vector<std::string> to,
                                        const std::vector<std::string>& more) {
        to.insert(to.end(), more.begin(), more.end());
        return to;
    }
    using Topics = std::vector<std::string>;

    log::Capture quiet_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    std::optional<Life> life_;
};

TEST_F(WillSurvival, a_will_that_nothing_keeps_is_sent_before_the_end) {
    FakeClient& all = witness();
    enter({.name = "a"});
    EXPECT_EQ(heard(all), Topics{});
    stop();
    EXPECT_EQ(heard(all), (Topics{"will/a", "bye"}));
    life_.reset();
    start();
    life_->core->tick();
    EXPECT_EQ(heard(witness()), Topics{"will/a"});  // its PUBACK came too late
}

TEST_F(WillSurvival, a_will_of_a_lasting_session_waits_for_the_next_start) {
    FakeClient& all = witness();
    enter({.name = "a", .expiry_s = 1'000});
    enter({.name = "b", .expiry_s = 1'000, .will_delay_s = 900});
    stop();
    EXPECT_EQ(heard(all), Topics{"bye"});
    life_.reset();
    start();
    FakeClient& again = witness();
    EXPECT_EQ(heard(again), Topics{});
    life_->core->tick();
    EXPECT_EQ(heard(again), Topics{"will/a"});  // the delay of b counts from here
    life_->core->tick();
    EXPECT_EQ(heard(again), Topics{});
}

TEST_F(WillSurvival, who_comes_back_within_the_delay_leaves_no_will) {
    enter({.name = "a", .expiry_s = 1'000});
    enter({.name = "b", .expiry_s = 1'000, .will_delay_s = 900});
    stop();
    life_.reset();
    start();
    FakeClient& all = witness();
    enter("a", 1'000);  // before the first tick, and too late all the same
    enter("b", 1'000);
    EXPECT_EQ(heard(all), Topics{"will/a"});
    life_->core->tick();
    EXPECT_EQ(heard(all), Topics{});
}

}  // namespace
}  // namespace mw::mqtt::survival
