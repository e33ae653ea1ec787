#include "fleet/trials/trials.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "data/registry/registry.h"
#include "domain/story.h"
#include "fleet/rollouts/rollouts.h"

namespace mw::trials {
namespace {

// `difference` of the challenger's alarm rate and, on labels, of its errors; alternating a little.
std::vector<Pair> pairs(int devices, double difference, std::uint64_t labelled = 0) {
    std::vector<Pair> all;
    for (int i = 0; i < devices; ++i) {
        const double wobble = i % 2 == 0 ? 0.005 : -0.005;
        all.push_back({.device = "gw-" + std::to_string(i),
                       .windows = 100,
                       .agreement = 1 - std::abs(difference),
                       .champion_alarms = 0.2,
                       .challenger_alarms = 0.2 + difference + wobble,
                       .correlation = i == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.9,
                       .champion_latency_us_p99 = 150,
                       .challenger_latency_us_p99 = 170.0 + i,
                       .labelled = labelled,
                       .champion_wrong = 0.1,
                       .challenger_wrong = 0.1 + difference + wobble});
    }
    return all;
}

TEST(Comparison, counts_devices_not_windows) {
    const Comparison c = compare(pairs(4, 0.1));
    EXPECT_EQ(c.windows, 400u);
    EXPECT_EQ(c.alarms.devices, 4u);
    EXPECT_NEAR(c.alarms.mean, 0.1, 1e-9);
    // Student's t with 3 degrees: 3.1824 times .005774/2.
    EXPECT_NEAR(c.alarms.high - c.alarms.mean, 3.18245 * 0.0057735 / 2, 1e-5);
    EXPECT_NEAR(c.correlation, 0.9, 1e-9) << "a device without movement has none";
    EXPECT_TRUE(std::isinf(compare(pairs(1, 0.1)).alarms.high));
}

TEST(Comparison, only_labels_say_who_is_right) {
    const struct {
        int devices;
        double difference;
        std::uint64_t labelled;
        const char* event;
    } rows[] = {
        {6, 0.3, 10, "lost"},    {6, -0.3, 10, "won"},    {6, 0.0, 10, "drew"},
        {6, 0.3, 0, "unclear"},  {6, -0.3, 0, "unclear"}, {6, 0.0, 0, "drew"},
        {1, 0.3, 10, "unclear"}, {0, 0.0, 0, "unclear"},  {6, 0.3, 2, "unclear"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(outcome_of(compare(pairs(row.devices, row.difference, row.labelled))).event,
                  row.event)
            << row.devices << ' ' << row.difference << ' ' << row.labelled;
}

TEST(Comparison, an_ab_trial_is_judged_by_the_rollouts_readings) {
    const auto readings = [](const char* verdict, double high) {
        return *parse_json(R"([{"guardrail":"fallback_rate","verdict":")" + std::string(verdict) +
                           R"(","says":"s","figures":{"high":)" + std::to_string(high) + "}}]");
    };
    const auto promoted = RolloutEnd::promoted;
    EXPECT_EQ(outcome_of_ab(readings("fine", -0.1), promoted, "").event, "won");
    EXPECT_EQ(outcome_of_ab(readings("fine", 0.1), promoted, "").event, "drew");
    EXPECT_EQ(outcome_of_ab(readings("unclear", 0.1), promoted, "").event, "unclear");
    EXPECT_EQ(outcome_of_ab(Json(nullptr), promoted, "").event, "unclear");
    EXPECT_EQ(outcome_of_ab(readings("worse", 1), RolloutEnd::went_back, "worse").event, "lost");
    EXPECT_EQ(outcome_of_ab(readings("fine", 0), RolloutEnd::given_up, "ann").event, "stopped");
}

TEST(SqlEvidence, joins_both_versions_by_device_and_window) {
    const std::string sql = labels_sql("pump", {1}, {2});
    EXPECT_NE(sql.find("JOIN labels AS l ON l.device = c.device AND l.time = c.time WHERE"),
              std::string::npos);
    EXPECT_NE(sql.find("s.model = 'pump.shadow'"), std::string::npos);
    auto found = pairs_of(R"({"rows":[["a",10,0.9,0.1,0.2,null,150,160]]})");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1u);
    EXPECT_TRUE(std::isnan(found->front().correlation));
    ASSERT_TRUE(add_labels(*found, R"({"rows":[["a",4,0.25,0.5],["b",1,0,0]]})"));
    EXPECT_EQ(found->front().labelled, 4u);
    EXPECT_EQ(found->front().challenger_wrong, 0.5);
}

