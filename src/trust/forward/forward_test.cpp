#include "trust/forward/forward.h"

#include <gtest/gtest.h>

#include "platform/http/http.h"
#include "trust/forward/target.h"

namespace mw::forward {
namespace {

audit::Fact fact(std::uint64_t sequence, std::string action) {
    audit::Fact made;
    made.sequence = sequence;
    made.time = {1'700'000'000'123'456'789};
    made.actor = "user:ada";
    made.action = std::move(action);
    made.detail = "from 127.0.0.1, \"quoted\"";
    return made;
}

class FakeSource final : public Source {
 public:
    std::vector<audit::Fact> all;
    void add(const std::string& action) { all.push_back(fact(all.size() + 1, action)); }
    Task<std::vector<audit::Fact>> facts(std::uint64_t after, std::size_t limit) override {
        std::vector<audit::Fact> some;
        for (const auto& each : all)
            if (each.sequence > after && some.size() < limit) some.push_back(each);
        co_return std::move(some);
    }
    Task<std::uint64_t> newest() override { co_return std::uint64_t{all.size()}; }
};

// Takes syslog frames on loopback and keeps their messages; may close after so many bytes.
class SyslogReceiver {
 public:
    explicit SyslogReceiver(Loop& loop) : listener_(*net::Listener::open(loop, {})), scope_(loop) {
        scope_.spawn(accept());
    }
    std::string address() const {
        return "tcp://127.0.0.1:" + std::to_string(listener_->address().port);
    }
    std::vector<std::string> messages;
    int connections = 0;
    bool closes_at_once = false;

 private:
    Task<> accept() {
        for (;;) {
            auto accepting = listener_->accept();
            CO_TRY(auto stream, co_await std::move(accepting));
            ++connections;
            if (closes_at_once) continue;
            scope_.spawn(serve(std::move(stream)));
        }
    }
    Task<> serve(std::unique_ptr<net::Stream> stream) {
        std::string text;
        for (;;) {
            CO_TRY(const ByteView bytes, co_await stream->read());
            if (bytes.empty()) co_return Result<>{};
            text += text_of(bytes);
            for (;;) {
                const auto space = text.find(' ');
                if (space == text.npos) break;
                const auto length = std::stoul(text.substr(0, space));
                if (text.size() < space + 1 + length) break;
                messages.push_back(text.substr(space + 1, length));
                text.erase(0, space + 1 + length);
            }
        }
    }
    std::unique_ptr<net::Listener> listener_;
    Scope scope_;
};

class Forward : public testing::Test {
 protected:
    std::unique_ptr<Loop> loop = *Loop::open();
    Workers workers;
    RealClock clock;
    metrics::Registry metrics;
    files::RealFiles files;
    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    FakeSource source;
    std::string positions = folder.path() + "/forward";
    Pace quick{milliseconds(1), milliseconds(1), milliseconds(1), milliseconds(4), seconds(10)};
    std::unique_ptr<Forwarder> forwarder;

