// The rollout machine over the real store, in virtual time: every row of the table is taken, and a
// hub killed after any of them, or without power at any write, ends as one that lived.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "domain/story.h"
#include "fleet/rollouts/simulated_fleet.h"

namespace mw::rollouts {
namespace {

using simulated::Fleet;
using simulated::Habits;
using simulated::History;
using simulated::Hub;

constexpr std::string_view device_names[] = {"gw-100001", "gw-100002", "gw-100003",
                                             "gw-100004", "gw-100005", "gw-100006"};

// What happens once, when the rollout enters a state (in a wave, unless 0).
struct Deed {
    std::string_view when;
    Json patch;  // by a person, merged into the spec; null: every canary has restarted ten times
    std::int64_t wave = 0;
    bool done = false;
};

struct Scenario {
    std::string name;
    std::string spec;
    std::string_view ends_in;
    Habits habits{};
    std::vector<Deed> deeds{};
    bool approves = true;
    bool refuses = false;
    bool validated = true;
    std::string_view all_run = "1";  // once it has ended
    int devices = 6;
};

std::string spec_of(std::string_view more) {
    return R"({"artifact":{"kind":"ModelVersion","name":"pump--2"},"selector":"line=pumps",)"
           R"("waves":[{"count":2,"soak":"40s"},{"percent":100,"soak":"20s"}],"looks":2,)"
           R"("install_within":"60s","pre_period":"60s","stratify_by":["site"])" +
           std::string(more) + "}";
}

constexpr std::string_view plain =
    R"(,"guardrails":[{"metric":"install_failures","max":0.1},{"metric":"crash_loop","max":2}])";
constexpr std::string_view compares =
    R"(,"guardrails":[{"metric":"crash_loop","max":2},{"metric":"fallback_rate","worse_by":0.1,"max":2}])";

std::vector<Scenario> scenarios() {
    const auto plainly = spec_of(plain), comparing = spec_of(compares);
    const std::string many = R"({"artifact":{"kind":"ModelVersion","name":"pump--2"},)"
                             R"("waves":[{"count":8,"soak":"40s"},{"percent":100,"soak":"20s"}],)"
                             R"("looks":2,"pre_period":"60s")" +
                             std::string(compares) + "}";
    std::vector<Scenario> all;
    all.push_back({"completes", plainly, state::completed});
    all.back().all_run = "2";
    all.push_back({"canary_crashes", plainly, state::rolled_back});
    all.back().habits.crashing = {device_names, device_names + 6};
    all.push_back({"canary_fails", plainly, state::rolled_back});
    all.back().habits.failing = {device_names, device_names + 6};
    all.push_back({"canary_is_silent", plainly, state::rolled_back});
    all.back().habits.silent = {device_names, device_names + 6};
    all.push_back({"worse_at_a_look", many, state::rolled_back});
    all.back().habits.effect = 5;
    all.back().devices = 20;
    all.push_back({"worse_at_the_end", many, state::rolled_back});
    all.back().habits.effect = 0.5;
    all.back().habits.effect_after = seconds{38};
    all.back().devices = 20;
    all.push_back({"too_few_then_passed", comparing, state::completed});
    all.back().deeds = {{state::inconclusive, {{"resume_after_inconclusive", 1}}}};
    all.back().all_run = "2";
    all.push_back({"too_few_then_given_up", comparing, state::aborted});
    all.back().deeds = {{state::inconclusive, {{"abort", true}}}};
    all.push_back({"held_and_resumed", plainly, state::completed});
    all.back().deeds = {{state::rolling, {{"paused", true}}}, {state::paused, {{"paused", false}}}};
    all.back().all_run = "2";
    all.push_back({"held_in_the_soak_and_given_up", plainly, state::aborted});
    all.back().deeds = {{state::soaking, {{"paused", true}}}, {state::paused, {{"abort", true}}}};
    all.push_back({"held_while_it_crashes", plainly, state::rolled_back});
    all.back().habits.crashing = {device_names, device_names + 6};
    all.back().deeds = {{state::installing, {{"paused", true}}}};
    for (const auto at : {state::rolling, state::installing, state::soaking, state::judging}) {
        all.push_back({"given_up_while_" + std::string(at), comparing, state::aborted});
        all.back().habits.history_is_down = at == state::judging;
        all.back().deeds = {{at, {{"abort", true}}}};
    }
    for (const auto at : {state::rolling, state::inconclusive}) {
        all.push_back({"crashes_while_" + std::string(at),
                       at == state::rolling ? plainly : comparing, state::rolled_back});
        all.back().deeds = {{at, nullptr, at == state::rolling ? 2 : 0}};
    }
    all.push_back(
        {"a_shadow", spec_of(R"(,"mode":"shadow")" + std::string(plain)), state::completed});
    all.push_back({"nobody_matches", plainly, state::aborted});
    all.back().devices = 0;
    all.push_back({"refused_by_a_role", plainly, state::aborted});
    all.back().refuses = true;
    all.push_back({"given_up_before_approval", plainly, state::aborted});
    all.back().approves = false;
    all.back().deeds = {{state::waiting_approval, {{"abort", true}}}};
    all.push_back({"given_up_while_planned", spec_of(R"(,"paused":true)"), state::aborted});
    all.back().deeds = {{state::planned, {{"abort", true}}}};
    all.push_back({"not_validated", plainly, state::aborted});
    all.back().validated = false;
    return all;
}

class Theatre {
 public:
    explicit Theatre(const Scenario& script, std::uint64_t seed = 1)
        : scenario(script), disk(seed), fleet(*loop, script.habits), history(fleet) {}
    ~Theatre() {
        people.reset();
        hub.reset();
    }

