#include "device/agent/renewal.h"

#include <gtest/gtest.h>

#include <set>

#include "base/log.h"
#include "platform/crypto/crypto_samples.h"
#include "platform/files/faulty_files.h"

namespace mw::agent {
namespace {

namespace samples = crypto::samples;
constexpr nanoseconds renewal_day = samples::day;

TEST(RenewalDue, lies_between_half_and_two_thirds_and_spreads_a_fleet) {
    samples::Authority authority;
    const auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    std::set<std::int64_t> days;
    for (int i = 0; i < 200; ++i) {
        const auto certificate = authority.device("gw-" + std::to_string(i), key);
        const nanoseconds life = certificate.not_after - certificate.not_before;
        const nanoseconds age = renewal_due(certificate) - certificate.not_before;
        ASSERT_GE(age, life / 2);
        ASSERT_LE(age, life / 3 * 2 + seconds{1});
        EXPECT_EQ(renewal_due(certificate), renewal_due(certificate));
        days.insert(age / renewal_day);
    }
    EXPECT_GE(days.size(), 12u);  // of the fifteen that there are
}

class RenewalTest : public testing::Test {
 protected:
    RenewalTest() {
        own_.set_wall(samples::now);
        EXPECT_TRUE(save_identity(files_, folder_, DeviceId{"gw-1"}, "https://hub:8444", key_,
                                  enrolled(key_))
                        .ok());
        EXPECT_EQ(folder_store_.write("factory.key", factory_key_.to_pem()), factory_.key);
        EXPECT_EQ(folder_store_.write("factory.pem",
                                      crypto::to_pem(authority_.device("maker", factory_key_))),
                  factory_.certificate);
        restart();
        clock_.hear(samples::now);
    }
    est::Enrolled enrolled(const crypto::PrivateKey& key) {
        auto order = samples::Authority::order(crypto::Profile::device, "gw-1", 90);
        order.not_before = clock_.is_known() ? clock_.now() : samples::now;
        order.not_after = order.not_before + 90 * renewal_day;
        return {*crypto::issue(order, key.public_key().spki(),
                               {authority_.issuing, authority_.issuing_key}, authority_.random),
                {authority_.issuing},
                authority_.root};
    }
    void restart() {
        identity_ = *load_identity(files_, folder_);
        used_.clear();
        renewal_.emplace(Renewal::Parts{
            files_, nullptr, random_, clock_, folder_, identity_,
            [this](est::RenewOptions options, crypto::PrivateKey key) {
                return ask(std::move(options), std::move(key));
            },
            [this](const KeyAndChain& pair) { used_.push_back(pair.certificate.serial); },
            [this] { ++reconnects_; }, []() -> Task<> { co_return Result<>{}; }});
    }
    Task<est::Enrolled> ask(est::RenewOptions options, crypto::PrivateKey key) {
        asked_.push_back({options.chain_pem, key.to_pem()});
        if (hub_says_) co_return *hub_says_;
        co_return enrolled(key);
    }
    Result<> step() { return sync_wait(*loop_, renewal_->step()); }
    std::string serial() const { return identity_.current.certificate.serial; }
    std::string next_serial() const { return identity_.next->certificate.serial; }

