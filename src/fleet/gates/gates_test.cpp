// Gates over the real registry, blobs and ONNX Runtime; devices answer at once or not at all.
#include "fleet/gates/gates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "data/registry/registry.h"
#include "domain/story.h"
#include "fleet/gates/sample_version.h"

namespace mw::gates {
namespace {

struct SentCommand {
    std::string device, id, body;
};
// A device that answers at once, or not at all.
class Devices final : public CommandSink {
 public:
    std::vector<SentCommand> sent;
    std::map<std::string, std::string> replies;  // by device
    Commands* commands = nullptr;
    Loop* loop = nullptr;
    void command(const std::string& device, const std::string& id, std::string body) override {
        sent.push_back({device, id, body});
        const auto reply = replies.find(device);
        if (reply == replies.end()) return;
        loop->post(
            [this, device, id, text = reply->second] { commands->on_reply(device, id, text); });
    }
};

struct World {
    World() {
        LoopOptions options;
        options.simulated = &clock;
        loop = Loop::open(options).value();
        devices.loop = loop.get();
        devices.commands = &commands;
        registry = registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"}).value();
        blobs = blobs::Blobs::open(files, workers, {.directory = folder.path() + "/blobs"}).value();
        begin();
    }
    ~World() { end(); }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop, std::move(task));
    }
    void begin() {
        Sign sign = [this](ByteView message) -> Result<Signature> {
            TRY(Bytes signature, key.sign(message));
            return Signature{std::move(signature), Bytes{1, 2, 3}};
        };
        AskConsent consent = [this](const Resource& subject, const std::string& what,
                                    std::string role) {
            asked_roles.push_back(subject.name + " " + what + " " + role);
            const bool given = role == consenting_role;
            return agree(given, std::move(role));
        };
        gates =
            std::make_unique<Gates>(Gates::Parts{*loop, *registry, *blobs, workers, clock, commands,
                                                 std::move(sign), std::move(consent)});
        ASSERT_TRUE(wait(gates->start()));
    }
    void end() {
        if (gates) ignore(wait(gates->stop()), "the test is over");
        gates.reset();
    }
    static Task<Consent> agree(bool given, std::string role) {
        co_return Consent{given, "user:eve approved as " + role};
    }
    void put(const std::string& kind, const std::string& name, Json spec) {
        Resource resource;
        resource.kind = kind;
        resource.name = name;
        resource.spec = std::move(spec);
        auto made = wait(registry->create(std::move(resource), {"user:ann", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
    void status(const std::string& kind, const std::string& name, const std::string& keys) {
        auto done = wait(registry->merge_status(kind, name, parse_json(keys)->get_object(),
                                                {"hub", "test", ""}));
        ASSERT_TRUE(done) << done.error().message;
    }
    std::string blob(std::string_view bytes) {
        return wait(blobs->put(Bytes(bytes.begin(), bytes.end())))->sha256;
    }
    Resource get(const std::string& kind, const std::string& name) {
        auto found = wait(registry->get(kind, name));
        EXPECT_TRUE(found) << (found ? "" : found.error().message);
        return found ? *found : Resource{};
    }
    // The version once it is in none of these states.
    Resource leaving(const std::string& name, const std::string& state) {
        for (int turns = 0; turns < 10'000; ++turns) {
            auto version = get("ModelVersion", name);
            if (state_of(version, version_table()) != state) return version;
            // A second of virtual time, which stands still while a worker is busy.
            ignore(sync_wait(*loop, sleep_for(seconds{1})), "only the loop's end cuts it short");
        }
        ADD_FAILURE() << name << " stays " << state;
        return {};
    }
    Resource gated(const std::string& name) {
        const auto started = wait(gates->run("g", name, "user:ann"));
        EXPECT_TRUE(started) << (started ? "" : started.error().message);
        return leaving(name, "validating");
    }

    files::TemporaryDirectory folder = files::TemporaryDirectory::make().value();
    files::RealFiles files;
    SimulatedClock clock;
    SeededRandom random{3};
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop;
    Workers workers{{.threads = 1}};
    Devices devices;
    Commands commands{clock, random, devices};
    crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyKind::ed25519).value();
    std::string consenting_role;
    std::vector<std::string> asked_roles;
    std::unique_ptr<registry::Registry> registry;
    std::unique_ptr<blobs::Blobs> blobs;
    std::unique_ptr<Gates> gates;
};

// Flow falls by six where the valve closes: four events, the last one faint.
datasets::Content golden() {
    SeededRandom random(11);
    detectors::Recording r;
    r.signals = {"flow"};
    for (int i = 0; i < 800; ++i) {
        const bool fault = i % 200 >= 150;
        const double depth = i < 600 ? 6 : 0.9;
        r.times.push_back({i * 1'000'000'000LL});
        r.labels.push_back(fault);
        r.values.push_back(32 + 0.3 * random.normal() - (fault ? depth : 0));
        r.quality.push_back(Quality::good());
    }
    datasets::Content content;
    content.signals = r.signals;
    content.devices.push_back({"gw-1", std::move(r), std::vector<std::uint8_t>(800, 1)});
    return content;
}

Bytes trained(double factor) {
    auto engine = inference::open_onnx_runtime().value();
    detectors::TrainOptions options;
    options.algorithm = detectors::Algorithm::t2q;
    options.smoothing_scores = 5;
    options.factor = factor;
    const auto rows = datasets::normal_rows(golden());
    auto made = detectors::train(rows, options, *engine);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made->bundle;
}

class GateRuns : public testing::Test {
 protected:
    static void SetUpTestSuite() {
        good_ = new Bytes(trained(1.6));
        deaf_ = new Bytes(trained(1e6));
    }
    static void TearDownTestSuite() {
        delete good_;
        delete deaf_;
    }
    GateRuns() {
        world.put("DataProduct", "pumps", JsonObject{});
        world.put("Model", "pump", JsonObject{});
        const auto text = datasets::write_dataset(golden());
        EXPECT_TRUE(text);
        const std::string sha256 = world.blob(*text);
        world.put("Dataset", "golden", *parse_json(R"({"product":"pumps","purpose":"golden",
                  "from":"1970-01-01T00:00:00Z","to":"1970-01-02T00:00:00Z"})"));
        world.status("Dataset", "golden", R"({"state":"frozen","sha256":")" + sha256 + "\"}");
    }
    void gate(const std::string& metrics, const std::string& more = "") {
        world.put(
            "GateSpec", "g",
            *parse_json(R"({"model":"pump","dataset":"golden","metrics":)" + metrics + more + "}"));
    }
    void push(const std::string& version, const Bytes& bundle) {
        const std::string sha256 = world.blob(text_of(bundle));
        world.put("ModelVersion", "pump--" + version,
                  JsonObject{{"model", "pump"},
                             {"version", version},
                             {"bundle", sha256},
                             {"size", static_cast<std::int64_t>(bundle.size())}});
    }
    static const Json* row(const Resource& report, const std::string& name) {
        for (const Json& one : find(report.spec, "rows")->get_array())
            if (find_string(one, "row") == name) return &one;
        return nullptr;
    }
    static std::string reason(const Resource& version) {
        return find_string(version.status, "reason").value_or("");
    }
    Resource report_of(const Resource& version) {
        return world.get("GateReport", find_string(version.status, "gate.report").value_or(""));
    }

    static Bytes *good_, *deaf_;
    World world;
};
Bytes* GateRuns::good_ = nullptr;
Bytes* GateRuns::deaf_ = nullptr;

TEST_F(GateRuns, a_model_one_percent_worse_than_its_limit_is_refused_and_one_at_it_passes) {
    push("1", *good_);
    gate(R"([{"metric":"f1","min":0}])");
    const Resource measured = world.gated("pump--1");
    ASSERT_EQ(find_string(measured.status, "state"), "validated") << reason(measured);
    const double f1 = *find_number(measured.status, "gate.f1");
    EXPECT_GT(f1, 0.5);
    EXPECT_LT(f1, 0.99);
    // Boost.JSON reads a double back to within its last place; a billionth is far above that.
    for (const auto& [limit, state] :
         {std::pair{f1 * (1 - 1e-9), "validated"}, std::pair{f1 * 1.01, "refused"}}) {
        auto spec = world.get("GateSpec", "g");
        set(spec.spec, "metrics", JsonArray{JsonObject{{"metric", "f1"}, {"min", limit}}});
        ASSERT_TRUE(world.wait(world.registry->replace(spec, {"user:ann", "replace", ""})));
        const Resource version = world.gated("pump--1");
        EXPECT_EQ(find_string(version.status, "state"), state) << reason(version);
        const Resource report = report_of(version);
        EXPECT_EQ(find_string(report.spec, "verdict"),
                  std::string(state) == "refused" ? "refused" : "passed");
        EXPECT_NEAR(*find_number(*row(report, "f1"), "measured"), f1, 1e-9);
    }
    EXPECT_NE(reason(world.get("ModelVersion", "pump--1")).find("f1 is 0."), std::string::npos);
    const auto facts = world.wait(world.registry->facts(0, 1000));
    ASSERT_TRUE(facts);
    EXPECT_TRUE(std::any_of(facts->begin(), facts->end(),
                            [](const auto& fact) { return fact.action == "gate.refused"; }));
}

TEST_F(GateRuns, a_model_that_others_feed_is_measured_with_them) {
    // The mean of pump's score, as a model of its own; it has no other input.
    auto engine = inference::open_onnx_runtime().value();
    detectors::TrainOptions options;
    options.algorithm = detectors::Algorithm::t2q;
    options.smoothing_scores = 1;
    datasets::Content content = golden();
    const Feeder feeder{"pump", "1", pipeline::bundle_id(*good_), *good_, {}};
    const auto ran = add_scores(content, {feeder}, *engine);
    ASSERT_TRUE(ran) << ran.error().message;
    EXPECT_EQ(*ran, std::vector<std::string>{"pump 1"});
    EXPECT_EQ(content.signals, (std::vector<std::string>{"flow", "score:pump"}));
    const auto& recording = content.devices[0].recording;
    EXPECT_TRUE(std::isnan(recording.values[1]));                                  // no window yet
    EXPECT_GT(recording.values[2 * 190 + 1], 10 * recording.values[2 * 140 + 1]);  // in a fault
    auto again = content;
    EXPECT_TRUE(add_scores(again, {feeder}, *engine)->empty());  // the dataset's own stand

    auto normal = datasets::normal_rows(content);
    options.signals = {"score:pump"};
    const auto chained = detectors::train(normal, options, *engine);
    ASSERT_TRUE(chained) << chained.error().message;
    EXPECT_EQ(*fed_by(chained->bundle), std::vector<std::string>{"pump"});

    push("1", *good_);
    world.put("Model", "second", JsonObject{});
    world.put("ModelVersion", "second--1",
              JsonObject{{"model", "second"},
                         {"version", "1"},
                         {"bundle", world.blob(text_of(chained->bundle))},
                         {"size", static_cast<std::int64_t>(chained->bundle.size())}});
    world.put("GateSpec", "g2", *parse_json(R"({"model":"second","dataset":"golden",
              "metrics":[{"metric":"recall","min":0.5}]})"));
    const auto judged = [&] {
        EXPECT_TRUE(world.wait(world.gates->run("g2", "second--1", "user:ann")));
        return world.leaving("second--1", "validating");
    };
    // Nobody runs pump, and it passed no gate: there are no scores to measure with.
    Resource version = judged();
    EXPECT_EQ(state_of(version, version_table()), "refused");
    EXPECT_NE(reason(version).find("score:pump"), std::string::npos) << reason(version);
    world.put("Device", "gw-1", JsonObject{});
    world.status("Device", "gw-1",
                 R"({"reported":{"models":{"pump":{"state":"applied","version":"1"}}}})");
    version = judged();
    EXPECT_EQ(state_of(version, version_table()), "validated") << reason(version);
    const Resource report = report_of(version);
    const Json* self_test = row(report, "self-test");
    ASSERT_TRUE(self_test);
    EXPECT_NE(find_string(*self_test, "detail")->find("fed by pump 1"), std::string::npos);
}

TEST_F(GateRuns, the_report_is_signed_over_the_whole_of_it) {
    push("1", *good_);
    gate(R"([{"metric":"f1","min":0.5}])", R"(,"card":["Inputs"])");
    const Resource version = world.gated("pump--1");
    const Resource report = report_of(version);
    const std::string text = *find_string(report.spec, "signed");
    const auto signature = from_base64(*find_string(report.spec, "signature"));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(world.key.public_key().verify(bytes_of(text), *signature));
    Json spec = report.spec;
    for (const char* key : {"signed", "signature", "certificate"}) spec.get_object().erase(key);
    EXPECT_EQ(canonical_text(spec), canonical_text(*parse_json(text)));
    std::string other = text;
    other[other.find("passed")] = 'P';
    EXPECT_FALSE(world.key.public_key().verify(bytes_of(other), *signature));
    EXPECT_EQ(canonical_text(*parse_json(R"({"b":[{"d":1,"c":2}],"a":null})")),
              R"({"a":null,"b":[{"c":2,"d":1}]})");
}

TEST_F(GateRuns, a_challenger_is_held_against_the_champion_that_runs) {
    push("1", *good_);
    push("2", *deaf_);
    gate(R"([{"metric":"f1","not_worse_than_champion_by":0.02}])");
    const Resource first = world.gated("pump--1");
    EXPECT_EQ(find_string(first.status, "state"), "validated") << reason(first);
    EXPECT_EQ(find_string(report_of(first).spec, "champion"), "");
    const Resource second = world.gated("pump--2");
    EXPECT_EQ(find_string(second.status, "state"), "refused");
    EXPECT_EQ(find_string(report_of(second).spec, "champion"), "pump--1");
    EXPECT_NE(reason(second).find("f1 vs champion is"), std::string::npos) << reason(second);
    push("3", *good_);
    const Resource third = world.gated("pump--3");
    EXPECT_EQ(find_string(third.status, "state"), "validated") << reason(third);
    EXPECT_EQ(find_number(*row(report_of(third), "f1 vs champion"), "measured"), 0);
}

TEST_F(GateRuns, the_champion_is_what_most_devices_run_else_what_passed_last) {
    const auto version = [](const std::string& name, const std::string& state,
                            const std::string& at) {
        Resource made = version_in(state);
        made.name = "pump--" + name;
        set(made.spec, "version", Json(name));
        set(made.status, "gate.measured_at", Json(at));
        return made;
    };
    const auto device = [](const std::string& running, const std::string& state) {
        Resource made;
        made.status = JsonObject{
            {"reported", {{"models", {{"pump", {{"version", running}, {"state", state}}}}}}}};
        return made;
    };
    const std::vector<Resource> versions = {
        version("1", "validated", "2026-01-01"), version("2", "validated", "2026-01-03"),
        version("3", "refused", "2026-01-04"), version("4", "registered", "")};
    EXPECT_EQ(champion_of(versions[3], versions, {})->name, "pump--2");
    EXPECT_EQ(champion_of(versions[1], versions, {})->name, "pump--1");
    EXPECT_EQ(champion_of(versions[3], versions,
                          {device("1", "applied"), device("1", "applied"), device("2", "applied"),
                           device("3", "failed"), device("4", "applied")})
                  ->name,
              "pump--1");
    EXPECT_FALSE(champion_of(versions[0], {versions[0], versions[2]}, {}));
}

TEST_F(GateRuns, agents_of_the_class_are_asked_one_after_the_other) {
    push("1", *good_);
    gate(R"([{"metric":"f1","min":0.1}])",
         R"(,"measure_within":"30s","device_classes":{"small":{"latency_us_p99_max":500,
         "memory_mb_max":60}})");
    const Resource nobody = world.gated("pump--1");
    EXPECT_EQ(find_string(nobody.status, "state"), "refused");
    EXPECT_NE(reason(nobody).find("no device of class 'small' is connected"), std::string::npos);
    EXPECT_TRUE(world.devices.sent.empty());
    world.put("DeviceProfile", "small-pump", JsonObject{{"device_class", "small"}});
    world.put("DeviceProfile", "large-pump", JsonObject{{"device_class", "large"}});
    struct Known {
        const char *name, *profile;
        bool connected;
    };
    for (const auto& [name, profile, connected] :
         {Known{"gw-1", "small-pump", true}, Known{"gw-2", "small-pump", true},
          Known{"gw-3", "large-pump", true}, Known{"gw-0", "small-pump", false}}) {
        world.put("Device", name, JsonObject{{"profile", profile}});
        world.status("Device", name,
                     std::string(R"({"connected":)") + (connected ? "true}" : "false}"));
    }
    world.devices.replies["gw-2"] = R"({"ok":true,"figures":{"windows":4000,"latency_us_p50":10,
        "latency_us_p99":40,"peak_rss_bytes":50000000}})";
    const Resource asked = world.gated("pump--1");  // gw-1 says nothing for its 30 s
    EXPECT_EQ(find_string(asked.status, "state"), "validated") << reason(asked);
    ASSERT_EQ(world.devices.sent.size(), 2u);
    EXPECT_EQ(world.devices.sent[0].device, "gw-1");
    const Json order = *parse_json(world.devices.sent[1].body);
    EXPECT_EQ(find_string(order, "verb"), "measure");
    EXPECT_EQ(find_string(order, "bundle"), find_string(asked.spec, "bundle"));
    EXPECT_GT(find_integer(order, "deadline"), world.clock.now().ns - 1);
    const Resource report = report_of(asked);
    EXPECT_EQ(find_number(*row(report, "latency_us_p99 small"), "measured"), 40);
    EXPECT_EQ(find_number(*row(report, "memory_mb small"), "measured"), 50);
    world.devices.replies["gw-1"] =
        R"({"ok":false,"error":{"code":"overloaded","message":"busy"}})";
    world.devices.replies["gw-2"] = R"({"ok":true,"figures":{"windows":4000,
        "latency_us_p99":501,"peak_rss_bytes":50000000}})";
    const Resource slow = world.gated("pump--1");
    EXPECT_EQ(find_string(slow.status, "state"), "refused");
    EXPECT_NE(reason(slow).find("latency_us_p99 small is 501"), std::string::npos);
}

