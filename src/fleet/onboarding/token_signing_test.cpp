// A token signs in its own time; the control loop doesn't wait for it. With Debian's SoftHSM;
// skipped where it is not installed.
#include <cstdlib>
#include <future>

#include "fleet/onboarding/onboarding_world.h"

namespace mw::onboarding {
namespace {

constexpr const char* token_library = "/usr/lib/softhsm/libsofthsm2.so";

int run_shell(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()); }

class TokenSigning : public OnboardingTest {
 protected:
    void SetUp() override {
        if (!std::filesystem::exists(token_library) || run_shell("softhsm2-util --version") != 0)
            GTEST_SKIP() << "softhsm2 is not installed";
        std::filesystem::create_directories(folder_ + "/tokens");
        const std::string config = folder_ + "/softhsm.conf", pem = folder_ + "/issuing.pem";
        const auto key = new_key();
        write(config,
              "directories.tokendir = " + folder_ + "/tokens\nobjectstore.backend = file\n");
        write(pem, key.to_pem());
        ::setenv("SOFTHSM2_CONF", config.c_str(), 1);
        ASSERT_EQ(run_shell("softhsm2-util --init-token --free --label plant --pin 4711 --so-pin 9"
                            "876 && softhsm2-util --token plant --pin 4711 --label issuing --id 0b "
                            "--import " +
                            pem),
                  0);
        identity::AuthorityOptions options{.directory = folder_ + "/pki-2"};
        const auto pin = []() -> Result<std::string> { return std::string("4711"); };
        options.token = crypto::Token::make({token_library, pin}, clock_);
        auto made = identity::make_authorities(files_, clock_, random_, options,
                                               {"", "", "pkcs11:token=plant;object=issuing"});
        ASSERT_TRUE(made.ok()) << made.error().message;
        onboarding_.reset();
        authority_ = *std::move(made);
        options_.signing = &signing_;
        reopen();
    }
    void TearDown() override {
        onboarding_.reset();
        authority_.reset();
    }
    void write(const std::string& path, std::string_view text) {
        ASSERT_TRUE(files::atomic_replace(files_, path, bytes_of(text), 0600).ok());
    }
    double waiting() {
        return metrics_->gauge("millwright_onboarding_signatures_waiting", "").value();
    }
    Task<> ask(std::string name, PrivateKey key, std::string text, Result<est::Decision>& into) {
        est::Credentials who{name, std::move(text), {}, "192.0.2.7", ""};
        auto enrolling =
            onboarding_->enroll(csr_of(name, key), std::move(who), est::KeyMaker::device);
        into = co_await std::move(enrolling);
        co_return Result<>{};
    }
    // The worker is busy until the promise is kept.
    Task<> hold(std::shared_future<void> until) {
        auto work = [until] { until.wait(); };
        auto holding = signing_.run(std::move(work));
        co_return co_await std::move(holding);
    }

    Workers signing_{WorkersOptions{.threads = 1, .queue = 2, .name = "signing"}};
};

TEST_F(TokenSigning, certificates_by_a_token_are_as_good_as_others) {
    const auto made = enroll("gw-1", new_key(), token());
    ASSERT_TRUE(made.ok()) << made.error().message;
    const auto trust =
        *crypto::TrustStore::make({&authority_->root(), 1}, {&authority_->issuing(), 1});
    EXPECT_TRUE(trust.verify(*made, clock_.now(), crypto::Purpose::client).ok());
    EXPECT_TRUE(onboarding_->admission()->admit(made->der).ok());
    EXPECT_TRUE(renew("gw-1", new_key(), *made).ok());
    EXPECT_EQ(signing_.counters().done, 2u) << "by the worker";
    EXPECT_EQ(waiting(), 0);
}

TEST_F(TokenSigning, the_loop_goes_on_while_a_token_takes_its_time_and_its_queue_has_an_end) {
    std::promise<void> free;
    const std::string text = token();
    Result<est::Decision> first = est::Decision{}, second = first, third = first;
    auto story = [&]() -> Task<> {
        Scope scope(Loop::here());
        scope.spawn(hold(free.get_future().share()));
        while (signing_.counters().running == 0) CO_TRY_VOID(co_await sleep_for(milliseconds{1}));
        scope.spawn(ask("gw-1", new_key(), text, first));
        scope.spawn(ask("gw-2", new_key(), text, second));
        while (waiting() < 2) CO_TRY_VOID(co_await sleep_for(milliseconds{1}));
        auto asking = ask("gw-3", new_key(), text, third);
        const auto told = co_await std::move(asking);  // while the others wait
        free.set_value();
        CO_TRY_VOID(told);
        co_return co_await scope.join();
    };
    const auto told = sync_wait(*loop_, story());
    ASSERT_TRUE(told.ok()) << told.error().message;
    EXPECT_TRUE(first.ok() && first->certificate) << (first ? "" : first.error().message);
    EXPECT_TRUE(second.ok() && second->certificate) << (second ? "" : second.error().message);
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, Errc::overloaded) << third.error().message;
    EXPECT_EQ(waiting(), 0);
    EXPECT_TRUE(enroll("gw-3", new_key(), text).ok()) << "who was sent away has used nothing";
}

TEST_F(TokenSigning, who_is_revoked_while_a_token_signs_gets_nothing) {
    const auto key = new_key();
    const auto old = enroll("gw-1", key, token());
    ASSERT_TRUE(old.ok()) << old.error().message;
    std::promise<void> free;
    Result<est::Decision> renewed = est::Decision{};
    auto story = [&]() -> Task<> {
        Scope scope(Loop::here());
        scope.spawn(hold(free.get_future().share()));
        while (signing_.counters().running == 0) CO_TRY_VOID(co_await sleep_for(milliseconds{1}));
        auto renewing = [&]() -> Task<> {
            est::Credentials who{{}, {}, old->der, "192.0.2.7", ""};
            auto asking = onboarding_->reenroll(csr_of("gw-1", new_key()), std::move(who),
                                                est::KeyMaker::device);
            renewed = co_await std::move(asking);
            co_return Result<>{};
        };
        scope.spawn(renewing());
        while (waiting() < 1 && renewed.ok()) CO_TRY_VOID(co_await sleep_for(milliseconds{1}));
        identity::Revocation theft;
        theft.serial = old->serial, theft.at = clock_.now(), theft.subject = "device:gw-1";
        theft.not_after = old->not_after;
        authority_->revoke({&theft, 1});
        free.set_value();
        CO_TRY_VOID(co_await scope.join());
        co_return Result<>{};
    };
    const auto told = sync_wait(*loop_, story());
    ASSERT_TRUE(told.ok()) << told.error().message;
    ASSERT_FALSE(renewed.ok());
    EXPECT_EQ(renewed.error().code, Errc::denied) << renewed.error().message;
    EXPECT_FALSE(find(device("gw-1").status, "previous_certificate"));
}

}  // namespace
}  // namespace mw::onboarding