    struct Asked {
        std::string chain, key;
    };
    log::Capture log_;
    samples::Authority authority_;
    samples::Folder folder_store_;
    std::string folder_ = std::filesystem::path(folder_store_.write("x", "")).parent_path();
    FactoryFiles factory_{folder_ + "/factory.pem", folder_ + "/factory.key"};
    crypto::PrivateKey key_ = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    crypto::PrivateKey factory_key_ = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    files::RealFiles files_;
    SimulatedClock own_;
    HubClock clock_{own_};
    SeededRandom random_{7};
    std::unique_ptr<Loop> loop_ = *Loop::open({});
    AgentIdentity identity_;
    std::vector<Asked> asked_;
    std::vector<std::string> used_;
    int reconnects_ = 0;
    std::optional<Error> hub_says_;
    std::optional<Renewal> renewal_;
};

TEST_F(RenewalTest, asks_when_it_is_due_tries_the_new_one_and_then_keeps_it) {
    own_.advance(44 * renewal_day);
    ASSERT_TRUE(step().ok());
    EXPECT_TRUE(asked_.empty());
    own_.advance(17 * renewal_day);
    const std::string old = serial();
    ASSERT_TRUE(step().ok());
    ASSERT_EQ(asked_.size(), 1u);
    EXPECT_EQ(asked_[0].chain, identity_.current.chain_pem);
    EXPECT_NE(asked_[0].key, identity_.current.key_pem);  // a new key each time
    ASSERT_TRUE(identity_.next);
    EXPECT_EQ(used_, std::vector{next_serial()});
    EXPECT_EQ(reconnects_, 1);
    EXPECT_EQ(serial(), old);
    EXPECT_EQ(load_identity(files_, folder_)->current.certificate.serial, old);
    // Nothing has worked yet: it neither asks again nor lets go of the old one.
    ASSERT_TRUE(step().ok());
    EXPECT_EQ(asked_.size(), 1u);
    const std::string fresh = next_serial();
    renewal_->connected(fresh);
    ASSERT_TRUE(step().ok());
    EXPECT_EQ(serial(), fresh);
    EXPECT_FALSE(identity_.next);
    restart();
    EXPECT_EQ(serial(), fresh);
    EXPECT_FALSE(identity_.next);
    EXPECT_TRUE(used_.empty());
}

TEST_F(RenewalTest, only_the_hubs_time_counts) {
    HubClock silent{own_};
    clock_ = silent;
    own_.set_wall(samples::now + 3650 * renewal_day);
    ASSERT_TRUE(step().ok());
    EXPECT_TRUE(asked_.empty());  // the hub has not said what time it is
    clock_.hear(samples::now + renewal_day);
    ASSERT_TRUE(step().ok());
    EXPECT_TRUE(asked_.empty());
    own_.set_wall(samples::now - 3650 * renewal_day);  // a jump of twenty years: nothing happens
    ASSERT_TRUE(step().ok());
    EXPECT_TRUE(asked_.empty());
    own_.advance(61 * renewal_day);
    ASSERT_TRUE(step().ok());
    EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(RenewalTest, goes_back_to_the_old_one_when_the_new_one_is_refused) {
    own_.advance(61 * renewal_day);
    ASSERT_TRUE(step().ok());
    const std::string old = serial(), fresh = next_serial();
    renewal_->failed();  // with the new one
    renewal_->failed();  // with the old one: the hub is away
    renewal_->failed();  // with the new one
    EXPECT_EQ(used_, (std::vector{fresh, old, fresh, old}));
    ASSERT_TRUE(step().ok());
    EXPECT_TRUE(identity_.next);  // not given up while nothing works
    renewal_->connected(old);
    ASSERT_TRUE(step().ok());
    EXPECT_FALSE(identity_.next);
    EXPECT_EQ(serial(), old);
    EXPECT_EQ(asked_.size(), 1u);  // and not at once again
    own_.advance(hours{1});
    ASSERT_TRUE(step().ok());
    EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(RenewalTest, a_session_of_the_old_one_that_crossed_its_way_proves_nothing) {
    own_.advance(61 * renewal_day);
    ASSERT_TRUE(step().ok());
    const std::string fresh = next_serial();
    renewal_->connected(serial());
    ASSERT_TRUE(step().ok());
    ASSERT_TRUE(identity_.next);
    EXPECT_EQ(next_serial(), fresh);
    EXPECT_EQ(reconnects_, 2);
}

TEST_F(RenewalTest, keeps_its_key_when_the_answer_is_lost_and_asks_less_and_less_often) {
    own_.advance(61 * renewal_day);
    hub_says_ = Error{Errc::timed_out, "nothing came"};
    EXPECT_FALSE(step().ok());
    EXPECT_TRUE(step().ok());  // not yet
    ASSERT_EQ(asked_.size(), 1u);
    for (int i = 0; i < 600; ++i) {
        own_.advance(minutes{1});
        ignore(step(), "the hub refuses");
    }
    EXPECT_GE(asked_.size(), 12u);  // ten hours, at most one an hour in the end
    EXPECT_LE(asked_.size(), 30u);
    for (const auto& each : asked_) EXPECT_EQ(each.key, asked_[0].key);
    restart();
    hub_says_.reset();
    own_.advance(hours{1});
    ASSERT_TRUE(step().ok());
    EXPECT_EQ(asked_.back().key, asked_[0].key);
}

TEST_F(RenewalTest, after_the_end_only_the_factory_certificate_helps) {
    own_.advance(200 * renewal_day);
    ASSERT_TRUE(step().ok());
    EXPECT_TRUE(asked_.empty());
    ASSERT_FALSE(log_.lines().empty());
    EXPECT_NE(log_.lines().back().find("millwright device readmit gw-1"), std::string::npos);
    identity_.factory = factory_;
    ASSERT_TRUE(step().ok());
    ASSERT_EQ(asked_.size(), 1u);
    EXPECT_EQ(asked_[0].chain, folder_store_.read("factory.pem"));
    EXPECT_EQ(asked_[0].key, identity_.current.key_pem);
    renewal_->connected(next_serial());
    ASSERT_TRUE(step().ok());
    restart();
    own_.advance(61 * renewal_day);
    ASSERT_TRUE(step().ok());  // and then as always, with a new key
    EXPECT_EQ(asked_[1].chain, identity_.current.chain_pem);
    EXPECT_NE(asked_[1].key, identity_.current.key_pem);
}

// The next one came, the hub went away, and came back when both had ended.
TEST_F(RenewalTest, after_the_end_of_both_either_key_proves_who_it_is) {
    identity_.factory = factory_;
    for (const bool hub_knows_the_next : {true, false}) {
        asked_.clear();
        own_.advance(61 * renewal_day);
        ASSERT_TRUE(step().ok());
        const std::string next_key = identity_.next->key_pem, old_key = identity_.current.key_pem;
        own_.advance(20 * renewal_day);
        renewal_->failed();
        ASSERT_TRUE(step().ok());
        EXPECT_EQ(asked_.size(), 1u);  // the old one counts still
        own_.advance(71 * renewal_day);
        renewal_->failed();
        if (!hub_knows_the_next) hub_says_ = Error{Errc::denied, "who is that?"};
        EXPECT_EQ(step().ok(), hub_knows_the_next);
        ASSERT_EQ(asked_.size(), 2u);
        EXPECT_EQ(asked_[1].chain, folder_store_.read("factory.pem"));
        EXPECT_EQ(asked_[1].key, next_key);
        hub_says_.reset();
        if (!hub_knows_the_next) {
            own_.advance(hours{2});
            ASSERT_TRUE(step().ok());
            ASSERT_EQ(asked_.size(), 3u);
            EXPECT_EQ(asked_[2].key, old_key);
        }
        EXPECT_EQ(load_identity(files_, folder_)->next->certificate.serial, next_serial());
        const std::string fresh = next_serial();
        renewal_->connected(fresh);
        ASSERT_TRUE(step().ok());
        EXPECT_EQ(serial(), fresh);
    }
}

TEST_F(RenewalTest, a_restart_goes_on_trying_the_new_one) {
    own_.advance(61 * renewal_day);
    ASSERT_TRUE(step().ok());
    const std::string fresh = next_serial();
    restart();
    EXPECT_EQ(used_, std::vector{fresh});
    renewal_->connected(fresh);
    ASSERT_TRUE(step().ok());
    EXPECT_EQ(serial(), fresh);
}

TEST_F(RenewalTest, a_power_cut_at_any_call_leaves_a_whole_pair) {
    const std::string old = serial();
    own_.advance(61 * renewal_day);
    const auto next_pair = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    const auto next = enrolled(next_pair);
    int finished = 0;
    for (std::uint64_t call = 1; finished == 0 && call < 100; ++call) {
        ASSERT_TRUE(drop_next(files_, folder_).ok());
        ASSERT_TRUE(
            save_identity(files_, folder_, DeviceId{"gw-1"}, "https://hub:8444", key_,
                          {identity_.current.certificate, {authority_.issuing}, authority_.root})
                .ok());
        {
            auto faulty = *files::FaultyFiles::open(folder_, call);
            faulty->fail(files::Call::any, call, files::Fault::power_cut);
            const auto saved = save_next(*faulty, folder_, next_pair, next);
            if (saved && promote_next(*faulty, folder_, *saved)) ++finished;
        }
        const auto found = load_identity(files_, folder_);
        ASSERT_TRUE(found.ok()) << "call " << call << ": " << found.error().message;
        const std::string holds = found->current.certificate.serial;
        EXPECT_TRUE(holds == old || holds == next.certificate.serial) << "call " << call;
    }
    EXPECT_EQ(finished, 1);
}

}  // namespace
}  // namespace mw::agent