    // Everything in place and synced; the rollout is there, and nothing of it has happened.
    void prepare() {
        ASSERT_TRUE(open());
        ASSERT_TRUE(sync_wait(*loop, simulated::furnish(*hub->store, scenario.devices)));
        if (!scenario.validated) {
            JsonObject refused{{"state", "refused"}, {"reason", "f1 is 0.7, want 0.8"}};
            AuditNote note{"hub", "gate.verdict", "", ""};
            ASSERT_TRUE(sync_wait(
                *loop, hub->store->merge_status("ModelVersion", "pump--2", refused, note)));
        }
        run_for(seconds{5});
        Resource rollout =
            simulated::resource(R"({"kind":"Rollout","name":"r","spec":)" + scenario.spec + "}");
        ASSERT_TRUE(sync_wait(*loop, simulated::create(*hub->store, std::move(rollout))));
    }
    // False: the power went while it was opened.
    bool open() {
        registry::Options options{.path = "r.db", .vfs = disk.name()};
        auto store = registry::Registry::open(*loop, clock, metrics, std::move(options));
        if (!store) return false;
        hub = std::make_unique<Hub>(*loop, std::move(*store), metrics, fleet, history);
        hub->approves = scenario.approves;
        hub->refuses = scenario.refuses;
        return true;
    }
    bool start() { return sync_wait(*loop, hub->rollouts->start()).ok(); }
    void run_for(nanoseconds time) {
        const SteadyTime until = clock.steady() + time;
        auto nap = [](nanoseconds t) -> Task<> { co_return co_await sleep_for(t); };
        ignore(sync_wait(*loop, nap(until - clock.steady())), "time passes");
    }
    std::optional<Resource> rollout() {
        auto found = sync_wait(*loop, hub->store->get("Rollout", "r"));
        if (!found) return std::nullopt;
        return std::move(*found);
    }
    // Plays what the scenario says of this state; what was lost with the power, again.
    void play(const Resource& now) {
        const std::string at(state_of(now, rollout_table()));
        const auto wave = find_integer(now.status, "wave").value_or(0);
        for (Deed& deed : scenario.deeds)
            if (deed.when == at && !deed.done && (deed.wave == 0 || deed.wave == wave))
                people->spawn(perform(deed, now));
    }
    Task<> perform(Deed& deed, Resource wanted) {
        if (deed.patch.is_null()) {
            for (const auto& [name, agent] : fleet.agents)
                if (agent.running == "2") hub->rollouts->on_boots(name, agent.boots + 10);
            co_return Result<>{};
        }
        for (const auto& [key, value] : deed.patch.get_object())
            wanted.spec.get_object()[key] = value;
        wanted.revision = 0;
        AuditNote note{"user:ann", "patch", "", ""};
        CO_TRY_VOID(co_await hub->store->replace(std::move(wanted), std::move(note)));
        deed.done = true;
        co_return Result<>{};
    }
    // Until it has ended, power is lost, or `stop` says so of a step that was taken.
    std::string run(const std::function<bool(const std::string& step)>& stop = {}) {
        std::string last;
        std::uint64_t newest = 0;
        bool stopped = false;
        people = std::make_unique<Scope>(*loop, [](const Error&) {});
        const auto see = [&](const Resource& rollout) {
            if (rollout.revision <= newest) return;
            newest = rollout.revision;
            last = state_of(rollout, rollout_table());
            stopped = stopped || (stop && stop(last_row(rollout)));
            play(rollout);
        };
        auto watch = hub->store->subscribe([&](const ResourceChange& change) {
            if (change.resource.kind == "Rollout" && !stopped) see(change.resource);
        });
        if (const auto now = rollout()) see(*now);
        const SteadyTime limit = clock.steady() + hours{2};
        while (!disk.is_cut() && !stopped && !rollout_table().is_final(last) &&
               clock.steady() < limit)
            loop->turn(true);
        watch.reset();
        people.reset();
        if (disk.is_cut()) return "cut";
        return stopped ? "stopped" : last;
    }
    // "state/event" of the row that was taken last; "" before the first.
    static std::string last_row(const Resource& rollout) {
        std::string from(rollout_table().initial()), row;
        const Json* told = find(rollout.status, "history");
        if (!told) return row;
        for (const Json& step : told->get_array()) {
            row = from + "/" + find_string(step, "event").value_or("");
            from = find_string(step, "state").value_or("");
        }
        return row;
    }
    // Each device has one version, the scenario's, and nothing of the rollout sticks to it.
    void expect_consistent(const std::string& why) {
        run_for(seconds{20});
        int devices = 0;
        auto visit = [&](Resource device) {
            ++devices;
            const Json* entry = find(device.spec, "models.pump");
            ASSERT_NE(entry, nullptr) << why;
            EXPECT_EQ(find_string(*entry, "version"), scenario.all_run)
                << why << ' ' << device.name << ' ' << to_json(device.spec);
            EXPECT_EQ(fleet.agents[device.name].running, scenario.all_run) << why;
            EXPECT_EQ(find(*entry, "shadow"), nullptr) << why;
            if (scenario.all_run == "2")
                EXPECT_EQ(find_string(*entry, "previous"), "1") << why;
            else
                EXPECT_EQ(find(*entry, "rollout"), nullptr) << why << to_json(device.spec);
        };
        ListQuery query;
        query.kind = "Device";
        const auto page = sync_wait(*loop, hub->store->list(query));
        ASSERT_TRUE(page);
        for (const Resource& device : page->items) visit(device);
        EXPECT_EQ(devices, scenario.devices) << why;
    }

