// The pure parts: plans, order, edits, verdicts, decisions, admission.
#include "fleet/rollouts/rollouts.h"

#include <gtest/gtest.h>

#include "data/registry/kinds.h"
#include "fleet/rollouts/simulated_fleet.h"
#include "fleet/rollouts/sql_observations.h"

namespace mw::rollouts {
namespace {

const Timestamp planned_at{1'700'000'000'000'000'000};

Resource rollout_of(std::string_view spec) {
    return simulated::resource(R"({"kind":"Rollout","name":"r","spec":)" + std::string(spec) + "}");
}
Resource version_two() {
    return simulated::resource(R"({"kind":"ModelVersion","name":"pump--2","spec":{"model":"pump",
        "version":"2","bundle":"x"},"status":{"state":"validated"}})");
}
Result<Plan> plan_from(std::string_view more) {
    return plan_of(rollout_of(R"({"artifact":{"kind":"ModelVersion","name":"pump--2"})" +
                              std::string(more) + "}"),
                   version_two());
}
Resource device(const std::string& name, std::string_view spec, std::string site = "north") {
    Resource r;
    r.kind = "Device";
    r.name = name;
    r.labels = {{"site", std::move(site)}};
    r.spec = *parse_json(spec);
    r.generation = 1;
    r.revision = 1;
    r.created = planned_at - seconds{10};
    return r;
}
constexpr std::string_view runs_one = R"({"models":{"pump":{"version":"1"}}})";

TEST(Plan, has_waves_of_devices_in_all) {
    const auto plan = plan_from(R"(,"waves":[{"count":3},{"percent":50},{"percent":100}])");
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->size_of_wave(1, 45), 3u);
    EXPECT_EQ(plan->size_of_wave(2, 45), 23u) << "rounded up";
    EXPECT_EQ(plan->size_of_wave(3, 45), 45u);
    EXPECT_EQ(plan->size_of_wave(1, 2), 2u) << "never more than there are";
    ASSERT_EQ(plan->guardrails.size(), 3u) << "the default ones";
}

TEST(Plan, names_the_key_that_is_wrong) {
    const struct {
        const char* spec;
        const char* error;
    } rows[] = {
        {R"(,"waves":[{"percent":50}])", "spec.waves: the last wave must be percent: 100"},
        {R"(,"waves":[{"count":3,"percent":50},{"percent":100}])",
         "spec.waves[0]: want either count or percent"},
        {R"(,"waves":[{"percent":50},{"percent":50},{"percent":100}])",
         "spec.waves[1]: must be more than the wave before; waves count devices in all"},
        {R"(,"waves":[{"percent":100}],"guardrails":[{"metric":"fallback_rate"}])",
         "spec.guardrails[0]: want max, worse_by or both"},
        {R"(,"waves":[{"percent":100}],"guardrails":[{"metric":"crash_loop","worse_by":1}])",
         "spec.guardrails[0]: crash_loop has no worse_by; it wants max"},
        {R"(,"waves":[{"percent":100}],"guardrails":[{"metric":"kpi","max":1}])",
         "spec.guardrails[0]: metric kpi wants the key kpi: which of the use case's"},
    };
    for (const auto& row : rows) {
        const auto plan = plan_from(row.spec);
        ASSERT_FALSE(plan) << row.spec;
        EXPECT_EQ(plan.error().message, row.error);
    }
}

TEST(Aim, assigning_keeps_what_ran_and_withdrawing_brings_it_back) {
    const Aim aim{.product = "pump", .version = "2", .rollout = "r"};
    Resource d =
        device("gw", R"({"asset":"a","models":{"pump":{"version":"1"},"x":{"version":"7"}}})");
    const Json before = d.spec;
    d.spec = assigned_spec(d, aim);
    EXPECT_EQ(to_json(*find(d.spec, "models.pump")),
              R"({"version":"2","rollout":"r","previous":"1"})");
    d.spec = withdrawn_spec(d, aim);
    EXPECT_EQ(d.spec, before);
    Resource empty = device("gw", "{}");
    empty.spec = assigned_spec(empty, aim);
    EXPECT_EQ(withdrawn_spec(empty, aim), Json(JsonObject{})) << "nothing ran before";
    const Aim shadow{.product = "pump", .version = "2", .rollout = "r", .shadow = true};
    d.spec = assigned_spec(d, shadow);
    EXPECT_EQ(find_string(d.spec, "models.pump.version"), "1");
    EXPECT_EQ(find_string(d.spec, "models.pump.shadow"), "2");
    EXPECT_EQ(withdrawn_spec(d, shadow), before);
}

