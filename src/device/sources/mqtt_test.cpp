#include "device/sources/mqtt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "platform/crypto/crypto.h"
#include "protocols/payload/payload.h"

namespace mw::sources {
namespace {

constexpr Timestamp noon{1'700'000'000'000'000'000};

Json json(std::string_view text) {
    auto value = parse_json(text);
    EXPECT_TRUE(value) << text;
    return *value;
}

MqttMapping mapping(std::string_view topics) {
    auto made = MqttMapping::read(json(topics));
    EXPECT_TRUE(made) << made.error().message;
    return std::move(made).value();
}

// "signal unit time value class" per point.
std::string told(const Batch& batch) {
    std::string text;
    for (const Run& run : batch.runs)
        for (auto i = run.begin; i < run.end; ++i)
            text += run.signal + " " + (run.unit.empty() ? "-" : run.unit) + " " +
                    std::to_string(batch.times[i].ns - noon.ns) + " " +
                    std::to_string(batch.values[i]) +
                    (batch.quality[i].is_good() ? "\n" : " not good\n");
    return text;
}

TEST(MqttMapping, reads_bodies_as_their_rule_says) {
    const struct {
        const char* name;
        const char* rules;
        const char* topic;
        const char* body;
        const char* wanted;
    } rows[] = {
        {"a bare number", R"([{"filter":"p","signal":"pressure","unit":"bar"}])", "p", " 1.5\n",
         "pressure bar 0 1.500000\n"},
        {"a boolean", R"([{"filter":"p","signal":"open"}])", "p", "true", "open - 0 1.000000\n"},
        {"null is a point that is not a number", R"([{"filter":"p","signal":"open"}])", "p", "null",
         "open - 0 nan not good\n"},
        {"levels name the signal", R"([{"filter":"+/x/+","signal":"{2}.of.{1}"}])", "a/x/b", "2",
         "b.of.a - 0 2.000000\n"},
        {"points-json", R"([{"filter":"raw/#"}])", "raw/1",
         R"({"t":1700000000000000007,"values":{"a":1,"b":2},"q":{"b":64}})",
         "a - 7 1.000000\nb - 7 2.000000 not good\n"},
        {"names of points-json", R"([{"filter":"raw/#","signals":{"a":"alpha"}}])", "raw",
         R"({"t":1700000000000000007,"values":{"a":1,"b":2}})",
         "alpha - 7 1.000000\nb - 7 2.000000\n"},
        {"values by pointer",
         R"([{"filter":"m/+","values":{"power.{1}":"/em/0/power","on":"/relay"},)"
         R"("units":{"power.{1}":"W"}}])",
         "m/7", R"({"em":[{"power":"231.5"}],"relay":true,"more":"x"})",
         "on - 0 1.000000\npower.7 W 0 231.500000\n"},
        {"a value that is left out", R"([{"filter":"m","values":{"a":"/a","b":"/b"}}])", "m",
         R"({"b":4})", "b - 0 4.000000\n"},
        {"time in seconds", R"([{"filter":"m","values":{"a":"/a"},"time":"/ts","time_unit":"s"}])",
         "m", R"({"a":4,"ts":1700000001})", "a - 1000000000 4.000000\n"},
        {"time in fractions", R"([{"filter":"m","values":{"a":"/a"},"time":"/t","time_unit":"s"}])",
         "m", R"({"a":4,"t":1700000000.5})", "a - 500000000 4.000000\n"},
        {"time as text", R"([{"filter":"m","values":{"a":"/a"},"time":"/t"}])", "m",
         R"({"a":4,"t":"2023-11-14T22:13:21Z"})", "a - 1000000000 4.000000\n"},
        {"the first rule that takes it", R"([{"filter":"a/+","signal":"x"},{"filter":"#"}])", "a/b",
         "3", "x - 0 3.000000\n"},
    };
    for (const auto& row : rows) {
        Batch batch;
        auto taken = mapping(row.rules).decode(row.topic, bytes_of(row.body), noon, batch);
        ASSERT_TRUE(taken) << row.name << ": " << taken.error().message;
        EXPECT_TRUE(*taken) << row.name;
        EXPECT_EQ(told(batch), row.wanted) << row.name;
    }
}

TEST(MqttMapping, keeps_every_bit_of_a_double) {
    Batch batch;
    auto rules = mapping(R"([{"filter":"a","signal":"x"},{"filter":"b","values":{"x":"/v"}}])");
    ASSERT_TRUE(rules.decode("a", bytes_of("0.1000000000000000055511151231257827"), noon, batch));
    EXPECT_EQ(batch.values[0], 0.1);
    ASSERT_TRUE(rules.decode("b", bytes_of(R"({"v":5e-324})"), noon, batch));
    EXPECT_EQ(batch.values[0], 5e-324);
}

TEST(MqttMapping, passes_over_what_no_filter_takes) {
    Batch batch;
    auto taken =
        mapping(R"([{"filter":"a/+","signal":"x"}])").decode("a/b/c", bytes_of("1"), noon, batch);
    ASSERT_TRUE(taken);
    EXPECT_FALSE(*taken);
}

TEST(MqttMapping, says_what_is_wrong_with_a_body) {
    const struct {
        const char* rules;
        const char* body;
        const char* wanted;
    } rows[] = {
        {R"([{"filter":"t","signal":"x"}])", "21,5", "want a bare number"},
        {R"([{"filter":"t","signal":"x"}])", "", "empty"},
        {R"([{"filter":"t","signal":"x"}])", "1e999", "1e999"},
        {R"([{"filter":"t","signal":"x"}])", "inf", "want a bare number"},
        {R"([{"filter":"t","signal":"x"}])", R"({"t":1})", "points-json"},
        {R"([{"filter":"t"}])", R"({"t":1})", "values"},
        {R"([{"filter":"t","values":{"a":"/a"}}])", "[1", "not JSON"},
        {R"([{"filter":"t","values":{"a":"/a"}}])", R"({"b":1})", "none of the rule's 1 values"},
        {R"([{"filter":"t","values":{"a":"/a"}}])", R"({"a":["high"]})", "/a: want a number"},
        {R"([{"filter":"t","values":{"a":"/a"},"time":"/t"}])", R"({"a":1})", "no time at /t"},
        {R"([{"filter":"t","values":{"a":"/a"},"time":"/t","time_unit":"s"}])",
         R"({"a":1,"t":1700000000000})", "1970 to 2261"},
        {R"([{"filter":"t","values":{"a":"/a"},"time":"/t"}])", R"({"a":1,"t":true})", "ISO 8601"},
    };
    for (const auto& row : rows) {
        Batch batch;
        auto taken = mapping(row.rules).decode("t", bytes_of(row.body), noon, batch);
        ASSERT_FALSE(taken) << row.body;
        EXPECT_NE(taken.error().message.find(row.wanted), std::string::npos)
            << taken.error().message;
        EXPECT_EQ(taken.error().message.find("topic 't': "), 0u) << taken.error().message;
        EXPECT_EQ(batch.size(), 0u);
    }
}

TEST(MqttSourceOptions, refuse_bad_descriptions_with_the_place) {
    const struct {
        const char* text;
        const char* wanted;
    } rows[] = {
        {R"({"topics":[{"filter":"a"}]})", "listen"},
        {R"({"listen":"1883","topics":[{"filter":"a"}]})", "ADDRESS:PORT"},
        {R"({"listen":"127.0.0.1:99999","topics":[{"filter":"a"}]})", "ADDRESS:PORT"},
        {R"({"listen":"0.0.0.0:1883","topics":[{"filter":"a"}]})", "not loopback"},
        {R"({"listen":"127.0.0.1:1883"})", "topics"},
        {R"({"listen":"127.0.0.1:1883","topics":[]})", "topics"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"signal":"a"}]})", "topics[0].filter"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a"},{"filter":"b/#/c"}]})",
         "topics[1].filter"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a","sgnal":"x"}]})", "'sgnal'"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a/+","signal":"x{2}"}]})", "{2}"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a","signal":"x","values":{"b":"/b"}}]})",
         "only one"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a","values":{"b":"b"}}]})",
         "topics[0].values.b"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a","unit":"bar"}]})", "unit"},
        {R"({"listen":"127.0.0.1:1883","topics":[{"filter":"a","values":{"b":"/b"},)"
         R"("time_unit":"h"}]})",
         "ns, us, ms or s"},
        {R"({"listen":"127.0.0.1:1883","tls":{"key":"k"},"topics":[{"filter":"a"}]})", "tls"},
        {R"({"listen":"127.0.0.1:1883","prot":1,"topics":[{"filter":"a"}]})", "'prot'"},
    };
    for (const auto& row : rows) {
        auto options = mqtt_source_options(json(row.text));
        ASSERT_FALSE(options) << row.text;
        EXPECT_NE(options.error().message.find(row.wanted), std::string::npos)
            << options.error().message;
    }
}

