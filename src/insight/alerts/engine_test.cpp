#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "insight/alerts/alerts.h"

namespace mw::alerts {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;

Decision decision_at(std::int64_t s, bool positive, double score = 0.9,
                     const std::string& device = "gw-1") {
    Decision decision;
    decision.device.text = device;
    decision.asset = "pump-1";
    decision.model = "valve";
    decision.version = "3";
    decision.bundle_hash = "ab12";
    decision.window_from = {start + (s - 60) * second};
    decision.window_to = {start + s * second};
    decision.samples = 60;
    decision.score = score;
    decision.decision = positive;
    return decision;
}

AlertRule rule(std::uint32_t raise_after = 1, std::uint32_t clear_after = 1) {
    AlertRule made;
    made.name = "valve-closing";
    made.model = "valve";
    made.severity = "critical";
    made.raise_after = raise_after;
    made.clear_after = clear_after;
    return made;
}

// '+' positive, '-' negative, '~' positive with a score below min_score, 'f' negative fallback.
// The states of the device's machine after each, by first letter: o p r h c (cleared is o).
std::string walk(const AlertRule& made, std::string_view decisions) {
    Engine engine;
    engine.set_rule(made);
    std::string states;
    std::int64_t at = 0;
    for (const char c : decisions) {
        Decision decision = decision_at(++at, c == '+' || c == '~', c == '~' ? 0.1 : 0.9);
        if (c == 'f') decision.fallback = "inputs bad";
        engine.observe(decision, {});
        const auto tracks = engine.take_moved().tracks;
        states += tracks.empty() ? '?' : to_string(tracks[0].state)[0];
    }
    return states;
}

TEST(AlertEngine, that_no_window_came_does_not_hide_windows_that_come_late) {
    Engine engine;
    engine.set_rule(rule());
    engine.observe(decision_at(10, false), {});
    Decision none = decision_at(500, false);
    none.fallback = "inputs_stale: flow";
    none.samples = 0;
    engine.observe(none, {});
    EXPECT_EQ(engine.ignored_decisions(), 0U);
    const auto raised = engine.observe(decision_at(20, true), {});  // kept by the source meanwhile
    ASSERT_EQ(raised.size(), 1U);
    EXPECT_EQ(raised[0].raised_at, decision_at(20, true).window_to);
    // One that speaks for an alarm is evidence as any other.
    engine.observe(decision_at(30, false), {});
    none.decision = true;
    EXPECT_EQ(engine.observe(none, {}).size(), 1U);
}

TEST(AlertEngine, machine_walks_its_table) {
    const struct {
        const char* name;
        std::uint32_t raise_after, clear_after;
        const char* decisions;
        const char* states;
    } rows[] = {
        {"raised at once, cleared at once", 1, 1, "+-+", "ror"},
        {"negative decisions raise nothing", 1, 1, "---", "ooo"},
        {"held while positive", 1, 1, "+++-", "rhho"},
        {"pending needs consecutive ones", 3, 1, "++-+++", "ppoppr"},
        {"clearing needs consecutive ones", 1, 3, "+--+---", "rcchcco"},
        {"clear from raised takes its time", 1, 2, "+--", "rco"},
        {"weak raises nothing", 2, 1, "+~+~", "popo"},
        {"weak keeps an alarm", 1, 2, "+~-~--", "rhchco"},
        {"a negative fallback is no evidence", 2, 2, "+f+f-f-", "pprrcco"},
    };
    for (const auto& row : rows) {
        auto made = rule(row.raise_after, row.clear_after);
        made.min_score = 0.5;
        EXPECT_EQ(walk(made, row.decisions), row.states) << row.name;
    }
}

TEST(AlertEngine, an_alarm_tells_what_it_saw) {
    Engine engine;
    engine.set_rule(rule(2, 1));
    EXPECT_TRUE(engine.observe(decision_at(1, true, 0.7), {}).empty());
    auto changed = engine.observe(decision_at(2, true, 0.8), {});
    ASSERT_EQ(changed.size(), 1u);
    const Alarm raised = changed[0];
    EXPECT_EQ(raised.id.size(), 26u);
    EXPECT_EQ(raised.state, State::raised);
    EXPECT_EQ(raised.raised_at.ns, start + 2 * second);
    EXPECT_EQ(raised.first_window.to.ns, start + 1 * second);
    EXPECT_EQ(raised.last_window.to.ns, start + 2 * second);
    EXPECT_EQ(raised.peak_score, 0.8);
    EXPECT_EQ(raised.decisions, 2u);
    EXPECT_EQ(raised.severity, "critical");
    EXPECT_EQ(raised.asset, "pump-1");
    EXPECT_EQ(raised.version, "3");

    engine.observe(decision_at(3, true, 0.95), {});
    EXPECT_TRUE(engine.observe(decision_at(4, true, 0.6), {}).empty());  // held stays held
    EXPECT_EQ(engine.open_alarms(), 1u);
    changed = engine.observe(decision_at(5, false), {});
    ASSERT_EQ(changed.size(), 1u);
    EXPECT_EQ(changed[0].id, raised.id);
    EXPECT_EQ(changed[0].state, State::cleared);
    EXPECT_EQ(changed[0].cleared_at.ns, start + 5 * second);
    EXPECT_EQ(changed[0].cleared_by, "decisions");
    EXPECT_EQ(changed[0].peak_score, 0.95);
    EXPECT_EQ(changed[0].decisions, 4u);
    EXPECT_EQ(changed[0].last_window.to.ns, start + 4 * second);
    EXPECT_EQ(engine.open_alarms(), 0u);
    EXPECT_EQ(alarm_from_json(to_json(changed[0])).value(), changed[0]);
}

TEST(AlertEngine, decisions_again_change_nothing) {
    SeededRandom random(4);
    std::vector<Decision> decisions;
    for (int i = 1; i <= 300; ++i) decisions.push_back(decision_at(i, random.below(3) > 0));
    Engine once, again;
    once.set_rule(rule(2, 2));
    again.set_rule(rule(2, 2));
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        once.observe(decisions[i], {});
        again.observe(decisions[i], {});
        for (std::uint64_t back = random.below(4); back > 0; --back)
            EXPECT_TRUE(again.observe(decisions[random.below(i + 1)], {}).empty());
    }
    EXPECT_EQ(again.alarms({}), once.alarms({}));
    EXPECT_GT(again.ignored_decisions(), 0u);
}

