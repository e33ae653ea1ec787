// Shared subscriptions: what a conversation (tests/conformance/mqtt/shared_*) cannot show. Limits,
// the strategies with many publishers, and members that come, go and die at random under load.
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer anyone_may;
constexpr std::string_view shared_filter = "$share/g/t/#";

// A client that keeps what it was sent and answers when it is told to.
class Member {
 public:
    struct Held {
        PacketType type = PacketType::publish;  // or PUBREL
        PacketId id = 0;
        QoS qos = QoS::at_most_once;
        int number = 0;
    };

    Member(FakeWorld& world, std::string name) : world_(world), name_(std::move(name)) {}

    const std::string& name() const { return name_; }
    bool connected() const { return client_ != nullptr && !client_->wire.closed; }
    FakeClient& client() { return *client_; }

    void connect(std::uint32_t expiry_s, bool clean = false,
                 std::uint32_t receive_maximum = 65'535) {
        client_ = &world_.open(name_);
        Connect packet;
        packet.client_id = name_;
        packet.clean_start = clean;
        if (expiry_s > 0) packet.properties.set(Property::session_expiry, expiry_s);
        packet.properties.set(Property::receive_maximum, receive_maximum);
        Bytes bytes;
        encode(bytes, packet);
        client_->connection->receive(bytes);
    }
    void subscribe(std::string_view filter, QoS qos) {
        Subscribe packet;
        packet.id = 1;
        packet.filters.push_back({filter, {.qos = qos}});
        send(packet);
    }
    void unsubscribe(std::string_view filter) {
        Unsubscribe packet;
        packet.id = 1;
        packet.filters.push_back(filter);
        send(packet);
    }
    void publish(int number, QoS qos, PacketId id) {
        const std::string payload = std::to_string(number);
        Publish packet;
        packet.topic = "t/" + name_;
        const std::string topic = "t/" + name_;
        packet.topic = topic;
        packet.payload = bytes_of(payload);
        packet.qos = qos;
        packet.id = id;
        send(packet);
        if (qos != QoS::exactly_once) return;
        answer(PacketType::pubrel, id);
    }
    void disconnect() {
        Bytes bytes;
        encode(bytes, Version::v5, PacketType::disconnect, Disconnect{});
        client_->connection->receive(bytes);
    }

    // Takes what came; sees each message's number.
    void read(const std::function<void(const Held&)>& see) {
        if (client_ == nullptr) return;
        Frame frame;
        while (next_frame(ByteView(client_->wire.written).subspan(client_->read), 1 << 20, frame)
                   .ok() &&
               frame.size > 0) {
            client_->read += frame.size;
            if (frame.type == PacketType::puback) ++acknowledged;
            if (frame.type == PacketType::pubcomp) ++acknowledged;
            if (frame.type == PacketType::pubrel) {
                Ack packet;
                ASSERT_TRUE(decode(frame, Version::v5, packet).ok());
                held.push_back({PacketType::pubrel, packet.id});
            }
            if (frame.type != PacketType::publish) continue;
            Publish packet;
            ASSERT_TRUE(decode(frame, Version::v5, packet).ok());
            Held one{PacketType::publish, packet.id, packet.qos,
                     std::stoi(std::string(text_of(packet.payload)))};
            if (packet.qos != QoS::at_most_once) held.push_back(one);
            see(one);
        }
    }
    // Answers the oldest; gives what it was.
    Held answer_one() {
        const Held one = held.front();
        held.pop_front();
        if (one.type == PacketType::pubrel)
            answer(PacketType::pubcomp, one.id);
        else
            answer(one.qos == QoS::at_least_once ? PacketType::puback : PacketType::pubrec, one.id);
        return one;
    }

    std::deque<Held> held;  // not answered
    std::size_t acknowledged = 0;

 private:
    template <class Packet>
    void send(const Packet& packet) {
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        client_->connection->receive(bytes);
    }
    void answer(PacketType type, PacketId id) {
        Bytes bytes;
        encode(bytes, Version::v5, type, Ack{.id = id, .reason = {}, .properties = {}});
        client_->connection->receive(bytes);
    }

    FakeWorld& world_;
    std::string name_;
    FakeClient* client_ = nullptr;
};

void ignore_message(const Member::Held&) {}