TEST(Aim, tells_ours_from_what_a_person_changed_and_from_a_stop_half_way) {
    const Aim aim{.product = "pump", .version = "2", .rollout = "r"};
    Resource d = device("gw", runs_one);
    EXPECT_EQ(standing_of(d, aim, planned_at), Standing::untouched);
    Trace trace{.rollout = "r", .wave = 1, .boots = 4, .generation = 1, .since = planned_at};
    d.status = JsonObject{{aim.trace_key(), trace_json(trace)}};
    EXPECT_EQ(standing_of(d, aim, planned_at), Standing::untouched) << "stopped half way";
    d.spec = assigned_spec(d, aim);
    d.generation = 2;
    EXPECT_EQ(standing_of(d, aim, planned_at), Standing::assigned);
    EXPECT_EQ(standing_of(d, aim, planned_at + seconds{1}), Standing::there)
        << "by an earlier rollout of that name";
    d.spec = *parse_json(R"({"models":{"pump":{"version":"3"}}})");
    d.generation = 3;
    EXPECT_EQ(standing_of(d, aim, planned_at), Standing::changed);
    trace.withdrawn = true;
    d.status = JsonObject{{aim.trace_key(), trace_json(trace)}};
    EXPECT_EQ(standing_of(d, aim, planned_at), Standing::withdrawn) << "by us";
    EXPECT_EQ(standing_of(device("gw", R"({"models":{"pump":{"version":"2"}}})"), aim, planned_at),
              Standing::there);
}

TEST(Aim, a_failure_counts_when_it_answers_to_the_assignment) {
    const Aim aim{.product = "a.b", .version = "2", .rollout = "r"};
    const Trace trace{.rollout = "r", .wave = 1, .boots = 0, .generation = 5, .since = planned_at};
    Resource d = device("gw", "{}");
    const auto reports = [&](int generation, const char* state) {
        d.status = *parse_json(R"({"reported":{"generation":)" + std::to_string(generation) +
                               R"(,"models":{"a.b":{"version":"2","state":")" + state +
                               R"(","code":"corrupt","reason":"bad hash"}}}})");
        return install_of(d, aim, trace);
    };
    EXPECT_EQ(reports(5, "failed").install, Install::pending) << "of an earlier try";
    EXPECT_EQ(reports(6, "failed").install, Install::failed);
    EXPECT_EQ(reports(6, "failed").reason, "corrupt: bad hash");
    EXPECT_EQ(reports(6, "applied").install, Install::applied);
    EXPECT_EQ(reports(6, "pending").install, Install::pending);
}

Population population_of(int devices, int south_every, const Plan& plan) {
    Population population(plan, planned_at, {});
    for (int i = 0; i < devices; ++i)
        population.take(device("gw-" + std::to_string(1000 + i), runs_one,
                               i % south_every == 0 ? "south" : "north"));
    return population;
}

TEST(Population, every_prefix_of_the_order_has_its_share_of_each_stratum) {
    const auto plan = plan_from(R"(,"waves":[{"percent":100}],"stratify_by":["site"])");
    ASSERT_TRUE(plan);
    Population population = population_of(300, 3, *plan);
    for (const std::size_t size : {3u, 30u, 75u, 150u, 300u}) {
        std::size_t south = 0;
        for (const auto& name : population.to_assign(size, 1000))
            south += population.stratum_of(name) == "site=south";
        EXPECT_NEAR(double(south), double(size) / 3, 1.01) << size;
    }
}

TEST(Population, the_order_is_the_same_however_devices_come_and_differs_by_rollout) {
    auto plan = plan_from(R"(,"waves":[{"percent":100}])");
    Population one = population_of(100, 3, *plan), other(*plan, planned_at, {});
    for (int i = 99; i >= 0; --i)
        other.take(
            device("gw-" + std::to_string(1000 + i), runs_one, i % 3 == 0 ? "south" : "north"));
    EXPECT_EQ(one.to_assign(10, 100), other.to_assign(10, 100));
    plan->aim.rollout = "another";
    Population third = population_of(100, 3, *plan);
    EXPECT_NE(one.to_assign(10, 100), third.to_assign(10, 100));
}

TEST(Population, leaves_out_newcomers_other_labels_and_other_classes) {
    auto plan = plan_from(R"(,"waves":[{"percent":100}],"selector":"site=north")");
    plan->device_classes = {"small"};
    Population population(*plan, planned_at, {{"pump", "small"}, {"press", "large"}});
    EXPECT_TRUE(population.take(device("a", R"({"profile":"pump"})")));
    EXPECT_FALSE(population.take(device("b", R"({"profile":"press"})")));
    EXPECT_FALSE(population.take(device("c", R"({"profile":"pump"})", "south")));
    Resource newcomer = device("d", R"({"profile":"pump"})");
    newcomer.created = planned_at + seconds{1};
    EXPECT_FALSE(population.take(newcomer));
    EXPECT_EQ(population.size(), 1u);
}

