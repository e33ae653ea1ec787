#include "fleet/monitors/monitors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "data/registry/registry.h"
#include "domain/story.h"

namespace mw::monitors {
namespace {

constexpr std::int64_t start = 1'700'000'000'000'000'000 / 600'000'000'000 * 600'000'000'000;
const std::string bundle(64, 'a'), other_bundle(64, 'b');

std::shared_ptr<const pipeline::Reference> reference() {
    static const auto made = [] {
        SeededRandom random(1);
        auto one = std::make_shared<pipeline::Reference>();
        std::vector<double> values(4000);
        for (const char* name : {"flow", "pressure", "score"}) {
            for (double& value : values) value = random.normal();
            auto distribution = pipeline::distribution_of(name, values);
            if (std::string_view(name) == "score")
                one->score = std::move(distribution);
            else
                one->features.push_back(std::move(distribution));
        }
        return one;
    }();
    return made;
}

// One window of a device whose flow is off by `shift`.
Bytes sketch_of(Random& random, int window, double shift, const std::string& of = bundle) {
    drift::BinCounter counter(reference());
    drift::Sketch sketch;
    for (int i = 0; i < 200; ++i) {
        const std::vector<double> row{random.normal() + shift, random.normal()};
        counter.add(row, random.normal());
        sketch.latency_us.add(30 + i % 7);
    }
    sketch.bundle = of;
    sketch.from = Timestamp{start} + minutes{10} * window;
    sketch.to = sketch.from + minutes{10};
    sketch.counts = counter.take();
    return drift::encode(sketch);
}

const auto one_stratum = [](const std::string&) { return std::optional<std::string>("all"); };

// Sketches of a fleet in any order, some again and again: to the last bit the central counts.
TEST(SketchIndex, what_was_delivered_in_any_order_and_again_equals_the_central_counts) {
    constexpr std::uint64_t seed = 42;
    std::printf("seed %d\n", static_cast<int>(seed));
    SeededRandom random(seed);
    for (int round = 0; round < 5; ++round) {
        std::vector<std::pair<std::string, Bytes>> sent;
        drift::BinCounts central;
        for (int device = 0; device < 6; ++device) {
            for (int window = 0; window < 6; ++window) {
                Bytes body = sketch_of(random, window, 0);
                ASSERT_TRUE(central.merge(drift::decode_sketch(body)->counts));
                sent.emplace_back("gw-" + std::to_string(device), std::move(body));
            }
        }
        for (int again = 0; again < 20; ++again) sent.push_back(sent[random.below(sent.size())]);
        for (std::size_t i = sent.size(); i > 1; --i) std::swap(sent[i - 1], sent[random.below(i)]);
        SketchIndex index;
        for (const auto& [device, body] : sent) ASSERT_TRUE(index.put(device, "pump", body));
        EXPECT_EQ(index.sketches(), 36u);
        drift::BinCounts merged;
        for (const auto& device : index.counts("pump", bundle, Timestamp{start}, one_stratum))
            ASSERT_TRUE(merged.merge(device.counts));
        EXPECT_EQ(merged, central);
    }
}

TEST(SketchIndex, keeps_to_its_limits_and_tells_the_bundle_that_most_run) {
    SeededRandom random(1);
    IndexLimits limits;
    limits.age_max = hours{1};
    SketchIndex index(limits);
    for (int window = 0; window < 30; ++window)
        ASSERT_TRUE(*index.put("gw-1", "pump", sketch_of(random, window, 0)));
    EXPECT_LE(index.sketches(), 8u);
    EXPECT_FALSE(*index.put("gw-1", "pump", sketch_of(random, 0, 0)));  // too old by now
    EXPECT_FALSE(index.put("gw-1", "pump", Bytes{1, 2, 3}));
    for (const char* device : {"gw-2", "gw-3"})
        ASSERT_TRUE(*index.put(device, "pump", sketch_of(random, 29, 0, other_bundle)));
    EXPECT_EQ(index.newest("pump", hours{1})->bundle, other_bundle);
    EXPECT_EQ(index.newest("pump", hours{1})->to, Timestamp{start} + minutes{300});
    EXPECT_FALSE(index.newest("fan", hours{1}));
}

ingest::DeviceReport report_of(const std::string& device, const Bytes& body) {
    return {ingest::TopicKind::sketch, device, "pump", std::string(text_of(body)), {}};
}

TEST(SketchLog, what_was_durable_is_there_after_a_power_cut_and_a_torn_tail_is_not) {
    SeededRandom random(3);
    const auto loop = Loop::open().value();
    Workers workers{{1, 256, 0, "sketches"}};
    const auto folder = files::TemporaryDirectory::make().value();
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        const std::string root = files::join(folder.path(), std::to_string(seed));
        SketchLogOptions options;
        options.directory = root + "/sketches";
        std::vector<StoredSketch> found;
        const auto remember = [&](StoredSketch sketch) { found.push_back(std::move(sketch)); };
        auto disk = files::FaultyFiles::open(root, seed).value();
        auto log = SketchLog::open(*disk, *loop, workers, options, remember).value();
        std::uint64_t last = 0;
        for (int i = 0; i < 5; ++i)
            last = log->keep(report_of("gw-" + std::to_string(i), sketch_of(random, i, 0))).value();
        while (log->durable() < last) ASSERT_TRUE(loop->turn(true));
        EXPECT_FALSE(log->keep(report_of("gw-9", Bytes{1, 2})));
        for (int i = 5; i < 8; ++i)
            ignore(log->keep(report_of("gw-" + std::to_string(i), sketch_of(random, i, 0))), "cut");
        ignore(disk->power_cut(), "it is cut");
        ignore(sync_wait(*loop, log->stop()), "the disk is cut");
        log.reset();
        disk = files::FaultyFiles::open(root, seed + 100).value();
        log = SketchLog::open(*disk, *loop, workers, options, remember).value();
        ASSERT_GE(found.size(), 5u);
        ASSERT_LE(found.size(), 8u);
        for (std::size_t i = 0; i < found.size(); ++i)
            EXPECT_EQ(found[i].device, "gw-" + std::to_string(i));
        EXPECT_EQ(found[0].model, "pump");
        ASSERT_TRUE(sync_wait(*loop, log->stop()));
    }
}

std::string label_rows(int right, int wrong) {
    std::string rows;
    for (int i = 0; i < right + wrong; ++i) {
        const bool miss = i >= right && i % 2 == 0;
        rows += (rows.empty() ? "" : ",");
        rows += "[\"" + to_iso8601(Timestamp{start} + hours{2} * i) + "\",\"gw-1\",false," +
                (miss || i % 10 == 0 ? "true" : "false") + ",0.1]";
    }
    return R"({"columns":[],"rows":[)" + rows + "]}";
}

TEST(Outcomes, a_rise_of_wrong_decisions_is_seen_and_a_steady_rate_is_not) {
    const auto steady = answers_from(label_rows(600, 0));
    ASSERT_TRUE(steady);
    EXPECT_FALSE(decline_of(*steady).declined);
    EXPECT_NEAR(decline_of(*steady).error_rate, .1, .01);
    const auto worse = decline_of(*answers_from(label_rows(400, 200)));
    EXPECT_TRUE(worse.declined);
    EXPECT_LT(worse.before, .2);
    EXPECT_NEAR(worse.after, .55, .1);
    EXPECT_NEAR(static_cast<double>((worse.since - Timestamp{start}) / hours{2}), 400, 20);
    EXPECT_FALSE(answers_from(R"({"rows":[[1]]})"));
}

TEST(Outcomes, windows_of_one_incident_share_a_cluster) {
    std::vector<Answered> answers;
    for (const int minute : {0, 20, 40, 200})
        answers.push_back({Timestamp{start} + minutes{minute}, "gw-1", true, true, .5});
    answers.push_back({Timestamp{start} + minutes{200}, "gw-2", true, true, .5});
    const auto windows = windows_of(answers, Timestamp{start});
    EXPECT_EQ(windows[0].cluster, windows[2].cluster);
    EXPECT_NE(windows[2].cluster, windows[3].cluster);
    EXPECT_NE(windows[3].cluster, windows[4].cluster);
    EXPECT_EQ(windows_of(answers, Timestamp{start} + minutes{100}).size(), 2u);
}

TEST(MonitorTable, stands_in_the_documents_and_every_row_can_be_walked) {
    const StateTable& table = monitor_table();
    std::ifstream in(std::string(MW_SOURCE_DIR) + "/docs/formats/state-machines.md");
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_NE(text.str().find("## Monitor\n" + table.to_markdown()), std::string::npos)
        << table.to_markdown();
    for (const Transition& row : table.rows()) {
        Resource monitor;
        monitor.status = JsonObject{{"state", row.from}};
        ASSERT_TRUE(advance(monitor, table, row.event, "because", {start}));
        EXPECT_EQ(state_of(monitor, table), row.to);
    }
}

class FakeQuery final : public QueryEngine {
 public:
    std::string body = R"({"columns":[],"rows":[]})";
    Task<QueryReply> query(QueryRequest) override {
        QueryReply reply;
        reply.body = body;
        co_return std::move(reply);
    }
};

class OneMonitor : public testing::Test {
 protected:
    OneMonitor() {
        clock_.set_wall({start});
        LoopOptions options;
        options.simulated = &clock_;
        loop_ = Loop::open(options).value();
        registry_ =
            registry::Registry::open(*loop_, clock_, metrics_, {.path = ":memory:"}).value();
        put("UseCase", "leaks",
            R"({"business_owner":"Ann","executive_sponsor":"Eve","hypothesis":"Fewer leaks",
                "events_per_week":20,"cost_of_miss":500,"cost_of_false_alarm":20})");
        const auto kpi = parse_json(
            R"([{"name":"stops","now":{"low":8,"estimate":9,"high":10},"target":6,"distance":3,"unit":"1/week"}])");
        status("UseCase", "leaks", "kpis", *kpi);
        put("Model", "pump", "{}");
        put("ModelVersion", "pump--1",
            R"({"model":"pump","version":"1","bundle":")" + bundle + R"(","size":10})");
        status("ModelVersion", "pump--1", "gate",
               *parse_json(R"({"missed_alarm_rate":0.1,"false_alarm_rate":0,"rows":20000,
                               "anomalous_rows":4000,"events":40})"));
        for (const char* device : {"gw-1", "gw-2"}) put("Device", device, "{}");
        put("Monitor", "pumps", R"({"use_case":"leaks","model":"pump"})");
        begin();
    }
    ~OneMonitor() override { end(); }

    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }
    void put(const std::string& kind, const std::string& name, const std::string& spec) {
        Resource resource;
        resource.kind = kind;
        resource.name = name;
        auto parsed = parse_json(spec);
        ASSERT_TRUE(parsed) << spec;
        resource.spec = *parsed;
        auto made = wait(registry_->create(std::move(resource), {"user:ann", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
    void status(const std::string& kind, const std::string& name, const char* key, Json value) {
        JsonObject changes{{key, std::move(value)}};
        ASSERT_TRUE(wait(registry_->merge_status(kind, name, changes, {"hub", "status", ""})));
    }
    static Task<Bytes> bundle_of(std::string sha256) {
        pipeline::Bundle parts;
        parts = {{1}, "pipeline", pipeline::to_text(*reference()), "card", "selftest"};
        if (sha256.size() != 64) co_return Error{Errc::not_found, "no such bundle"};
        co_return pipeline::pack(parts);
    }
    void begin() {
        monitors_ = std::make_unique<Monitors>(
            Monitors::Parts{*loop_, workers_, *registry_, query_, sketches_, bundle_of});
        ASSERT_TRUE(wait(monitors_->start()));
    }
    void end() {
        if (monitors_) ignore(wait(monitors_->stop()), "the test is over");
        monitors_.reset();
    }
    // Both devices send a window; then the monitor looks.
    void send(int window, double shift) {
        for (const char* device : {"gw-1", "gw-2"}) {
            const Bytes body = sketch_of(random_, window, shift);
            monitors_->on_sketch(device, "pump", body);
            monitors_->on_sketch(device, "pump", body);
        }
        look();
    }
    void look() {
        auto looked = wait(monitors_->look("pumps"));
        ASSERT_TRUE(looked) << looked.error().message;
    }
    Resource monitor() { return *wait(registry_->get("Monitor", "pumps")); }
    std::string text(const char* path) { return find_string(monitor().status, path).value_or(""); }

    SimulatedClock clock_;
    metrics::Registry metrics_;
    SeededRandom random_{11};
    std::unique_ptr<Loop> loop_;
    Workers workers_{{1, 256, 0, "monitors"}};
    std::unique_ptr<registry::Registry> registry_;
    FakeQuery query_;
    SketchIndex sketches_;
    std::unique_ptr<Monitors> monitors_;
};

TEST_F(OneMonitor, goes_from_quiet_over_drift_to_an_alert_that_a_person_sees_and_back) {
    look();  // no sketches: nothing to say
    EXPECT_EQ(text("state"), "");
    send(0, 0);
    EXPECT_EQ(text("state"), "watching");
    send(1, 0);
    EXPECT_EQ(text("state"), "watching");
    EXPECT_EQ(find_integer(monitor().status, "reading.devices"), 2);
    for (int window = 2; window < 8; ++window) {
        send(window, 2);
        if (text("state") == "alerting") break;
    }
    ASSERT_EQ(text("state"), "alerting");
    EXPECT_NE(text("says").find("flow"), std::string::npos);
    EXPECT_EQ(find(monitor().status, "drifting_devices")->get_array().size(), 2u);
    const Json alert = *find(monitor().status, "alert");
    EXPECT_EQ(find_string(alert, "use_case"), "leaks");
    EXPECT_EQ(find_string(alert, "kpi.name"), "stops");
    EXPECT_EQ(find_number(alert, "kpi.distance"), 3);
    EXPECT_EQ(find_bool(alert, "priced"), false);
    EXPECT_EQ(find_string(alert, "loss_per_week"), "unpriced");
    EXPECT_GT(find_integer(alert, "labels_missing").value_or(0), 0);
    EXPECT_EQ(find_string(alert, "owner"), "Ann");
    EXPECT_EQ(find_string(alert, "sponsor"), "Eve");
    EXPECT_EQ(find_string(alert, "next_action"), "millwright label next");

    end();
    begin();  // a restart forgets nothing
    EXPECT_FALSE(wait(monitors_->acknowledge("nobody", "user:ann")));
    ASSERT_TRUE(wait(monitors_->acknowledge("pumps", "user:ann")));
    EXPECT_EQ(text("state"), "acknowledged");
    EXPECT_FALSE(wait(monitors_->acknowledge("pumps", "user:ann")));
    send(9, 2);
    EXPECT_EQ(text("state"), "acknowledged");
    for (int window = 10; window < 20; ++window) send(window, 0);
    EXPECT_EQ(text("state"), "watching");
    EXPECT_FALSE(find(monitor().status, "alert"));
    int alerts = 0;
    const auto facts = wait(registry_->facts(0, 5000));
    ASSERT_TRUE(facts.ok());
    for (const auto& fact : *facts)
        alerts += fact.action == "monitor.alert" && fact.name == "pumps";
    EXPECT_EQ(alerts, 1);
}

TEST_F(OneMonitor, labels_alone_raise_an_alert_and_price_it) {
    send(0, 0);
    clock_.advance(hours{24 * 51});
    query_.body = label_rows(400, 200);
    look();
    ASSERT_EQ(text("state"), "alerting") << text("says");
    const Json status = monitor().status;
    EXPECT_EQ(find_integer(status, "outcomes.labels"), 600);
    const auto loss = find_number(status, "alert.loss_per_week.estimate");
    ASSERT_TRUE(loss) << mw::to_json(*find(status, "alert"));
    EXPECT_GT(*loss, 0);
    EXPECT_EQ(find_string(status, "alert.loss_per_week.currency"), "EUR");
}

TEST_F(OneMonitor, looks_by_itself_when_sketches_come) {
    monitors_->on_sketch("gw-1", "pump", sketch_of(random_, 0, 0));
    for (int i = 0; i < 1000 && text("state").empty(); ++i)
        ASSERT_TRUE(wait([]() -> Task<> { co_return co_await sleep_for(milliseconds{50}); }()));
    EXPECT_EQ(text("state"), "watching");
}

}  // namespace
}  // namespace mw::monitors