TEST(MqttShared, members_count_as_subscriptions_and_leave_nothing_behind) {
    Limits limits;
    limits.subscriptions = 3;
    FakeWorld world(anyone_may, limits);
    std::deque<Member> members;
    for (const char* name : {"a", "b", "c", "d"}) {
        members.emplace_back(world, name).connect(0);
        members.back().subscribe(shared_filter, QoS::at_least_once);
    }
    EXPECT_EQ(world.core.metrics().subscriptions, 3u);
    EXPECT_EQ(world.core.metrics().shared_groups, 1u);
    EXPECT_EQ(world.core.metrics().subscriptions_denied, 1u);
    for (Member& member : members) member.client().connection->lost("cut");
    EXPECT_EQ(world.core.metrics().subscriptions, 0u);
    EXPECT_EQ(world.core.metrics().shared_groups, 0u);
}

TEST(MqttShared, queued_bytes_follow_the_message_to_its_next_member) {
    FakeWorld world(anyone_may);
    Member a(world, "a"), b(world, "b"), publisher(world, "p");
    publisher.connect(0);
    a.connect(100);
    a.subscribe(shared_filter, QoS::at_least_once);
    a.client().connection->lost("cut");
    for (int n = 0; n < 10; ++n) publisher.publish(n, QoS::at_least_once, 1);
    const std::uint64_t bytes = world.core.metrics().queued_bytes;
    EXPECT_GT(bytes, 0u);
    b.connect(0, true, 5);
    b.subscribe(shared_filter, QoS::at_least_once);
    EXPECT_EQ(world.core.metrics().queued_bytes, bytes / 2);
    EXPECT_EQ(world.core.metrics().shared_passed_on, 10u);
    b.client().connection->lost("cut");  // back to a, who is all that is left
    EXPECT_EQ(world.core.metrics().queued_bytes, bytes);
    world.advance(seconds{101});
    EXPECT_EQ(world.core.metrics().queued_bytes, 0u);
}

TEST(MqttShared, messages_of_one_publisher_go_to_one_member_if_asked) {
    Limits limits;
    limits.share_strategy = ShareStrategy::hash_of_publisher;
    FakeWorld world(anyone_may, limits);
    std::deque<Member> members, publishers;
    for (const char* name : {"a", "b", "c", "d"}) {
        members.emplace_back(world, name).connect(0);
        members.back().subscribe(shared_filter, QoS::at_most_once);
    }
    for (int n = 0; n < 40; ++n) publishers.emplace_back(world, "p" + std::to_string(n)).connect(0);
    auto round = [&] {  // publisher to member
        std::map<int, std::set<std::string>> got;
        for (int n = 0; n < 120; ++n)
            publishers[static_cast<std::size_t>(n % 40)].publish(n % 40, QoS::at_most_once, 0);
        for (Member& member : members)
            member.read([&](const Member::Held& one) { got[one.number].insert(member.name()); });
        return got;
    };
    const auto before = round();
    std::map<std::string, int> share;
    for (const auto& [publisher, whom] : before) {
        EXPECT_EQ(whom.size(), 1u) << publisher;
        ++share[*whom.begin()];
    }
    EXPECT_EQ(share.size(), 4u);  // everybody gets something
    // When one leaves, only what was his moves.
    members[1].client().connection->lost("cut");
    const auto after = round();
    for (const auto& [publisher, whom] : before) {
        if (*whom.begin() == "b")
            EXPECT_FALSE(after.at(publisher).contains("b"));
        else
            EXPECT_EQ(after.at(publisher), whom);
    }
}