TEST(Population, counts_rises_of_the_starts_of_the_last_hour) {
    const auto plan = plan_from(R"(,"waves":[{"percent":100}])");
    Population population(*plan, planned_at, {});
    Resource d = device("gw", runs_one);
    const Trace trace{.rollout = "r", .wave = 1, .boots = 3, .generation = 1, .since = planned_at};
    d.spec = assigned_spec(d, plan->aim);
    d.generation = 2;
    const auto says = [&](int boots) {
        d.status = JsonObject{{plan->aim.trace_key(), trace_json(trace)},
                              {"health", JsonObject{{"boots", boots}}}};
        ++d.revision;
        population.take(d);
        return population.count(1, 1, false, 2.0).restarts_most;
    };
    EXPECT_EQ(says(3), 0);
    EXPECT_EQ(says(4), 1);
    EXPECT_EQ(says(2), 1) << "older starts left the hour";
    EXPECT_EQ(says(3), 2);
    EXPECT_TRUE(population.note_boots("gw", 5));
    EXPECT_EQ(says(3), 4) << "its status lags behind what it says";
    EXPECT_EQ(population.count(1, 1, false, 2.0).crashing, 1u);
}

TEST(Verdict, installs_and_restarts_count_at_once) {
    const auto plan = plan_from(R"(,"waves":[{"percent":100}])");
    Counts counts;
    counts.wave_devices = 10;
    counts.wave_failed = 1;
    EXPECT_EQ(summed(judge_reports(*plan, counts)).verdict, Verdict::fine);
    counts.wave_failed = 2;
    EXPECT_EQ(summed(judge_reports(*plan, counts)).verdict, Verdict::worse);
    counts.wave_failed = 0;
    counts.crashing = 1;
    counts.restarts_most = 3;
    counts.restarts_where = "gw-7";
    const Judgement crash = summed(judge_reports(*plan, counts));
    EXPECT_EQ(crash.verdict, Verdict::worse);
    EXPECT_EQ(crash.says, "'gw-7' restarted 3 times since it got it (limit 2)");
}

Comparison arms(int canaries, int controls, double effect, std::uint64_t seed) {
    SeededRandom random{seed};
    Comparison c;
    c.guardrail = {.metric = Metric::fallback_rate, .kpi = {}, .max = 10, .worse_by = 0.1};
    for (int i = 0; i < canaries + controls; ++i) {
        const double level = random.normal();
        statistics::Unit unit{"", level, level + 0.1 * random.normal()};
        if (i < canaries) unit.post += effect;
        (i < canaries ? c.canary : c.control).push_back(unit);
    }
    c.canaries = static_cast<std::uint64_t>(canaries);
    c.controls = static_cast<std::uint64_t>(controls);
    return c;
}

TEST(Verdict, compares_devices_and_says_when_it_can_not) {
    const auto plan = plan_from(
        R"(,"waves":[{"percent":100}],"guardrails":[{"metric":"fallback_rate","worse_by":0.1}])");
    const Look final{plan->looks, false};
    EXPECT_EQ(judge_comparison(*plan, arms(20, 20, 2, 1), final).verdict, Verdict::worse);
    EXPECT_EQ(judge_comparison(*plan, arms(40, 40, 0, 2), final).verdict, Verdict::fine);
    EXPECT_EQ(judge_comparison(*plan, arms(2, 3, 0, 3), final).verdict, Verdict::unclear);
    EXPECT_EQ(judge_comparison(*plan, arms(2, 3, 0, 3), {1, false}).verdict, Verdict::fine)
        << "only the last look is told that it saw too little";
    EXPECT_EQ(judge_comparison(*plan, arms(5, 0, 0, 4), final).verdict, Verdict::fine)
        << "nobody is left to compare with";
    Comparison above = arms(5, 5, 0, 5);
    above.worst = 11;
    above.worst_device = "gw-1";
    const Reading reading = judge_comparison(*plan, above, {1, true});
    EXPECT_EQ(reading.verdict, Verdict::worse);
    EXPECT_EQ(reading.says, "fallback_rate is 11 on 'gw-1', more than 10");
}