    Scenario scenario;
    SimulatedClock clock;
    std::unique_ptr<Loop> loop = *Loop::open({.simulated = &clock});
    metrics::Registry metrics;
    sqlite::PowerCutDisk disk;
    Fleet fleet;
    History history;
    std::unique_ptr<Hub> hub;
    std::unique_ptr<Scope> people;
};

TEST(RolloutMachine, a_hub_killed_after_any_row_goes_on_where_it_was) {
    std::set<std::string> died_after;
    for (const Scenario& scenario : scenarios()) {
        Theatre theatre(scenario);
        theatre.prepare();
        std::string end = "stopped";
        while (end == "stopped") {
            const bool open = theatre.hub || theatre.open();
            ASSERT_TRUE(open);
            ASSERT_TRUE(theatre.start());
            end = theatre.run([&](const std::string& row) {
                return !row.empty() && died_after.insert(row).second;
            });
            if (end == "stopped") theatre.hub.reset();
        }
        EXPECT_EQ(end, scenario.ends_in) << scenario.name;
        theatre.expect_consistent(scenario.name);
        EXPECT_EQ(find_integer(theatre.rollout()->status, "counts.left_alone"), 0);
        ASSERT_FALSE(testing::Test::HasFailure()) << to_pretty_json(theatre.rollout()->status);
    }
    for (const Transition& row : rollout_table().rows())
        EXPECT_TRUE(died_after.contains(std::string(row.from) + "/" + std::string(row.event)))
            << "no hub died after " << row.from << " on " << row.event;
}

// The power goes at the nth write or sync after each row (0: as soon as the row is durable), again
// and again while the rollout lasts. A few n; with MW_LONG=1 all, until a row's last write.
TEST(RolloutMachine, a_hub_without_power_after_any_row_goes_on_where_it_was) {
    const bool all = std::getenv("MW_LONG") != nullptr;
    constexpr std::uint64_t writes_of_a_row = 32, never = std::uint64_t{1} << 40;
    int cuts = 0;
    for (std::uint64_t nth = 0; nth <= writes_of_a_row; nth = all ? nth + 1 : nth * 4 + 1) {
        std::set<std::string> cut_after;
        for (const Scenario& scenario : scenarios()) {
            Theatre theatre(scenario, nth + 1);
            theatre.prepare();
            std::string end = "cut";
            while (end == "cut") {
                ASSERT_TRUE(theatre.hub || theatre.open());
                ASSERT_TRUE(theatre.start());
                end = theatre.run([&](const std::string& row) {
                    if (!cut_after.insert(row).second) return false;
                    nth == 0 ? theatre.disk.cut() : theatre.disk.cut_at(nth);
                    return false;
                });
                if (end != "cut") break;
                ++cuts;
                theatre.hub.reset();
                theatre.disk.restore();
            }
            theatre.disk.cut_at(never);
            const std::string why = scenario.name + ", cut at write " + std::to_string(nth);
            EXPECT_EQ(end, scenario.ends_in) << why;
            theatre.expect_consistent(why);
            ASSERT_FALSE(testing::Test::HasFailure());
        }
        for (const Transition& row : rollout_table().rows())
            EXPECT_TRUE(cut_after.contains(std::string(row.from) + "/" + std::string(row.event)))
                << "no power cut after " << row.from << " on " << row.event;
    }
    std::cout << cuts << " power cuts\n";
    EXPECT_GT(cuts, 60);
}

TEST(RolloutMachine, a_crash_looping_canary_is_back_within_two_telemetry_periods) {
    for (const Scenario& scenario : scenarios()) {
        if (scenario.name != "canary_crashes") continue;
        Theatre theatre(scenario);
        theatre.prepare();
        ASSERT_TRUE(theatre.start());
        ASSERT_EQ(theatre.run([](const std::string& at) {
            return at == "soaking/worse" || at == "installing/worse";
        }),
                  "stopped");
        const Timestamp decided = theatre.clock.now();
        Timestamp first{};
        for (const auto& [name, agent] : theatre.fleet.agents)
            if (agent.running == "2" && (first.ns == 0 || agent.since < first)) first = agent.since;
        EXPECT_LE(decided - first, 2 * scenario.habits.telemetry);
        EXPECT_EQ(theatre.run(), state::rolled_back);
    }
}

TEST(RolloutMachine, what_a_person_changes_meanwhile_is_left_alone_and_said) {
    Scenario scenario = scenarios().front();
    scenario.deeds = {};
    Theatre theatre(scenario);
    theatre.prepare();
    ASSERT_TRUE(theatre.start());
    ASSERT_EQ(theatre.run([](const std::string& at) { return at == "installing/installed"; }),
              "stopped");
    ListQuery query;
    query.kind = "Device";
    const auto page = sync_wait(*theatre.loop, theatre.hub->store->list(query));
    std::string canary;
    for (Resource device : page->items) {
        if (find_string(device.spec, "models.pump.version") != "2" || !canary.empty()) continue;
        canary = device.name;
        set(device.spec, "models.pump", JsonObject{{"version", "1"}});
        AuditNote note{"user:bob", "patch", "", ""};
        ASSERT_TRUE(sync_wait(*theatre.loop, theatre.hub->store->replace(device, note)));
    }
    ASSERT_FALSE(canary.empty());
    EXPECT_EQ(theatre.run(), state::completed);
    const auto device = sync_wait(*theatre.loop, theatre.hub->store->get("Device", canary));
    EXPECT_EQ(find_string(device->spec, "models.pump.version"), "1");
    const auto rollout = theatre.rollout();
    EXPECT_EQ(find_integer(rollout->status, "counts.left_alone"), 1);
    EXPECT_EQ(find_integer(rollout->status, "counts.assigned"), 5);
}

TEST(RolloutTable, stands_in_the_documentation) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/docs/formats/state-machines.md");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find("## Rollout\n" + rollout_table().to_markdown()), std::string::npos)
        << "docs/formats/state-machines.md lacks:\n## Rollout\n"
        << rollout_table().to_markdown();
}

}  // namespace
}  // namespace mw::rollouts