mqtt::PublishProperties at_least_once() {
    mqtt::PublishProperties properties;
    properties.qos = mqtt::QoS::at_least_once;
    return properties;
}

TEST(MqttInbox, remembers_sequences_across_a_restart) {
    RealClock clock;
    const char* rules = R"([{"filter":"#"}])";
    const auto body = [](int sequence) {
        return R"({"seq":)" + std::to_string(sequence) + R"(,"t":5,"values":{"a":1}})";
    };
    MqttInbox first(mapping(rules), "s", clock);
    ASSERT_TRUE(first.publish({}, "x", bytes_of(body(1)), at_least_once()));
    ASSERT_TRUE(first.publish({}, "x", bytes_of(body(2)), at_least_once()));
    ASSERT_TRUE(first.publish({}, "y", bytes_of(body(1)), at_least_once()));
    EXPECT_EQ(first.publish({}, "x", bytes_of(body(2)), at_least_once())->value, 3u)
        << "acknowledged with what is on its way";
    const auto portion = first.take();
    EXPECT_EQ(portion.batch.size(), 3u);
    EXPECT_EQ(portion.through.value, 3u);
    // Taken in, but in no portion: a restart must not know of it.
    ASSERT_TRUE(first.publish({}, "x", bytes_of(body(3)), at_least_once()));

    MqttInbox second(mapping(rules), "s", clock);
    second.restore(portion.checkpoint);
    ASSERT_TRUE(second.publish({}, "x", bytes_of(body(2)), at_least_once()));
    ASSERT_TRUE(second.publish({}, "y", bytes_of(body(1)), at_least_once()));
    EXPECT_TRUE(second.empty());
    EXPECT_EQ(second.figures().repeated, 2u);
    ASSERT_TRUE(second.publish({}, "x", bytes_of(body(3)), at_least_once()));
    EXPECT_EQ(second.take().batch.size(), 1u);
    for (std::size_t cut = 0; cut < portion.checkpoint.size(); ++cut) {
        Bytes torn(portion.checkpoint.begin(), portion.checkpoint.begin() + std::ptrdiff_t(cut));
        second.restore(torn);  // must not read past its end
    }
}