TEST_F(GateRuns, a_bundle_that_does_not_load_is_refused_and_a_gate_that_cannot_run_says_so) {
    Bytes broken = *good_;
    broken.resize(broken.size() - 512);
    push("1", broken);
    gate(R"([{"metric":"f1","min":0.1}])");
    const Resource version = world.gated("pump--1");
    EXPECT_EQ(find_string(version.status, "state"), "refused");
    EXPECT_NE(reason(version).find("self-test"), std::string::npos) << reason(version);
    world.status("Dataset", "golden", R"({"sha256":")" + std::string(64, 'a') + "\"}");
    push("2", *good_);
    const Resource unknown = world.gated("pump--2");
    EXPECT_EQ(find_string(unknown.status, "state"), "registered");
    EXPECT_NE(reason(unknown).find("could not be run"), std::string::npos);
}

TEST_F(GateRuns, a_run_is_refused_before_it_starts_when_it_makes_no_sense) {
    push("1", *good_);
    gate(R"([{"metric":"f1","min":0.1}])");
    world.put("Model", "fan", JsonObject{});
    world.put("ModelVersion", "fan--1",
              JsonObject{{"model", "fan"}, {"version", "1"}, {"bundle", std::string(64, 'b')}});
    EXPECT_EQ(world.wait(world.gates->run("g", "fan--1", "user:ann")).error().code, Errc::conflict);
    EXPECT_EQ(world.wait(world.gates->run("g", "pump--9", "user:ann")).error().code,
              Errc::not_found);
    ASSERT_TRUE(world.wait(world.gates->run("g", "pump--1", "user:ann")));
    EXPECT_EQ(world.wait(world.gates->run("g", "pump--1", "user:ann")).error().code,
              Errc::conflict);
    world.leaving("pump--1", "validating");
    world.status("Dataset", "golden", R"({"state":"waiting"})");
    EXPECT_EQ(world.wait(world.gates->run("g", "pump--1", "user:ann")).error().code,
              Errc::conflict);
    ASSERT_TRUE(world.wait(world.gates->retire("pump--1", "replaced", "user:ann")));
    EXPECT_EQ(find_string(world.get("ModelVersion", "pump--1").status, "state"), "retired");
}