TEST(Verdict, canaries_that_fall_silent_are_no_reason_to_be_content) {
    const auto plan = plan_from(
        R"(,"waves":[{"percent":100}],"guardrails":[{"metric":"fallback_rate","worse_by":0.1}])");
    Comparison c = arms(2, 100, 0, 1);
    c.canaries = 30;
    const Reading reading = judge_comparison(*plan, c, {plan->looks, false});
    EXPECT_EQ(reading.verdict, Verdict::unclear);
    EXPECT_NE(reading.says.find("only 2 of 30 canaries"), std::string::npos) << reading.says;
}

TEST(SqlObservations, ask_one_row_per_device) {
    Observations::Question q;
    q.metric = Metric::latency_us_p99;
    q.model = "it's";
    q.from = {5};
    q.to = {9};
    EXPECT_EQ(sql_of(q),
              "SELECT device, quantile_cont(latency_us, 0.99) AS value, count(*) AS samples FROM "
              "decisions WHERE model = 'it''s' AND time >= make_timestamp_ns(5) AND time < "
              "make_timestamp_ns(9) GROUP BY device ORDER BY device");
    const auto values = device_values(R"({"rows":[["a",0.5,10],["b",null,0],["c",2,1]]})", -1);
    ASSERT_TRUE(values);
    ASSERT_EQ(values->size(), 2u);
    EXPECT_EQ((*values)[1].device, "c");
    EXPECT_EQ((*values)[1].value, -2);
}

class Admission : public testing::Test {
 public:
    void SetUp() override {
        store = *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
        ASSERT_TRUE(sync_wait(*loop, simulated::furnish(*store, 3)));
    }
    Result<Resource> ask(ResourceStore::Deed deed, Resource wanted,
                         std::optional<Resource> stored = std::nullopt) {
        return sync_wait(*loop, admit_rollout(*store, want_validated, deed, std::move(wanted),
                                              std::move(stored)));
    }
    Resource rollout(std::string_view more = "", const char* artifact = "pump--2") {
        return rollout_of(R"({"artifact":{"kind":"ModelVersion","name":")" + std::string(artifact) +
                          R"("},"waves":[{"percent":100}])" + std::string(more) + "}");
    }
    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<registry::Registry> store;
};

TEST_F(Admission, wants_a_version_that_exists_and_passed_its_gate) {
    EXPECT_TRUE(ask(ResourceStore::Deed::create, rollout()));
    EXPECT_EQ(ask(ResourceStore::Deed::create, rollout("", "pump--9")).error().message,
              "spec.artifact.name: there is no ModelVersion 'pump--9'. Next step: push it first");
    AuditNote note{"hub", "gate.verdict", "", ""};
    JsonObject refused{{"state", "refused"}, {"reason", "f1 is 0.7, want 0.8"}};
    ASSERT_TRUE(sync_wait(*loop, store->merge_status("ModelVersion", "pump--2", refused, note)));
    const auto no = ask(ResourceStore::Deed::create, rollout());
    ASSERT_FALSE(no);
    EXPECT_EQ(no.error().code, Errc::conflict);
    EXPECT_NE(no.error().message.find("f1 is 0.7, want 0.8"), std::string::npos);
}

TEST_F(Admission, one_rollout_of_a_product_at_a_time_on_a_device) {
    Resource first = rollout();
    first.name = "first";
    ASSERT_TRUE(sync_wait(*loop, simulated::create(*store, first)));
    const auto second = ask(ResourceStore::Deed::create, rollout());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::conflict);
    EXPECT_NE(second.error().message.find("rollout 'first' of pump is under way on 'gw-100001'"),
              std::string::npos)
        << second.error().message;
    EXPECT_TRUE(ask(ResourceStore::Deed::create, rollout(R"(,"selector":"line=presses")")))
        << "other devices";
}

TEST_F(Admission, what_has_started_is_frozen_and_what_runs_is_not_deleted) {
    Resource stored = rollout();
    stored.status = JsonObject{{"state", "soaking"}};
    Resource wanted = stored;
    set(wanted.spec, "alpha", Json(0.5));
    EXPECT_EQ(ask(ResourceStore::Deed::replace, wanted, stored).error().code, Errc::conflict);
    wanted = stored;
    set(wanted.spec, "abort", Json(true));
    EXPECT_TRUE(ask(ResourceStore::Deed::replace, wanted, stored));
    EXPECT_FALSE(ask(ResourceStore::Deed::replace, stored, wanted)) << "no way back from giving up";
    EXPECT_EQ(ask(ResourceStore::Deed::remove, stored, stored).error().code, Errc::conflict);
    stored.status = JsonObject{{"state", "completed"}};
    EXPECT_TRUE(ask(ResourceStore::Deed::remove, stored, stored));
    EXPECT_FALSE(ask(ResourceStore::Deed::replace, wanted, stored));
}

}  // namespace
}  // namespace mw::rollouts