TEST(AlertEngine, a_restart_at_any_decision_ends_in_the_same_alarms) {
    SeededRandom random(5);
    std::vector<Decision> decisions;
    for (int i = 1; i <= 120; ++i)
        decisions.push_back(decision_at(i, random.below(2), 0.5 + 0.4 * random.uniform()));
    Engine reference;
    reference.set_rule(rule(2, 3));
    for (const auto& decision : decisions) reference.observe(decision, {});

    for (std::size_t crash = 0; crash < decisions.size(); crash += 7) {
        // The log has what was taken up to some decision before the crash.
        std::vector<AlarmRecord> log;
        Engine before;
        before.set_rule(rule(2, 3));
        for (std::size_t i = 0; i < crash; ++i) {
            before.observe(decisions[i], {});
            if (random.below(4) == 0) log.push_back(before.take_moved());
        }
        Engine after;
        AlarmRecord all;
        for (auto& record : log) {
            for (auto& alarm : record.alarms) all.alarms.push_back(std::move(alarm));
            for (auto& track : record.tracks) all.tracks.push_back(std::move(track));
        }
        after.restore(std::move(all));
        after.set_rule(rule(2, 3));
        const Timestamp from = after.cursor("gw-1").value_or(Timestamp{});
        for (const auto& decision : decisions)
            if (decision.window_to > from) after.observe(decision, {});
        EXPECT_EQ(after.alarms({}), reference.alarms({})) << "crash at " << crash;
    }
}

TEST(AlertEngine, each_device_and_rule_has_its_own_machine) {
    Engine engine;
    engine.set_rule(rule());
    auto picky = rule();
    picky.name = "only-north";
    picky.labels = {{"site", "north"}};
    engine.set_rule(picky);
    auto named = rule();
    named.name = "only-gw-2";
    named.devices = {"gw-2"};
    engine.set_rule(named);
    EXPECT_EQ(engine.observe(decision_at(1, true, 1, "gw-1"), {{"site", "south"}}).size(), 1u);
    EXPECT_EQ(engine.observe(decision_at(1, true, 1, "gw-2"), {{"site", "north"}}).size(), 3u);
    auto other_model = decision_at(2, true);
    other_model.model = "bearing";
    EXPECT_TRUE(engine.observe(other_model, {}).empty());
    EXPECT_EQ(engine.alarms({.device = "gw-2"}).size(), 3u);
    EXPECT_EQ(engine.alarms({.rule = "only-gw-2"}).size(), 1u);
    EXPECT_EQ(engine.alarms({.limit = 2}).size(), 2u);
}

