#include "protocols/mqtt/connect_rate.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/client.h"

namespace mw::mqtt {
namespace {

using Verdict = ConnectRate::Verdict;
constexpr SteadyTime start{1'000};

TEST(MqttConnectRate, a_burst_is_let_in_and_then_so_many_a_second) {
    ConnectRate rate({.per_second = 10, .burst = 3});
    for (int n = 0; n < 3; ++n) EXPECT_EQ(rate.ask("192.0.2.1", start), Verdict::admitted);
    EXPECT_EQ(rate.ask("192.0.2.1", start), Verdict::first_refused);
    EXPECT_EQ(rate.ask("192.0.2.1", start), Verdict::refused);
    EXPECT_EQ(rate.ask("192.0.2.2", start), Verdict::admitted);  // another's bucket is its own
    EXPECT_EQ(rate.ask("192.0.2.1", start + milliseconds{100}), Verdict::admitted);
    EXPECT_EQ(rate.ask("192.0.2.1", start + milliseconds{100}), Verdict::first_refused);
    int admitted = 0;
    for (int ms = 1'000; ms < 3'000; ++ms)
        admitted += rate.ask("192.0.2.1", start + milliseconds{ms}) == Verdict::admitted;
    EXPECT_EQ(admitted, 3 + 20 - 1);  // full again, then ten a second
}

TEST(MqttConnectRate, loopback_goes_free_unless_it_is_told_otherwise) {
    ConnectRate free({.per_second = 1, .burst = 1});
    ConnectRate strict({.per_second = 1, .burst = 1, .loopback_exempt = false});
    for (const char* host : {"127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"}) {
        for (int n = 0; n < 3; ++n) EXPECT_EQ(free.ask(host, start), Verdict::admitted) << host;
        EXPECT_TRUE(is_loopback(host));
    }
    EXPECT_EQ(free.addresses(), 0u);
    EXPECT_EQ(strict.ask("::1", start), Verdict::admitted);
    EXPECT_EQ(strict.ask("::1", start), Verdict::first_refused);
    EXPECT_FALSE(is_loopback("10.0.0.127"));
    ConnectRate none({.per_second = 0, .burst = 1});
    for (int n = 0; n < 3; ++n) EXPECT_EQ(none.ask("192.0.2.1", start), Verdict::admitted);
}

TEST(MqttConnectRate, ipv6_counts_by_its_first_sixty_four_bits) {
    const std::pair<const char*, const char*> networks[]{
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2::9", "2001:db8:1:2::/64"},
        {"2001:db8::9", "2001:db8:0:0::/64"},
        {"2001::2:3:4:5:6:7", "2001:0:2:3::/64"},
        {"fe80::1", "fe80:0:0:0::/64"},
        {"::1", "0:0:0:0::/64"},
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
    };
    for (const auto& [host, network] : networks) EXPECT_EQ(network_of(host), network) << host;
    ConnectRate rate({.per_second = 1, .burst = 1});
    EXPECT_EQ(rate.ask("2001:db8:1:2::9", start), Verdict::admitted);
    EXPECT_EQ(rate.ask("2001:db8:1:2::a", start), Verdict::first_refused);
    EXPECT_EQ(rate.ask("2001:db8:1:3::9", start), Verdict::admitted);
}

TEST(MqttConnectRate, the_table_of_addresses_is_bounded) {
    ConnectRate rate({.per_second = 1, .burst = 10, .addresses = 100});
    for (int n = 0; n < 10'000; ++n)
        rate.ask("198.51." + std::to_string(n / 250) + "." + std::to_string(n % 250), start);
    EXPECT_EQ(rate.addresses(), 100u);
    for (int n = 0; n < 50; ++n)  // whose buckets are full again are forgotten first
        EXPECT_EQ(rate.ask("203.0.113." + std::to_string(n), start + seconds{20}),
                  Verdict::admitted);
    EXPECT_EQ(rate.addresses(), 50u);
}

TEST(MqttConnectRate, a_broker_closes_what_comes_too_often_and_counts_it) {
    log::Capture quiet;
    const OpenAuthorizer rules;
    SystemRandom random;
    auto loop = Loop::open().value();
    Limits limits;
    limits.connect_rate = {.per_second = 1, .burst = 2, .loopback_exempt = false};
    Broker broker(*loop, random, limits, rules, nullptr);
    auto listener = net::Listener::open(*loop, {}).value();
    const net::Address address = listener->address();
    broker.serve(std::move(listener), [](ByteView) -> Result<Identity> { return Identity{}; });
    auto dial = [&] {
        auto stream = sync_wait(*loop, net::connect({.host = address.host, .port = address.port}));
        return sync_wait(*loop, Client::connect(std::move(stream).value(), {}));
    };
    auto first = dial(), second = dial(), third = dial();
    EXPECT_TRUE(first.ok());
    EXPECT_TRUE(second.ok());
    EXPECT_FALSE(third.ok());
    EXPECT_EQ(broker.metrics().connections_rate_limited, 1u);
    EXPECT_TRUE((*first)->is_open());
    first.value().reset(), second.value().reset();
    ASSERT_TRUE(sync_wait(*loop, broker.stop()).ok());
}

}  // namespace
}  // namespace mw::mqtt