TEST(MqttShared, an_expired_message_goes_to_nobody_else) {
    FakeWorld world(anyone_may);
    Member a(world, "a"), b(world, "b"), publisher(world, "p");
    publisher.connect(0);
    a.connect(1'000);
    a.subscribe(shared_filter, QoS::at_least_once);
    a.client().connection->lost("cut");
    Publish packet;
    packet.topic = "t/x";
    packet.qos = QoS::at_least_once;
    packet.id = 1;
    packet.properties.set(Property::message_expiry, 10);
    Bytes bytes;
    encode(bytes, Version::v5, packet);
    publisher.client().connection->receive(bytes);
    world.advance(seconds{11});
    b.connect(0);
    b.subscribe(shared_filter, QoS::at_least_once);
    a.connect(1'000);
    for (Member* member : {&a, &b})
        member->read([](const Member::Held&) { ADD_FAILURE() << "it is too late"; });
    EXPECT_EQ(world.core.metrics().queued_bytes, 0u);
    EXPECT_EQ(world.core.metrics().publishes_dropped, 1u);
    EXPECT_EQ(world.core.metrics().shared_passed_on, 0u);
}

// As long as nobody leaves, each member sees each publisher's messages in their order, and nobody
// sees one twice, whatever the strategy, the windows, and the pace of answers.
TEST(MqttShared, keeps_the_order_of_each_publisher_within_a_member) {
    for (const auto strategy : {ShareStrategy::round_robin, ShareStrategy::least_inflight,
                                ShareStrategy::hash_of_publisher}) {
        Limits limits;
        limits.share_strategy = strategy;
        FakeWorld world(anyone_may, limits);
        SeededRandom random(11);
        std::deque<Member> members, publishers;
        for (std::uint32_t window : {1u, 3u, 10u, 65'535u}) {
            members.emplace_back(world, "m" + std::to_string(window)).connect(0, true, window);
            members.back().subscribe(shared_filter, QoS::exactly_once);
        }
        for (int n = 0; n < 3; ++n)
            publishers.emplace_back(world, "p" + std::to_string(n)).connect(0);
        std::map<std::string, std::map<int, int>> last;  // member, publisher: number
        std::set<int> seen;
        constexpr int count = 3'000;
        for (int n = 0; n < count || seen.size() < count; ++n) {
            const int from = static_cast<int>(random.below(3));
            const auto qos = static_cast<QoS>(1 + random.below(2));
            if (n < count) publishers[static_cast<std::size_t>(from)].publish(n * 3 + from, qos, 1);
            ASSERT_LT(n, 4 * count) << "somebody has stopped getting any";
            for (Member& member : members) {
                member.read([&](const Member::Held& one) {
                    EXPECT_TRUE(seen.insert(one.number).second) << one.number << " twice";
                    int& before = last[member.name()].try_emplace(one.number % 3, -1).first->second;
                    EXPECT_GT(one.number, before) << member.name();
                    before = one.number;
                });
                for (auto left = random.below(4); left > 0 && !member.held.empty(); --left)
                    member.answer_one();
            }
        }
        EXPECT_EQ(last.size(), strategy == ShareStrategy::hash_of_publisher ? 3u : 4u);
        EXPECT_EQ(world.core.metrics().shared_passed_on, 0u);
    }
}

// Members that join, leave and die at random while messages come. One session is never gone for
// long, so that the group lives; with it alone everything has to arrive.
class Churn {
 public:
    Churn(std::uint64_t seed, QoS qos, ShareStrategy strategy)
        : qos_(qos), world_(anyone_may, limits(strategy)), random_(seed), publisher_(world_, "p") {
        publisher_.connect(0);
        for (const char* name : {"anchor", "b", "c", "d", "e", "f"})
            members_.emplace_back(world_, name);
        enter(members_[0]);
    }

    void run(int steps) {
        for (int n = 0; n < steps && !testing::Test::HasFailure(); ++n) {
            step();
            look();
        }
    }
    // Everybody who is away stays away until his session has ended; the others answer everything.
    void come_to_rest() {
        if (!members_[0].connected()) enter(members_[0]);
        unstick();
        world_.advance(seconds{longest_s + 1});
        std::size_t before = 0;
        do {
            before = answered_.size() + taken_.size();
            look();
            for (Member& member : members_)
                while (member.connected() && !member.held.empty()) answer(member), look();
        } while (answered_.size() + taken_.size() != before);
    }
    void check_at_least_once() {
        publisher_.read(ignore_message);
        EXPECT_EQ(publisher_.acknowledged, static_cast<std::size_t>(published_));
        for (int n = 0; n < published_; ++n) EXPECT_TRUE(answered_.contains(n)) << n << " is lost";
        EXPECT_EQ(world_.core.metrics().queue_overflows, 0u);
        EXPECT_EQ(world_.core.metrics().queued_bytes, 0u);
    }
    // What was sent to a member whose session ended is lost by the standard; nothing else is.
    void check_exactly_once() {
        for (int n = 0; n < published_; ++n)
            EXPECT_TRUE(answered_.contains(n) || first_owner_.contains(n)) << n << " is lost";
        EXPECT_EQ(world_.core.metrics().queue_overflows, 0u);
    }
    std::uint64_t passed_on() { return world_.core.metrics().shared_passed_on; }
    std::size_t answered() const { return answered_.size(); }
    int published() const { return published_; }

 private:
    static constexpr std::uint32_t longest_s = 20;

    static Limits limits(ShareStrategy strategy) {
        Limits limits;
        limits.share_strategy = strategy;
        limits.outbox_bytes = 400;
        return limits;
    }
    Member& anybody() { return members_[random_.below(members_.size())]; }

    void enter(Member& member) {
        const bool anchor = &member == &members_[0];
        const std::uint32_t expiry = anchor ? 1'000'000'000
                                     : random_.below(2) == 0
                                         ? 0
                                         : static_cast<std::uint32_t>(1 + random_.below(longest_s));
        const std::uint32_t window =
            random_.below(2) == 0 ? static_cast<std::uint32_t>(1 + random_.below(5)) : 65'535u;
        leave_all(member);
        member.connect(expiry, !anchor && random_.below(4) == 0, window);
        if (anchor || random_.below(4) != 0) member.subscribe(shared_filter, qos_);
    }
    // What it held and did not answer is no more in its hands.
    void leave_all(Member& member) {
        for (const Member::Held& one : member.held) {
            const auto found = holder_.find(one.number);
            if (found != holder_.end() && found->second == &member) holder_.erase(found);
        }
        member.held.clear();
    }

    void step() {
        Member& member = anybody();
        switch (random_.below(12)) {
            case 0:
            case 1:
                enter(member);  // a takeover, if it is there
                break;
            case 2:
                if (!member.connected()) break;
                member.disconnect();
                leave_all(member);
                break;
            case 3:
                if (!member.connected()) break;
                member.client().connection->lost("cut");
                leave_all(member);
                break;
            case 4:
                if (member.connected() && &member != &members_[0])
                    member.unsubscribe(shared_filter);
                break;
            case 5:
                if (member.connected()) member.subscribe(shared_filter, qos_);
                break;
            case 6:
                if (random_.below(4) == 0) world_.advance(seconds{1 + random_.below(6)});
                break;
            case 7:
                if (member.connected()) member.client().wire.stuck = true;
                break;
            case 8:
                unstick();
                break;
            default:
                for (auto count = random_.below(6); count > 0; --count) {
                    publisher_.publish(published_++, qos_, 1);
                    look();
                }
        }
        for (auto count = random_.below(8); count > 0; --count) {
            Member& ready = anybody();
            if (ready.connected() && !ready.held.empty()) answer(ready);
        }
    }
    void unstick() {
        for (Member& member : members_) {
            if (!member.connected() || !std::exchange(member.client().wire.stuck, false)) continue;
            member.client().connection->drained();
            world_.core.settle();
        }
    }

    void look() {
        for (Member& member : members_) {
            member.read([&](const Member::Held& one) {
                if (!member.connected()) return;
                const auto [held, free] = holder_.try_emplace(one.number, &member);
                EXPECT_TRUE(free || held->second == &member)
                    << one.number << " came to " << member.name() << " while "
                    << held->second->name() << " holds it";
                if (qos_ != QoS::exactly_once) return;
                const std::string& owner =
                    first_owner_.try_emplace(one.number, member.name()).first->second;
                EXPECT_EQ(owner, member.name()) << one.number;
                EXPECT_FALSE(taken_.contains(one.number)) << one.number << " again after PUBREC";
            });
            if (!member.connected()) leave_all(member);
        }
    }
    void answer(Member& member) {
        const Member::Held one = member.answer_one();
        if (one.type == PacketType::pubrel) return;
        if (one.qos == QoS::exactly_once) taken_.insert(one.number);
        answered_.insert(one.number);
        holder_.erase(one.number);
    }

    QoS qos_;
    FakeWorld world_;
    SeededRandom random_;
    Member publisher_;
    std::deque<Member> members_;
    int published_ = 0;
    std::map<int, Member*> holder_;
    std::set<int> answered_;
    std::set<int> taken_;
    std::map<int, std::string> first_owner_;
};

class MqttSharedChurn : public testing::TestWithParam<int> {
 protected:
    static ShareStrategy strategy() { return static_cast<ShareStrategy>(GetParam() % 3); }
    log::Capture quiet_;
};

TEST_P(MqttSharedChurn, loses_nothing_at_qos_1) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    Churn churn(static_cast<std::uint64_t>(GetParam()), QoS::at_least_once, strategy());
    churn.run(4'000);
    churn.come_to_rest();
    churn.check_at_least_once();
    EXPECT_GT(churn.passed_on(), 100u);
}

TEST_P(MqttSharedChurn, sends_nothing_to_two_at_qos_2) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    Churn churn(static_cast<std::uint64_t>(GetParam()), QoS::exactly_once, strategy());
    churn.run(2'000);
    churn.come_to_rest();
    churn.check_exactly_once();
    EXPECT_GT(churn.answered() * 2, static_cast<std::size_t>(churn.published()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, MqttSharedChurn, testing::Range(1, 13));

}  // namespace
}  // namespace mw::mqtt