TEST(AlertEngine, what_a_rule_no_longer_covers_is_cleared) {
    Engine engine;
    engine.set_rule(rule());
    engine.observe(decision_at(1, true), {});
    auto cleared = engine.remove_rule("valve-closing");
    ASSERT_EQ(cleared.size(), 1u);
    EXPECT_EQ(cleared[0].cleared_by, "rule");

    auto north = rule();
    north.labels = {{"site", "north"}};
    engine.set_rule(north);
    EXPECT_EQ(engine.observe(decision_at(2, true), {{"site", "north"}}).size(), 1u);
    cleared = engine.observe(decision_at(3, true), {{"site", "south"}});  // it was moved
    ASSERT_EQ(cleared.size(), 1u);
    EXPECT_EQ(cleared[0].state, State::cleared);

    engine.observe(decision_at(4, true), {{"site", "north"}});
    auto other_model = rule();
    other_model.model = "bearing";
    EXPECT_EQ(engine.set_rule(other_model).size(), 1u);

    engine.set_rule(rule());
    engine.observe(decision_at(5, true), {});
    cleared = engine.forget_device("gw-1");
    ASSERT_EQ(cleared.size(), 1u);
    EXPECT_EQ(cleared[0].cleared_by, "device");
    EXPECT_EQ(engine.tracks(), 0u);
    const auto moved = engine.take_moved();
    ASSERT_EQ(moved.tracks.size(), 1u);
    EXPECT_EQ(moved.tracks[0].cursor.ns, 0);  // tells the log that it is gone
}

TEST(AlertEngine, memory_is_bounded) {
    Engine engine({.tracks_max = 2, .cleared_kept = 5});
    engine.set_rule(rule());
    for (int i = 1; i <= 40; ++i) {
        engine.observe(decision_at(i, i % 2), {});
        engine.take_moved();
    }
    EXPECT_EQ(engine.alarms({}).size(), 5u);
    EXPECT_EQ(engine.alarms({})[0].raised_at.ns, start + 39 * second);
    engine.observe(decision_at(1, true, 1, "gw-2"), {});
    engine.observe(decision_at(1, true, 1, "gw-3"), {});
    EXPECT_EQ(engine.refused_decisions(), 1u);
}

TEST(AlertRules, from_a_resource) {
    Resource resource;
    resource.kind = "AlertRule";
    resource.name = "valve-closing";
    resource.spec = *parse_json(R"({"model":"valve","severity":"info","raise_after":3,
        "clear_after":5,"min_score":0.5,"select":{"devices":["gw-1"],"labels":{"site":"north"}}})");
    auto made = rule_from_resource(resource);
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_EQ(made->raise_after, 3u);
    EXPECT_EQ(made->clear_after, 5u);
    EXPECT_EQ(made->min_score, 0.5);
    EXPECT_TRUE(made->selects("gw-1", {{"site", "north"}, {"line", "1"}}));
    EXPECT_FALSE(made->selects("gw-1", {}));
    EXPECT_FALSE(made->selects("gw-2", {{"site", "north"}}));
}

TEST(AlertRules, errors_name_the_path) {
    for (const auto& [spec, says] : std::vector<std::pair<std::string, std::string>>{
             {R"({})", "spec.model"},
             {R"({"model":"m","severity":"loud"})", "spec.severity"},
             {R"({"model":"m","raise_after":0})", "spec.raise_after"},
             {R"({"model":"m","clear_after":1.5})", "spec.clear_after"},
             {R"({"model":"m","min_score":"high"})", "spec.min_score"},
             {R"({"model":"m","select":{"devices":"gw"}})", "spec.select.devices"},
             {R"({"model":"m","select":{"labels":["a"]}})", "spec.select.labels"}}) {
        Resource resource;
        resource.spec = *parse_json(spec);
        auto made = rule_from_resource(resource);
        ASSERT_FALSE(made.ok()) << spec;
        EXPECT_THAT(made.error().message, testing::StartsWith(says));
    }
}

TEST(AlertJson, damaged_records_are_errors) {
    Track track{.rule = "r", .device = "d", .state = State::pending, .count = 2, .cursor = {5}};
    EXPECT_EQ(track_from_json(to_json(track)).value(), track);
    for (const char* key : {"rule", "device", "state", "cursor", "first_window"}) {
        Json damaged = to_json(track);
        damaged.get_object().erase(key);
        EXPECT_FALSE(track_from_json(damaged).ok()) << key;
    }
    EXPECT_FALSE(alarm_from_json(JsonObject{}).ok());
    EXPECT_FALSE(state_from("asleep").ok());
}

}  // namespace
}  // namespace mw::alerts