class FixedEvidence final : public Evidence {
 public:
    Task<std::vector<Pair>> pairs(std::string, Timestamp, Timestamp) override {
        co_return trials::pairs(6, difference, 10);
    }
    double difference = 0.3;
};

class TrialsTest : public testing::Test {
 public:
    void SetUp() override {
        create(R"({"kind":"Model","name":"pump"})");
        create(R"({"kind":"ModelVersion","name":"pump--2","spec":{"model":"pump","version":"2",
               "bundle":")" +
               std::string(64, 'a') + R"("}})");
        ASSERT_TRUE(sync_wait(*loop, trials.start()));
    }
    void TearDown() override { ASSERT_TRUE(sync_wait(*loop, trials.stop())); }
    void create(const std::string& json) {
        AuditNote note{"user:ann", "create", "", ""};
        ASSERT_TRUE(sync_wait(*loop, store->create(*resource_from_json(*parse_json(json)), note)))
            << json;
    }
    void rollout(const std::string& mode) {
        create(R"({"kind":"Rollout","name":"r","spec":{"artifact":{"kind":"ModelVersion",
               "name":"pump--2"},"mode":")" +
               mode + R"(","waves":[{"percent":50},{"percent":100}]}})");
    }
    // The rollout as its controller would leave it; then the trial, once it is `state`.
    std::string trial_after(const std::string& status, const std::string& state) {
        AuditNote note{"hub", "rollout", "", ""};
        EXPECT_TRUE(sync_wait(
            *loop, store->merge_status("Rollout", "r", parse_json(status)->get_object(), note)));
        std::string at;
        for (int i = 0; i < 200 && at != state; ++i) {
            loop->turn(false);
            auto trial = sync_wait(*loop, store->get("Trial", "r"));
            if (trial) at = state_of(*trial, trial_table());
        }
        return at;
    }
    SimulatedClock clock;
    metrics::Registry metrics;
    std::unique_ptr<Loop> loop = *Loop::open({.simulated = &clock});
    std::unique_ptr<registry::Registry> store =
        *registry::Registry::open(*loop, clock, metrics, {.path = ":memory:"});
    FixedEvidence evidence;
    Trials trials{{*loop, *store, evidence}};
};

TEST_F(TrialsTest, a_shadow_is_compared_until_its_rollout_ends) {
    rollout("shadow");
    EXPECT_EQ(trial_after(R"({"state":"soaking","wave":1,"population":6})", "running"), "running");
    EXPECT_EQ(trial_after(R"({"state":"rolling_back","wave":2,"ends_as":"cleared"})", "worse"),
              "worse");
    const auto trial = sync_wait(*loop, store->get("Trial", "r"));
    EXPECT_EQ(find_integer(trial->status, "comparison.windows"), 600);
    EXPECT_EQ(find_string(trial->spec, "challenger"), "2");
}

TEST_F(TrialsTest, an_ab_trial_ends_with_the_verdict_on_the_shares) {
    rollout("ab");
    EXPECT_EQ(trial_after(R"({"state":"soaking","wave":1})", "running"), "running");
    EXPECT_EQ(trial_after(R"({"state":"rolling","wave":2,"readings":[{"guardrail":"fallback_rate",
        "verdict":"fine","says":"better","figures":{"high":-0.2}}]})",
                          "better"),
              "better");
}

TEST_F(TrialsTest, a_rollout_that_is_given_up_stops_its_trial) {
    rollout("ab");
    EXPECT_EQ(trial_after(R"({"state":"rolling_back","wave":1,"ends_as":"undone"})", "stopped"),
              "stopped");
}

TEST(TrialTable, every_row_moves_a_trial) {
    for (const Transition& row : trial_table().rows()) {
        Resource trial;
        trial.status = JsonObject{{"state", row.from}};
        ASSERT_TRUE(advance(trial, trial_table(), row.event, "because", {1}));
        EXPECT_EQ(state_of(trial, trial_table()), row.to);
        EXPECT_EQ(trial_table().is_final(row.to), row.to != "running");
    }
}

TEST(TrialTable, stands_in_the_documentation) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/docs/formats/state-machines.md");
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find("## Trial\n" + trial_table().to_markdown()), std::string::npos)
        << trial_table().to_markdown();
}

}  // namespace
}  // namespace mw::trials
