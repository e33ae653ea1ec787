// What a gate computes: states, metrics, bounds, rows. Nothing here waits.
#include "fleet/gates/gates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "domain/story.h"
#include "fleet/gates/sample_version.h"

namespace mw::gates {
namespace {

std::string document(const std::string& name) {
    std::ifstream in(std::string(MW_SOURCE_DIR) + "/docs/formats/" + name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

TEST(VersionTable, stands_in_the_documents_and_every_row_can_be_walked) {
    const StateTable& table = version_table();
    EXPECT_NE(document("state-machines.md").find(table.to_markdown()), std::string::npos)
        << table.to_markdown();
    for (const Transition& row : table.rows()) {
        Resource version;
        version.status = JsonObject{{"state", row.from}};
        ASSERT_TRUE(advance(version, table, row.event, "because", {1}));
        EXPECT_EQ(state_of(version, table), row.to);
    }
    EXPECT_TRUE(table.is_final("retired"));
}

TEST(MayRollOut, only_what_its_gate_has_let_pass) {
    Resource gate, other;
    gate.name = "pump-gate";
    gate.spec = JsonObject{{"model", "pump"}};
    other.spec = JsonObject{{"model", "fan"}};
    struct Case {
        Resource version;
        bool guarded, may;
        const char* says;
    };
    const Case cases[] = {
        {version_in("validated"), true, true, ""},
        {version_in("validated", "c"), true, false, "with another bundle"},
        {version_in("validated", "c"), false, true, ""},
        {version_in("registered"), false, true, ""},
        {version_in("registered"), true, false, "millwright gate run pump-gate pump:2"},
        {version_in("refused"), true, false, "f1 is 0.77, limit >= 0.8"},
        {version_in("refused"), false, false, "what=override"},
        {version_in("validating"), true, false, "being measured"},
        {version_in("retired"), true, false, "retired"},
    };
    for (const auto& [version, guarded, may, says] : cases) {
        const std::vector<Resource> gates =
            guarded ? std::vector<Resource>{other, gate} : std::vector<Resource>{other};
        const auto verdict = may_roll_out(version, gates);
        EXPECT_EQ(verdict.ok(), may) << says;
        if (!verdict) {
            EXPECT_NE(verdict.error().message.find(says), std::string::npos)
                << verdict.error().message;
        }
    }
    Resource firmware = version_in("refused");
    firmware.kind = "Firmware";
    EXPECT_TRUE(may_roll_out(firmware, {}));
    Resource changed = version_in("validated");
    set(changed.spec, "bundle", "c");
    EXPECT_EQ(admit_version(changed, version_in("validated")).error().code, Errc::conflict);
    EXPECT_TRUE(admit_version(changed, std::nullopt));
    EXPECT_TRUE(admit_version(version_in("validated"), version_in("refused")));
}

TEST(Accuracy, divides_only_by_what_there_is) {
    EXPECT_FALSE(value_of(Metric::f1, {}));
    EXPECT_FALSE(value_of(Metric::precision, {}));
    const Tally t{.true_positive = 6,
                  .false_positive = 2,
                  .true_negative = 90,
                  .false_negative = 2,
                  .events = 4,
                  .events_found = 3,
                  .decisions = 50,
                  .fallbacks = 5};
    EXPECT_EQ(value_of(Metric::f1, t), 0.75);
    EXPECT_EQ(value_of(Metric::precision, t), 0.75);
    EXPECT_EQ(value_of(Metric::recall, t), 0.75);
    EXPECT_EQ(value_of(Metric::missed_alarm_rate, t), 0.25);
    EXPECT_EQ(value_of(Metric::false_alarm_rate, t), 2.0 / 92);
    EXPECT_EQ(value_of(Metric::event_recall, t), 0.75);
    EXPECT_EQ(value_of(Metric::fallback_rate, t), 0.1);
    for (const Metric metric : all_metrics) EXPECT_EQ(*metric_from(to_string(metric)), metric);
}

// Two judges that err independently on the same blocks; the second finds `worse` less.
std::pair<Judged, Judged> two_judges(SeededRandom& random, double worse, int blocks) {
    std::pair<Judged, Judged> judges;
    for (int i = 0; i < blocks; ++i) {
        const double hard = 0.6 + 0.4 * random.uniform();
        for (auto* judge : {&judges.first, &judges.second}) {
            Tally& block = judge->blocks.emplace_back();
            const double rate = hard - (judge == &judges.second ? worse : 0);
            for (int row = 0; row < 10; ++row)
                ++(random.uniform() < rate ? block.true_positive : block.false_negative);
            judge->total += block;
        }
    }
    return judges;
}

TEST(Accuracy, the_bound_of_the_loss_covers_the_true_loss_and_is_paired) {
    SeededRandom random(7);
    constexpr double worse = 0.05;
    int covered = 0;
    constexpr int rounds = 60;
    constexpr std::size_t draws = 300;
    for (int i = 0; i < rounds; ++i) {
        const auto [champion, challenger] = two_judges(random, worse, 60);
        const auto loss = loss_of(Metric::recall, champion, challenger, draws);
        ASSERT_TRUE(loss);
        EXPECT_GE(loss->bound, loss->measured);
        covered += loss->bound >= worse;
    }
    // 95 % of 60 are 57; fewer than 50 would be a chance below one in a thousand.
    EXPECT_GE(covered, 50);
    auto [same, other] = two_judges(random, 0, 50);
    EXPECT_EQ(loss_of(Metric::recall, same, same, draws)->bound, 0);
    EXPECT_EQ(loss_of(Metric::missed_alarm_rate, same, same, draws)->bound, 0);
    EXPECT_EQ(loss_of(Metric::recall, same, other, draws)->bound,
              loss_of(Metric::recall, same, other, draws)->bound);
    other.blocks.pop_back();
    EXPECT_FALSE(loss_of(Metric::recall, same, other));
    EXPECT_FALSE(loss_of(Metric::precision, Judged{}, Judged{}));
}

TEST(GateRows, say_measured_limit_and_verdict) {
    Resource resource;
    resource.name = "g";
    resource.spec = *parse_json(R"({"model":"pump","dataset":"golden","metrics":[
        {"metric":"recall","min":0.75,"max":0.9},{"metric":"precision","min":0.1},
        {"metric":"f1","not_worse_than_champion_by":0.02}],
        "device_classes":{"small":{"latency_us_p99_max":500,"memory_mb_max":60}},
        "card":["Limits","Owner","Nothing"],"measure_within":"30s","override":["boss"]})");
    const auto gate = gate_of(resource);
    ASSERT_TRUE(gate) << gate.error().message;
    EXPECT_EQ(gate->measure_within, seconds{30});
    EXPECT_EQ(gate->override_roles, std::vector<std::string>{"boss"});
    Judged judged;
    judged.total.true_positive = 3;
    judged.total.false_negative = 1;
    auto rows = metric_rows(*gate, judged, {});
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_TRUE(rows[0].passed && rows[1].passed && rows[2].passed && rows[3].passed);
    EXPECT_EQ(rows[0].limit, ">= 0.75");
    EXPECT_EQ(rows[1].limit, "<= 0.9");
    EXPECT_EQ(rows[3].row, "f1 vs champion");
    judged.total.true_positive = 0;
    rows = metric_rows(*gate, judged, {.champion = "pump--1", .judged = {}, .why_not = "gone"});
    EXPECT_FALSE(rows[0].passed);
    EXPECT_TRUE(rows[2].measured.is_null() && !rows[2].passed);  // no alarm: no precision
    EXPECT_EQ(rows[3].detail, "champion 'pump--1': gone");
    EXPECT_FALSE(rows[3].passed);
    const auto card = card_rows(*gate, "# Model\n\n## limits \nonly indoors\n## Owner\n\n# More\n");
    EXPECT_TRUE(card[0].passed);
    EXPECT_EQ(card[1].detail, "nothing stands below the heading 'Owner'");
    EXPECT_EQ(card[2].detail, "card.md has no heading 'Nothing'");
    const Json reply = *parse_json(R"({"ok":true,"figures":{"windows":4000,"latency_us_p50":12,
        "latency_us_p99":400,"peak_rss_bytes":61000000}})");
    const auto on_device = class_rows(gate->classes[0], measured_from("gw-1", reply));
    ASSERT_EQ(on_device.size(), 2u);
    EXPECT_TRUE(on_device[0].passed);
    EXPECT_EQ(on_device[0].row, "latency_us_p99 small");
    EXPECT_FALSE(on_device[1].passed);
    EXPECT_EQ(on_device[1].measured, Json(61.0));
    EXPECT_NE(on_device[1].detail.find("'gw-1'"), std::string::npos);
    for (const char* body : {"{}", R"({"figures":{"latency_us_p99":-1,"peak_rss_bytes":5}})",
                             R"({"figures":{"latency_us_p99":"x","peak_rss_bytes":5}})"})
        EXPECT_FALSE(
            class_rows(gate->classes[0], measured_from("gw-1", *parse_json(body)))[0].passed);
}

}  // namespace
}  // namespace mw::gates