TEST(MqttInbox, forgets_the_topic_that_was_silent_longest) {
    RealClock clock;
    MqttInbox inbox(mapping(R"([{"filter":"#"}])"), "s", clock);
    const auto send = [&](int topic) {
        return inbox.publish({}, std::to_string(topic),
                             bytes_of(R"({"seq":1,"t":5,"values":{"a":1}})"), at_least_once());
    };
    for (int topic = 0; topic < 257; ++topic) ASSERT_TRUE(send(topic));
    ASSERT_TRUE(send(256));
    EXPECT_EQ(inbox.figures().repeated, 1u);
    ASSERT_TRUE(send(0));
    EXPECT_EQ(inbox.figures().repeated, 1u);
}

TEST(MqttInbox, pushes_back_when_it_is_full_and_gives_out_portions_in_order) {
    RealClock clock;
    MqttInbox inbox(mapping(R"([{"filter":"#","signal":"x"}])"), "s", clock);
    std::uint64_t sent = 0;
    for (;; ++sent) {
        auto ticket = inbox.publish({}, "t", bytes_of(std::to_string(sent)), at_least_once());
        if (!ticket) {
            EXPECT_EQ(ticket.error().code, Errc::overloaded);
            break;
        }
        ASSERT_EQ(ticket->value, sent + 1);
    }
    EXPECT_EQ(sent, 50'000u);
    std::uint64_t next = 0;
    while (!inbox.empty()) {
        const auto portion = inbox.take();
        EXPECT_LE(portion.batch.size(), 2'048u);
        for (const double value : portion.batch.values)
            ASSERT_EQ(value, static_cast<double>(next++));
        EXPECT_EQ(portion.through.value, next);
    }
    EXPECT_EQ(next, sent);
    EXPECT_TRUE(inbox.publish({}, "t", bytes_of("1"), at_least_once()));
}

TEST(MqttInbox, keeps_a_portion_within_what_the_hub_takes) {
    RealClock clock;
    MqttInbox inbox(mapping(R"([{"filter":"s/+","signal":"{1}"},{"filter":"r"}])"), "s", clock);
    for (int i = 0; i < 1'500; ++i)
        ASSERT_TRUE(inbox.publish({}, "s/" + std::to_string(i), bytes_of("1"), at_least_once()));
    EXPECT_EQ(inbox.take().batch.runs.size(), 1'000u);
    EXPECT_EQ(inbox.take().batch.runs.size(), 500u);
    // A recording and live values do not share a message.
    ASSERT_TRUE(inbox.publish({}, "s/1", bytes_of("1"), at_least_once()));
    ASSERT_TRUE(inbox.publish({}, "r", bytes_of(R"({"replayed":true,"t":1,"values":{"a":1}})"),
                              at_least_once()));
    EXPECT_FALSE(inbox.take().batch.replayed);
    EXPECT_TRUE(inbox.take().batch.replayed);
    EXPECT_TRUE(inbox.empty());
}

// The processor's part: keeps what it accepts; durable when told.
Batch frame_of(std::uint64_t sequence, int signals) {
    Batch batch;
    batch.position.sequence = sequence;
    for (int i = 0; i < signals; ++i) {
        const auto at = static_cast<std::uint32_t>(i);
        batch.runs.push_back({"axis." + std::to_string(i), "mm", at, at + 1});
        batch.times.push_back({1'000 + static_cast<std::int64_t>(sequence)});
        batch.values.push_back(i + .25);
        batch.quality.push_back(Quality::good());
    }
    return batch;
}

Bytes frame_bytes(std::uint64_t sequence, int signals, const std::string& device = {}) {
    Batch batch = frame_of(sequence, signals);
    batch.device.text = device;
    Bytes bytes;
    payload::encode_binary(batch, bytes, device.empty());
    return bytes;
}

TEST(MqttMapping, reads_binary_batches_and_keeps_their_form) {
    auto mapping =
        MqttMapping::read(json(R"([{"filter":"a"},{"filter":"b","signals":{"axis.0":"x"}}])"))
            .value();
    mapping.speak_for(DeviceId{"gw-1"});
    Batch first, second, renamed;
    EXPECT_TRUE(mapping.decode("a", frame_bytes(1, 3), Timestamp{1}, first).value());
    EXPECT_TRUE(mapping.decode("a", frame_bytes(2, 3, "gw-1"), Timestamp{1}, second).value());
    EXPECT_NE(first.form, 0u);
    EXPECT_EQ(first.runs[2].signal, "axis.2");
    EXPECT_EQ(first.values[2], 2.25);
    EXPECT_EQ(first.times[2].ns, 1'001);
    EXPECT_EQ(second.position.sequence, 2u);
    EXPECT_TRUE(mapping.decode("b", frame_bytes(3, 3), Timestamp{1}, renamed).value());
    EXPECT_EQ(renamed.runs[0].signal, "x");
    EXPECT_EQ(renamed.form, 0u);  // the form's runs have other names

    Batch none;
    EXPECT_NE(mapping.decode("a", frame_bytes(4, 3, "gw-2"), Timestamp{1}, none)
                  .error()
                  .message.find("gw-2"),
              std::string::npos);
    Bytes two = frame_bytes(5, 3);
    two.resize(two.size() + 8);
    EXPECT_NE(
        mapping.decode("a", two, Timestamp{1}, none).error().message.find("one batch in a message"),
        std::string::npos);
    EXPECT_EQ(none.size(), 0u);
}

TEST(MqttInbox, gives_out_a_frame_as_it_came_between_other_messages) {
    RealClock clock;
    MqttInbox inbox(
        MqttMapping::read(json(R"([{"filter":"v","signal":"v"},{"filter":"f"}])")).value(), "line",
        clock);
    const mqtt::PublishProperties once{};
    ASSERT_TRUE(inbox.publish({}, "v", bytes_of("1"), once));
    ASSERT_TRUE(inbox.publish({}, "v", bytes_of("2"), once));
    ASSERT_TRUE(inbox.publish({}, "f", frame_bytes(7, 3), once));
    ASSERT_TRUE(inbox.publish({}, "v", bytes_of("3"), once));
    EXPECT_EQ(inbox.waiting_points(), 6u);
    EXPECT_EQ(inbox.take().batch.size(), 2u);
    const auto frame = inbox.take();
    EXPECT_NE(frame.batch.form, 0u);
    EXPECT_EQ(frame.batch.values, (std::vector<double>{.25, 1.25, 2.25}));
    EXPECT_EQ(frame.through.value, 3u);
    EXPECT_EQ(inbox.take().batch.values, std::vector<double>{3});
    EXPECT_EQ(inbox.waiting_points(), 0u);
    // Sent again it is known, also after a restart from the checkpoint that came with it.
    ASSERT_TRUE(inbox.publish({}, "f", frame_bytes(7, 3), once));
    EXPECT_TRUE(inbox.empty());
    MqttInbox later(MqttMapping::read(json(R"([{"filter":"f"}])")).value(), "line", clock);
    later.restore(frame.checkpoint);
    ASSERT_TRUE(later.publish({}, "f", frame_bytes(7, 3), once));
    EXPECT_TRUE(later.empty());
}

TEST(MqttInbox, what_is_rehearsed_is_nowhere) {
    RealClock clock;
    MqttInbox inbox(
        MqttMapping::read(json(R"([{"filter":"v","signal":"v"},{"filter":"f"}])")).value(), "line",
        clock);
    inbox.rehearse();  // nothing came yet
    for (const std::uint64_t sequence : {1u, 2u}) {
        ASSERT_TRUE(inbox.publish({}, "f", frame_bytes(sequence, 3), {}));
        inbox.rehearse();  // one waits
        auto portion = inbox.take();
        EXPECT_EQ(portion.batch.times[0].ns, 1'000 + std::int64_t(sequence));
        EXPECT_EQ(portion.batch.position.sequence, sequence);
        inbox.give_back(std::move(portion.batch));
        inbox.rehearse();
        EXPECT_TRUE(inbox.empty());
    }
    ASSERT_TRUE(inbox.publish({}, "v", bytes_of("5"), {}));
    EXPECT_EQ(inbox.take().batch.values, std::vector<double>{5});
    EXPECT_EQ(inbox.figures().points, 7u);
    EXPECT_EQ(inbox.figures().repeated, 0u);
}

class Keeper final : public SourceSink {
 public:
    Task<> accept(Batch& batch, Bytes checkpoint) override {
        for (const Run& run : batch.runs)
            for (auto i = run.begin; i < run.end; ++i)
                points.emplace_back(run.signal, batch.values[i]);
        device = batch.device.text, stream = batch.position.stream;
        last = std::move(checkpoint);
        co_return Result<>{};
    }
    Task<> durable() override { co_return co_await disk.wait(); }
    std::vector<std::pair<std::string, double>> points;
    std::string device, stream;
    Bytes last;
    Event disk;
};

class LocalMqtt : public testing::Test {
 protected:
    LocalMqtt() : loop_(Loop::open().value()), scope_(std::make_unique<Scope>(*loop_)) {}

    MqttSource& start(std::string more = "") {
        auto options = mqtt_source_options(json(
            R"({"type":"mqtt","listen":"127.0.0.1:0")" + more +
            R"(,"topics":[{"filter":"pump/pressure","signal":"pressure"},{"filter":"raw/#"}]})"));
        EXPECT_TRUE(options) << options.error().message;
        auto source = MqttSource::open(std::move(*options), {DeviceId{"gw-1"}, "line", &clock_});
        EXPECT_TRUE(source) << source.error().message;
        source_ = std::move(*source);
        scope_->spawn(source_->run(keeper_, {}));
        while (source_->status().state == "starting") loop_->turn(true);
        return *source_;
    }
    Result<std::unique_ptr<mqtt::Client>> connect(
        mqtt::Version version, std::shared_ptr<const net::TlsContext> tls = nullptr) {
        const net::Address at = source_->address();
        auto stream = sync_wait(
            *loop_, net::connect({.host = at.host, .port = at.port, .tls = std::move(tls)}));
        if (!stream) return std::move(stream).error();
        mqtt::ClientOptions options;
        options.version = version;
        return sync_wait(*loop_, mqtt::Client::connect(std::move(*stream), std::move(options)));
    }

    log::Capture quiet_;
    RealClock clock_;
    std::unique_ptr<Loop> loop_;
    Keeper keeper_;
    std::unique_ptr<MqttSource> source_;
    std::unique_ptr<Scope> scope_;
};

TEST_F(LocalMqtt, acknowledges_when_the_points_are_on_the_disk) {
    for (const auto version : {mqtt::Version::v3_1_1, mqtt::Version::v5}) {
        start();
        keeper_.points.clear();
        keeper_.disk.reset();
        auto client = connect(version).value();
        ASSERT_TRUE(client->publish("pump/pressure", bytes_of("1.25"), mqtt::QoS::at_least_once));
        while (keeper_.points.empty()) loop_->turn(true);
        EXPECT_EQ(client->acknowledged(), 0u);
        ASSERT_TRUE(client->publish("raw/x",
                                    bytes_of(R"({"signal":"flow","t":1700000000000000000,"v":32})"),
                                    mqtt::QoS::at_least_once));
        keeper_.disk.set();
        EXPECT_TRUE(sync_wait(*loop_, client->acknowledged(2)));
        const std::vector<std::pair<std::string, double>> wanted = {{"pressure", 1.25},
                                                                    {"flow", 32}};
        EXPECT_EQ(keeper_.points, wanted);
        EXPECT_EQ(keeper_.device, "gw-1");
        EXPECT_EQ(keeper_.stream, "line");
        EXPECT_EQ(source_->status().points, 2u);
        scope_ = std::make_unique<Scope>(*loop_);
    }
}

TEST_F(LocalMqtt, decides_on_a_frame_while_the_disk_works_on_the_one_before) {
    start();
    auto client = connect(mqtt::Version::v5).value();
    for (std::uint64_t i = 1; i <= 2; ++i)
        ASSERT_TRUE(client->publish("raw/x", frame_bytes(i, 64), mqtt::QoS::at_least_once));
    while (keeper_.points.size() < 128) loop_->turn(true);
    EXPECT_EQ(client->acknowledged(), 0u);  // neither is on the disk
    ASSERT_TRUE(client->publish("pump/pressure", bytes_of("1"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(client->publish("raw/x", frame_bytes(3, 64), mqtt::QoS::at_least_once));
    while (keeper_.points.size() < 193) loop_->turn(true);
    keeper_.disk.set();
    EXPECT_TRUE(sync_wait(*loop_, client->acknowledged(4)));
}

TEST_F(LocalMqtt, refuses_what_it_cannot_read_and_goes_on) {
    start();
    keeper_.disk.set();
    auto five = connect(mqtt::Version::v5).value();
    std::vector<mqtt::ReasonCode> refused;
    five->on_refused([&](mqtt::Sequence, mqtt::ReasonCode why) { refused.push_back(why); });
    ASSERT_TRUE(five->publish("pump/pressure", bytes_of("high"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(five->publish("pump/pressure", bytes_of("2"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(sync_wait(*loop_, five->acknowledged(2)));
    EXPECT_EQ(refused, std::vector{mqtt::ReasonCode::payload_format_invalid});
    // In 3.1.1 a refusal would end the connection, and the client would come back with the same.
    auto four = connect(mqtt::Version::v3_1_1).value();
    ASSERT_TRUE(four->publish("pump/pressure", bytes_of("high"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(four->publish("pump/colour", bytes_of("red"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(four->publish("pump/pressure", bytes_of("3"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(sync_wait(*loop_, four->acknowledged(3)));
    const std::vector<std::pair<std::string, double>> wanted = {{"pressure", 2}, {"pressure", 3}};
    EXPECT_EQ(keeper_.points, wanted);
    EXPECT_EQ(source_->status().refused, 2u);
    EXPECT_NE(source_->status().refusal.find("topic 'pump/pressure': want a bare number"),
              std::string::npos)
        << source_->status().refusal;
    const auto subscribed = sync_wait(*loop_, five->subscribe("#", mqtt::QoS::at_most_once));
    ASSERT_FALSE(subscribed);
    EXPECT_EQ(subscribed.error().code, Errc::denied);
}

TEST_F(LocalMqtt, stops_while_clients_are_there_and_the_disk_is_busy) {
    start();
    auto client = connect(mqtt::Version::v5).value();
    ASSERT_TRUE(client->publish("pump/pressure", bytes_of("1"), mqtt::QoS::at_least_once));
    while (keeper_.points.empty()) loop_->turn(true);
    scope_->cancel();
    ASSERT_TRUE(sync_wait(
        *loop_, [](Scope& scope) -> Task<> { co_return co_await scope.join(); }(*scope_)));
    EXPECT_FALSE(sync_wait(*loop_, client->closed()));
    EXPECT_EQ(client->acknowledged(), 0u) << "never said without the disk";
    // The port is free again.
    auto options = mqtt_source_options(json(R"({"listen":")" + net::to_text(source_->address()) +
                                            R"(","topics":[{"filter":"a"}]})"));
    ASSERT_TRUE(options);
    auto again = MqttSource::open(std::move(*options), {DeviceId{"gw-1"}, "line", &clock_}).value();
    scope_ = std::make_unique<Scope>(*loop_);
    scope_->spawn(again->run(keeper_, {}));
    while (again->status().state == "starting") loop_->turn(true);
    EXPECT_EQ(again->status().state, "running");
    scope_.reset();
}

TEST_F(LocalMqtt, says_who_has_the_port) {
    const net::Address taken = start().address();
    auto options = mqtt_source_options(
        json(R"({"listen":")" + net::to_text(taken) + R"(","topics":[{"filter":"a"}]})"));
    auto second = MqttSource::open(std::move(*options), {DeviceId{"gw-1"}, "b", &clock_}).value();
    const auto outcome = sync_wait(*loop_, second->run(keeper_, {}));
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().message.find(net::to_text(taken)), std::string::npos)
        << outcome.error().message;
    EXPECT_EQ(second->status().state, "failed");
}

TEST_F(LocalMqtt, takes_new_rules_while_clients_stay) {
    MqttSource& source = start();
    keeper_.disk.set();
    auto client = connect(mqtt::Version::v5).value();
    EXPECT_TRUE(source.reconfigure(json(
        R"({"type":"mqtt","listen":"127.0.0.1:0","topics":[{"filter":"+","signal":"{1}"}]})")));
    ASSERT_TRUE(client->publish("level", bytes_of("7"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(sync_wait(*loop_, client->acknowledged(1)));
    EXPECT_EQ(keeper_.points.back().first, "level");
    EXPECT_FALSE(source.reconfigure(
        json(R"({"type":"mqtt","listen":"127.0.0.1:1","topics":[{"filter":"a"}]})")));
    EXPECT_FALSE(source.reconfigure(json(R"({"type":"mqtt","listen":"127.0.0.1:0"})")));
}

// A CA, a server and a client with certificates in files.
class Certificates {
 public:
    Certificates() {
        std::string pattern = (std::filesystem::temp_directory_path() / "mqtt-tls-XXXXXX").string();
        folder = mkdtemp(pattern.data());
        const auto root_key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
        const auto root =
            crypto::self_sign(order(crypto::Profile::root_ca, "plant"), root_key, random_).value();
        ca = crypto::to_pem(root);
        for (const auto& [profile, name] :
             {std::pair{crypto::Profile::server, "gateway"}, {crypto::Profile::device, "meter"}}) {
            const auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
            const auto issued = crypto::issue(order(profile, name), key.public_key().spki(),
                                              {root, root_key}, random_)
                                    .value();
            std::ofstream(folder + "/" + name + ".pem") << crypto::to_pem(issued);
            std::ofstream(folder + "/" + name + ".key") << key.to_pem();
        }
        std::ofstream(folder + "/ca.pem") << ca;
    }
    ~Certificates() { std::filesystem::remove_all(folder); }

    std::string folder, ca;

 private:
    crypto::CertificateOrder order(crypto::Profile profile, std::string name) {
        const Timestamp now = RealClock().now();
        return {.profile = profile,
                .subject_cn = std::move(name),
                .names = {.dns = {}, .addresses = {"127.0.0.1"}, .uris = {}, .other = {}},
                .not_before = now - hours{1},
                .not_after = now + hours{24}};
    }
    SystemRandom random_;
};

TEST_F(LocalMqtt, takes_only_clients_with_a_certificate_of_its_plant_over_tls) {
    Certificates plant;
    start(R"(,"tls":{"certificate":")" + plant.folder + R"(/gateway.pem","key":")" + plant.folder +
          R"(/gateway.key","trusted":")" + plant.folder + R"(/ca.pem"})");
    keeper_.disk.set();
    auto mine = net::read_tls_files({.certificate_chain = plant.folder + "/meter.pem",
                                     .private_key = plant.folder + "/meter.key",
                                     .trusted = plant.folder + "/ca.pem"})
                    .value();
    auto client = connect(mqtt::Version::v5, net::TlsContext::client(std::move(mine)).value());
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE((*client)->publish("pump/pressure", bytes_of("4"), mqtt::QoS::at_least_once));
    ASSERT_TRUE(sync_wait(*loop_, (*client)->acknowledged(1)));
    EXPECT_EQ(keeper_.points.size(), 1u);
    net::TlsOptions nobody;
    nobody.trusted = plant.ca;
    EXPECT_FALSE(connect(mqtt::Version::v5, net::TlsContext::client(std::move(nobody)).value()));
    EXPECT_FALSE(connect(mqtt::Version::v5));
}

}  // namespace
}  // namespace mw::sources