TEST_F(GateRuns, what_a_restart_interrupted_is_measured_again_under_the_same_report) {
    push("1", *good_);
    gate(R"([{"metric":"f1","min":0.1}])");
    const auto started = world.wait(world.gates->run("g", "pump--1", "user:ann"));
    ASSERT_TRUE(started);
    world.end();
    EXPECT_EQ(find_string(world.get("ModelVersion", "pump--1").status, "state"), "validating");
    world.begin();
    const Resource version = world.leaving("pump--1", "validating");
    EXPECT_EQ(find_string(version.status, "state"), "validated") << reason(version);
    EXPECT_EQ(find_string(version.status, "gate.report"), started->report);
    // The hub went between the report and the verdict: the report is followed.
    world.status("ModelVersion", "pump--1",
                 R"({"state":"validating","gate":null,"gate_run":{"gate":"g","report":")" +
                     started->report + R"("}})");
    world.end();
    world.begin();
    EXPECT_EQ(find_string(world.leaving("pump--1", "validating").status, "gate.report"),
              started->report);
}

TEST_F(GateRuns, a_refused_version_passes_by_an_approval_in_a_role_that_may) {
    push("1", *deaf_);
    gate(R"([{"metric":"f1","min":0.9}])", R"(,"override":["releaser","quality"])");
    ASSERT_EQ(find_string(world.gated("pump--1").status, "state"), "refused");
    const auto approve = [&](const std::string& name, const std::string& what) {
        world.put("Approval", name,
                  JsonObject{{"subject", {{"kind", "ModelVersion"}, {"name", "pump--1"}}},
                             {"what", what},
                             {"role", "quality"}});
        // Each round trip lets the controller come one step further.
        for (int i = 0; i < 20; ++i) world.get("ModelVersion", "pump--1");
        return find_string(world.get("ModelVersion", "pump--1").status, "state").value_or("");
    };
    EXPECT_EQ(approve("a2", "override"), "refused");
    EXPECT_EQ(world.asked_roles,
              (std::vector<std::string>{"pump--1 override releaser", "pump--1 override quality"}));
    world.consenting_role = "quality";
    EXPECT_EQ(approve("a3", "override"), "validated");
    const Resource version = world.get("ModelVersion", "pump--1");
    EXPECT_NE(reason(version).find("user:eve approved as quality"), std::string::npos);
    EXPECT_NE(reason(version).find("f1 is"), std::string::npos);
    EXPECT_EQ(find_string(version.status, "override.role"), "quality");
    EXPECT_TRUE(may_roll_out(version, {world.get("GateSpec", "g")}));
}