    void start(TargetOptions target) {
        std::vector<TargetOptions> targets;
        targets.push_back(std::move(target));
        forwarder = *Forwarder::open(std::move(targets), positions, "hub.example",
                                     {*loop, workers, clock, metrics, files, source}, quick);
        forwarder->start();
    }
    void stop() { ASSERT_TRUE(sync_wait(*loop, forwarder->stop()).ok()); }
    // Runs the loop until it is so.
    void until(const std::function<bool()>& so) {
        const auto wait = [&so]() -> Task<> {
            while (!so()) CO_TRY_VOID(co_await sleep_for(milliseconds(1)));
            co_return Result<>{};
        };
        ASSERT_TRUE(sync_wait(*loop, within(minutes(1), wait())).ok());
    }
    std::uint64_t position(const std::string& name) {
        const auto bytes = files::read_all(files, positions + "/" + name + ".json");
        if (!bytes) return 0;
        return std::uint64_t(*find_integer(*parse_json(text_of(*bytes)), "sequence"));
    }
};

TEST_F(Forward, a_syslog_message_is_as_documented) {
    auto made = fact(17, "login.refused");
    EXPECT_EQ(syslog_frame(made, "hub.example"),
              "463 <108>1 2023-11-14T22:13:20.123456Z hub.example millwright - login.refused - " +
                  to_json(forwarded(made)));
    EXPECT_EQ(*find_string(forwarded(made), "severity"), "warning");
    EXPECT_EQ(*find_string(forwarded(made), "action"), "login.refused");
    made.action = "a b\n";
    EXPECT_NE(syslog_frame(made, "two words")
                  .find("<110>1 2023-11-14T22:13:20.123456Z twowords "
                        "millwright - ab - {"),
              std::string::npos);
}

TEST_F(Forward, a_webhook_is_signed_over_its_time_and_body) {
    // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
    EXPECT_EQ(webhook_signature("secret", {1'700'000'000'999'999'999}, "{}"),
              "t=1700000000,v1="
              "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
    const auto body = *parse_json(webhook_body({fact(3, "login"), fact(5, "enroll")}, "hub"));
    EXPECT_EQ(find_integer(body, "first"), 3);
    EXPECT_EQ(find_integer(body, "last"), 5);
    EXPECT_EQ(find(body, "facts")->as_array().size(), 2u);
}

TEST_F(Forward, syslog_gets_every_fact_in_order_and_none_twice_after_a_restart) {
    SyslogReceiver receiver(*loop);
    for (int i = 0; i < 450; ++i) source.add("login");
    TargetOptions target{.name = "siem", .syslog = receiver.address(), .from_start = true};
    start(target);
    until([&] { return position("siem") == 450; });
    stop();
    EXPECT_EQ(receiver.messages.size(), 450u);
    source.add("enroll");
    start(target);
    until([&] { return position("siem") == 451; });
    stop();
    ASSERT_EQ(receiver.messages.size(), 451u);
    for (std::size_t i = 0; i < receiver.messages.size(); ++i) {
        const auto json = parse_json(receiver.messages[i].substr(receiver.messages[i].find('{')));
        ASSERT_TRUE(json.ok());
        EXPECT_EQ(find_integer(*json, "sequence"), std::int64_t(i + 1));
    }
    EXPECT_EQ(receiver.connections, 2) << "a connection is kept";
}

TEST_F(Forward, a_receiver_that_hangs_up_has_taken_nothing) {
    SyslogReceiver receiver(*loop);
    receiver.closes_at_once = true;
    source.add("login");
    quick.settle = seconds(5);
    start({.name = "siem", .syslog = receiver.address(), .from_start = true});
    until([&] { return receiver.connections >= 3; });
    EXPECT_EQ(position("siem"), 0u);
    receiver.closes_at_once = false;
    until([&] { return !receiver.messages.empty(); });
    stop();
    EXPECT_NE(metrics.expose().find("millwright_forward_failures_total{target=\"siem\"}"),
              std::string::npos);
}

TEST_F(Forward, a_webhook_gets_a_batch_until_it_says_yes) {
    std::vector<std::string> deliveries, bodies;
    std::vector<std::string> signatures;
    int status = 503;
    http::Router router;
    router.add(http::Method::post, "/hook", [&](http::Request request) -> Task<http::Response> {
        deliveries.emplace_back(request.headers.get("Millwright-Delivery"));
        signatures.emplace_back(request.headers.get("Millwright-Signature"));
        bodies.push_back(request.body);
        http::Response response;
        response.status = status;
        co_return std::move(response);
    });
    auto server = *http::Server::open(*loop, {}, std::move(router));
    for (const auto* action : {"login", "enroll", "enroll.refused", "enrolment", "login.refused"})
        source.add(action);
    start({.name = "soc",
           .webhook = "http://127.0.0.1:" + std::to_string(server->address().port) + "/hook",
           .actions = {"enroll", "login.refused"},
           .from_start = true,
           .secret = "s"});
    until([&] { return deliveries.size() >= 3; });
    EXPECT_EQ(position("soc"), 0u);
    status = 204;
    until([&] { return position("soc") == 5; });
    stop();
    for (std::size_t i = 0; i < deliveries.size(); ++i) {
        EXPECT_EQ(deliveries[i], "soc-2-5");
        const Timestamp told{std::stoll(signatures[i].substr(2)) * 1'000'000'000};
        EXPECT_EQ(signatures[i], webhook_signature("s", told, bodies[i]));
    }
    EXPECT_EQ(find(*parse_json(bodies.back()), "facts")->as_array().size(), 3u);
    ASSERT_TRUE(sync_wait(*loop, server->stop()).ok());
}

TEST_F(Forward, a_new_target_gets_what_comes_from_now_on_and_an_old_position_is_drawn_back) {
    SyslogReceiver receiver(*loop);
    for (int i = 0; i < 3; ++i) source.add("login");
    TargetOptions target{.name = "siem", .syslog = receiver.address()};
    start(target);
    until([&] { return position("siem") == 3; });
    source.add("enroll");
    until([&] { return position("siem") == 4; });
    stop();
    ASSERT_EQ(receiver.messages.size(), 1u);
    EXPECT_NE(receiver.messages[0].find("enroll"), std::string::npos);
    source.all.resize(2);  // as after a restore: numbers 3 and 4 are given again
    start(target);
    until([&] { return position("siem") == 2; });
    stop();
    source.add("backup.restore");
    start(target);
    until([&] { return position("siem") == 3; });
    stop();
    EXPECT_NE(receiver.messages.back().find("backup.restore"), std::string::npos);
}

TEST_F(Forward, what_would_be_unsafe_or_in_vain_is_refused) {
    struct Row {
        TargetOptions target;
        const char* says;
    };
    for (const auto& row : {
             Row{{.name = "Siem", .syslog = "tls://a:1"}, "[0].name: want"},
             Row{{.name = "a"}, "one of syslog and webhook"},
             Row{{.name = "a", .syslog = "tls://a:1", .webhook = "https://a"}, "one of"},
             Row{{.name = "a", .syslog = "tcp://siem.example:514"}, "without TLS"},
             Row{{.name = "a", .syslog = "udp://127.0.0.1:514"}, "want tls://HOST:PORT"},
             Row{{.name = "a", .syslog = "tls://a:1/x"}, "want tls://HOST:PORT"},
             Row{{.name = "a", .webhook = "http://soc.example/x"}, "want https://"},
             Row{{.name = "a", .webhook = "soc"}, "webhook"},
         }) {
        const auto outcome = check({row.target});
        ASSERT_FALSE(outcome.ok()) << row.says;
        EXPECT_NE(outcome.error().message.find(row.says), std::string::npos)
            << outcome.error().message;
    }
    const TargetOptions good{.name = "a", .syslog = "tls://siem.example"};
    EXPECT_TRUE(check({good}).ok());
    EXPECT_FALSE(check({good, good}).ok()) << "two of one name";
    EXPECT_EQ(syslog_address("tls://siem.example")->port, 6514);
    EXPECT_EQ(syslog_address("tls://[::1]:99")->port, 99);
    EXPECT_EQ(syslog_address("tcp://localhost")->port, 601);
}

}  // namespace
}  // namespace mw::forward
