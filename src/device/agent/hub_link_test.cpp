// The hub's time, and gateways whose own clock is years off.
#include "device/agent/hub_link.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "platform/crypto/crypto_samples.h"

namespace mw::agent {
namespace {

namespace samples = crypto::samples;
constexpr nanoseconds hub_year = 365 * samples::day;

class HubTimeTest : public testing::Test {
 protected:
    HubTimeTest() {
        const auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
        auto order = samples::Authority::order(crypto::Profile::server, "hub", 397);
        order.names.addresses = {"127.0.0.1"};
        const auto server =
            *crypto::issue(order, key.public_key().spki(),
                           {authority_.issuing, authority_.issuing_key}, authority_.random);
        net::TlsOptions tls;
        tls.certificate_chain = crypto::to_pem(server) + crypto::to_pem(authority_.issuing);
        tls.private_key = key.to_pem();
        tls.client_certificate = net::ClientCertificate::unjudged;
        http::ServerOptions options;
        options.listen.tls = *net::TlsContext::server(std::move(tls));
        http::Router router;
        router.add(http::Method::get, "/v1/bootstrap",
                   [this](http::Request) -> Task<http::Response> {
                       const Json body = {{"mqtt", {{"port", 8883}}}, {"now_ns", says_.ns}};
                       co_return http::Response::json(200, body);
                   });
        server_ = *http::Server::open(*loop_, std::move(options), std::move(router));
        const auto own_key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
        const auto mine = authority_.device("gw-1", own_key);
        identity_.device.text = "gw-1";
        identity_.hub = "https://127.0.0.1:" + std::to_string(server_->address().port);
        identity_.anchors_pem = crypto::to_pem(authority_.root);
        identity_.current = {own_key.to_pem(),
                             crypto::to_pem(mine) + crypto::to_pem(authority_.issuing), mine};
        own_.set_wall(samples::now);
        link_ = *HubLink::open(*loop_, workers_, identity_, clock_);
    }
    ~HubTimeTest() override {
        ignore(sync_wait(*loop_, server_->stop(nanoseconds{0})), "the test is over");
    }
    Result<HubAddress> find() { return sync_wait(*loop_, link_->find_broker()); }
    bool is_the_hubs(Timestamp time) const {
        return clock_.now() >= time && clock_.now() < time + minutes{10};
    }

    log::Capture log_;
    samples::Authority authority_;
    std::unique_ptr<Loop> loop_ = *Loop::open({});
    Workers workers_{{.threads = 1}};
    std::unique_ptr<http::Server> server_;
    Timestamp says_ = samples::now;
    SimulatedClock own_;
    HubClock clock_{own_};
    AgentIdentity identity_;
    std::unique_ptr<HubLink> link_;
};

TEST_F(HubTimeTest, a_clock_that_is_right_needs_no_second_try) {
    const auto found = find();
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(found->mqtt_port, 8883);
    EXPECT_TRUE(is_the_hubs(samples::now));
    EXPECT_TRUE(log_.lines().empty());
    // The hub's clock jumps while ours is right: it is served, and not believed.
    for (const nanoseconds off : {10 * hub_year, -10 * hub_year}) {
        says_ = samples::now + off;
        ASSERT_TRUE(find().ok());
        EXPECT_TRUE(is_the_hubs(samples::now));
    }
}

TEST_F(HubTimeTest, a_clock_ten_years_off_is_put_right_by_the_hub) {
    for (const nanoseconds off : {10 * hub_year, -10 * hub_year}) {
        clock_ = HubClock{own_};
        own_.set_wall(samples::now + off);
        const auto found = find();
        ASSERT_TRUE(found.ok()) << found.error().message;
        EXPECT_TRUE(is_the_hubs(samples::now));
        EXPECT_TRUE(find().ok());  // and from then on TLS goes by it
    }
    EXPECT_EQ(log_.lines().size(), 2u);
    EXPECT_NE(log_.lines()[0].find("edge.clock.wrong"), std::string::npos);
}

TEST_F(HubTimeTest, whose_certificate_was_not_good_then_is_not_believed) {
    own_.set_wall(samples::now + 10 * hub_year);
    says_ = samples::now + 398 * samples::day;  // past the end of the certificate that it shows
    EXPECT_FALSE(find().ok());
    says_ = samples::now - hours{25};  // before our own certificate was made
    EXPECT_FALSE(find().ok());
    EXPECT_FALSE(clock_.is_known());
    says_ = samples::now + 396 * samples::day;
    EXPECT_TRUE(find().ok());
}

TEST_F(HubTimeTest, a_stranger_is_one_whatever_the_time) {
    own_.set_wall(samples::now + 10 * hub_year);
    samples::Authority other;
    identity_.anchors_pem = crypto::to_pem(other.root);
    ASSERT_TRUE(link_->use(identity_.current).ok());
    EXPECT_FALSE(find().ok());
    EXPECT_FALSE(clock_.is_known());
}

}  // namespace
}  // namespace mw::agent
