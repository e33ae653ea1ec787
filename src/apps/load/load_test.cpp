#include "apps/load/load.h"

#include <gtest/gtest.h>

#include "apps/load/tally.h"
#include "base/log.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"

namespace mw::load {
namespace {

const mqtt::OpenAuthorizer everyone;

TEST(LoadTally, tells_lost_repeated_and_late_messages_apart) {
    Tally tally;
    EXPECT_EQ(tally.saw(0), 1u);
    EXPECT_EQ(tally.saw(4), 4u);  // 1, 2, 3 are missing
    EXPECT_EQ(tally.saw(2), 0u);  // late
    EXPECT_EQ(tally.saw(2), 0u);  // now twice
    EXPECT_EQ(tally.saw(4), 0u);
    EXPECT_EQ(tally.out_of_order, 1u);
    EXPECT_EQ(tally.duplicates, 2u);
    EXPECT_EQ(tally.lost(5), 2u);
    EXPECT_EQ(tally.lost(8), 5u);
    Tally far;
    far.saw(3 * Tally::missing_max);  // more missing than it knows by number
    EXPECT_EQ(far.lost(3 * Tally::missing_max + 1), 3 * Tally::missing_max);
}

TEST(LoadOptions, another_machine_is_loaded_only_by_its_name_said_twice) {
    Options options;
    for (const char* here : {"127.0.0.1", "localhost", "::1", "127.0.0.2"}) {
        options.host = here;
        EXPECT_TRUE(check(options).ok()) << here;
    }
    options.host = "broker.example";
    EXPECT_EQ(check(options).error().code, Errc::denied);
    EXPECT_NE(check(options).error().message.find("--yes-load broker.example"), std::string::npos);
    options.allowed_host = "other.example";
    EXPECT_EQ(check(options).error().code, Errc::denied);
    options.allowed_host = "broker.example";
    EXPECT_TRUE(check(options).ok());
}

TEST(LoadOptions, each_has_bounds_and_says_which) {
    const std::pair<void (*)(Options&), const char*> wrong[]{
        {[](Options& o) { o.publishers = 60'000; }, "connections"},
        {[](Options& o) { o.publishers = 0; }, "--publishers"},
        {[](Options& o) { o.rate = 2'000'000; }, "--rate"},
        {[](Options& o) { o.in_flight = 0; }, "--in-flight"},
        {[](Options& o) { o.payload_bytes = 8; }, "--payload"},
        {[](Options& o) { o.duration = hours{2}; }, "--for"},
        {[](Options& o) { o.opening = 0; }, "--opening"},
        {[](Options& o) { o.topic = "a/#"; }, "--topic"},
        {[](Options& o) { o.shape = Shape::pairs; }, "pairs"},
        {[](Options& o) { o.subscribers = 0, o.qos = mqtt::QoS::at_most_once; }, "--rate"},
        {[](Options& o) { o.certificate_file = "x"; }, "--key"},
    };
    for (const auto& [spoil, word] : wrong) {
        Options options;
        spoil(options);
        const auto outcome = check(options);
        ASSERT_FALSE(outcome.ok()) << word;
        EXPECT_NE(outcome.error().message.find(word), std::string::npos) << outcome.error().message;
    }
    EXPECT_EQ(*shape_from("fan-out"), Shape::fan_out);
    EXPECT_NE(shape_from("fan").error().message.find("fan-in, fan-out"), std::string::npos);
}

// A broker and a load on one loop.
class LoadRun : public testing::Test {
 protected:
    LoadRun() { options.messages = 50, options.duration = minutes{5}, options.drain = minutes{1}; }
    ~LoadRun() override { EXPECT_TRUE(sync_wait(*loop, broker.stop()).ok()); }

    void listen(std::shared_ptr<const net::TlsContext> tls = nullptr) {
        auto listener = net::Listener::open(*loop, {.tls = std::move(tls)}).value();
        options.port = listener->address().port;
        broker.serve(std::move(listener),
                     [](ByteView) -> Result<mqtt::Identity> { return mqtt::Identity{}; });
    }
    Report run() {
        auto report = sync_wait(*loop, run_load(options, nullptr));
        EXPECT_TRUE(report.ok()) << report.error().message;
        return report ? *report : Report{};
    }

    log::Capture quiet;
    SystemRandom random;
    std::unique_ptr<Loop> loop = Loop::open().value();
    mqtt::Broker broker{*loop, random, {}, everyone, nullptr};
    Options options;
};

TEST_F(LoadRun, every_shape_and_qos_arrives_once_and_in_order) {
    listen();
    struct Row {
        Shape shape;
        std::uint32_t publishers, subscribers, receivers;
    };
    for (const Row& row : {Row{Shape::fan_in, 5, 1, 1}, Row{Shape::fan_in, 2, 3, 3},
                           Row{Shape::fan_out, 1, 7, 7}, Row{Shape::pairs, 4, 4, 1}})
        for (int qos = 0; qos <= 2; ++qos)
            for (auto version : {mqtt::Version::v3_1_1, mqtt::Version::v5}) {
                options.shape = row.shape;
                options.publishers = row.publishers;
                options.subscribers = row.subscribers;
                options.qos = static_cast<mqtt::QoS>(qos);
                options.version = version;
                const Report report = run();
                EXPECT_TRUE(report.clean()) << mw::to_json(to_json(report));
                EXPECT_EQ(report.sent, 50u * row.publishers);
                EXPECT_EQ(report.received, report.sent * row.receivers);
                EXPECT_EQ(report.expected, report.received);
                EXPECT_EQ(report.acknowledged, qos == 0 ? 0 : report.sent);
                EXPECT_EQ(report.deliver_us.count(), report.received);
                EXPECT_EQ(report.acknowledge_us.count(), report.acknowledged);
                EXPECT_EQ(report.connect_us.count(), row.publishers + row.subscribers);
            }
    EXPECT_EQ(broker.metrics().protocol_errors, 0u);
}

TEST_F(LoadRun, a_rate_is_dealt_round_and_publishers_alone_are_timed_by_their_answers) {
    listen();
    options.publishers = 3;
    options.subscribers = 0;
    options.rate = 100'000;
    const Report report = run();
    EXPECT_EQ(report.sent, 150u);
    EXPECT_EQ(report.acknowledged, 150u);
    EXPECT_EQ(report.expected, 0u);
    EXPECT_TRUE(report.clean());
}

TEST_F(LoadRun, connections_alone_are_counted_and_timed) {
    listen();
    options.shape = Shape::connect;
    options.idle = 40;
    options.duration = milliseconds{1};
    const Report report = run();
    EXPECT_EQ(report.connections, 40u);
    EXPECT_EQ(report.connect_us.count(), 40u);
    EXPECT_EQ(broker.metrics().connects_accepted, 40u);
    EXPECT_TRUE(report.clean());
}

TEST_F(LoadRun, who_is_cut_off_and_what_is_lost_is_told) {
    listen();
    options.publishers = 2;
    options.qos = mqtt::QoS::at_least_once;
    options.messages = 0;
    options.drain = milliseconds{50};
    options.duration = seconds{5};  // the window stays full: only time ends it
    Scope scope(*loop);
    auto kick = [](mqtt::Broker& broker) -> Task<> {
        for (int tries = 0; broker.metrics().publishes_delivered == 0 && tries < 4'500; ++tries)
            CO_TRY_VOID(co_await sleep_for(milliseconds{1}));
        for (const auto& view : broker.sessions())
            if (view.subscriptions > 0) {
                mqtt::KickOrder order;
                order.client = view.client_id;
                CO_TRY(const mqtt::Kicked kicked, co_await broker.kick(order));
                EXPECT_EQ(kicked.connections, 1u);
            }
        co_return Result<>{};
    };
    scope.spawn(kick(broker));
    const Report report = run();
    ASSERT_TRUE(sync_wait(*loop, scope.join()).ok());
    EXPECT_EQ(report.disconnected, 1u);
    EXPECT_NE(report.first_reason, "");
    EXPECT_GT(report.lost, 0u);
    EXPECT_EQ(report.lost, report.expected - report.received);
    EXPECT_FALSE(report.clean());
}

TEST_F(LoadRun, a_broker_that_is_not_there_is_an_error_with_the_connection) {
    listen();
    options.port = 1;
    const auto report = sync_wait(*loop, run_load(options, nullptr));
    ASSERT_FALSE(report.ok());
    EXPECT_NE(report.error().message.find("connection 1 of 101"), std::string::npos)
        << report.error().message;
}

TEST_F(LoadRun, comes_in_by_tls_with_a_certificate) {
    SystemRandom dice;
    const auto ca_key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
    auto order = [](crypto::Profile profile, const char* name) {
        const Timestamp now = RealClock().now();
        return crypto::CertificateOrder{
            .profile = profile,
            .subject_cn = name,
            .names = {.dns = {"localhost"}, .addresses = {"127.0.0.1"}, .uris = {}, .other = {}},
            .not_before = now - hours{1},
            .not_after = now + hours{24}};
    };
    const auto ca =
        crypto::self_sign(order(crypto::Profile::root_ca, "Test CA"), ca_key, dice).value();
    auto folder = *files::TemporaryDirectory::make();
    files::RealFiles disk;
    auto keep = [&](const char* name, const std::string& text) {
        const std::string path = folder.path() + "/" + name;
        EXPECT_TRUE(files::atomic_replace(disk, path, bytes_of(text), 0600).ok());
        return path;
    };
    auto issue = [&](crypto::Profile profile, const char* name) {
        const auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
        const auto certificate =
            crypto::issue(order(profile, name), key.public_key().spki(), {ca, ca_key}, dice)
                .value();
        return std::pair{crypto::to_pem(certificate), key.to_pem()};
    };
    const auto [server, server_key] = issue(crypto::Profile::server, "hub");
    const auto [mine, my_key] = issue(crypto::Profile::device, "gw-1");
    net::TlsOptions tls;
    tls.certificate_chain = server;
    tls.private_key = server_key;
    tls.trusted = crypto::to_pem(ca);
    tls.client_certificate = net::ClientCertificate::required;
    listen(net::TlsContext::server(tls).value());
    options.publishers = 2;
    options.tls = true;
    options.ca_file = keep("ca.pem", crypto::to_pem(ca));
    options.certificate_file = keep("mine.pem", mine);
    options.key_file = keep("mine.key", my_key);
    const Report report = run();
    EXPECT_EQ(report.received, 100u);
    EXPECT_TRUE(report.clean());
    bool told = false;
    for (const auto& [what, figure] : rows_of(report))
        told |= what == "load" && figure.find("TLS") != std::string::npos;
    EXPECT_TRUE(told);
}

}  // namespace
}  // namespace mw::load