TEST(Commands, are_answered_by_the_device_that_was_asked_or_by_nobody) {
    World world;
    const auto ask = [&] {
        return world.wait(world.commands.ask("gw-1", JsonObject{{"verb", "x"}}, seconds{5}));
    };
    EXPECT_EQ(ask().error().code, Errc::timed_out);
    const std::string old = world.devices.sent[0].id;
    world.commands.on_reply("gw-1", old, R"({"ok":true})");  // too late: nobody waits
    world.commands.on_reply("gw-1", "unknown", "{");
    world.devices.replies["gw-1"] = R"({"ok":true,"n":1})";
    EXPECT_EQ(find_integer(*ask(), "n"), 1);
    world.devices.replies["gw-1"] = R"({"ok":false,"error":{"code":"denied","message":"no"}})";
    EXPECT_EQ(ask().error().code, Errc::denied);
    for (const char* body : {"", "[]", "{", R"({"ok":"yes"})"}) {
        world.devices.replies["gw-1"] = body;
        EXPECT_FALSE(ask()) << body;
    }
    world.devices.replies.clear();
    Scope scope(*world.loop);
    std::optional<Result<Json>> answer;
    scope.spawn([](Commands& commands, std::optional<Result<Json>>& into) -> Task<> {
        into = co_await commands.ask("gw-1", JsonObject{}, seconds{5});
        co_return Result<>{};
    }(world.commands, answer));
    while (world.devices.sent.size() < 8) world.loop->turn(false);
    world.commands.on_reply("gw-2", world.devices.sent.back().id, R"({"ok":true})");
    world.loop->turn(false);
    EXPECT_FALSE(answer);
    world.commands.on_reply("gw-1", world.devices.sent.back().id, R"({"ok":true})");
    ASSERT_TRUE(world.wait([](Scope& s) -> Task<> { co_return co_await s.join(); }(scope)));
    EXPECT_TRUE(answer && answer->ok());
}

}  // namespace
}  // namespace mw::gates
