#include "apps/ctl/story.h"

#include <gtest/gtest.h>

#include "apps/ctl/usecase_tables.h"

namespace mw::ctl {
namespace {

Json parsed(const char* text) { return *parse_json(text); }

TEST(Story, tells_steps_and_deeds_in_order_and_each_once) {
    const auto rollout = parsed(R"({"kind":"Rollout","name":"r","status":{"history":[
        {"at":"2026-01-01T00:00:10Z","event":"started","state":"rolling","says":"3 devices"},
        {"at":"2026-01-01T00:00:30.5Z","event":"worse","state":"rolling_back",
         "says":"p = .01"}]}})");
    const auto facts = parsed(R"([
        {"time":"2026-01-01T00:00:30.6Z","actor":"hub","action":"rollout.step",
         "detail":"worse: p = .01"},
        {"time":"2026-01-01T00:00:20Z","actor":"device:gw-1","action":"report","detail":"status"},
        {"time":"2026-01-01T00:00:15Z","actor":"hub","action":"kpi.computed","detail":"x"},
        {"time":"2026-01-01T00:00:20Z","actor":"user:bo","action":"patch","detail":"from 10.0.0.1"},
        {"time":"2026-01-01T00:00:00Z","actor":"user:ann","action":"create","detail":""}])");
    const auto moments = moments_of(rollout, facts.get_array());
    std::string told;
    for (const auto& moment : moments) told += moment.who + " " + moment.what + ", ";
    EXPECT_EQ(told, "user:ann create,  -> rolling, user:bo patch,  -> rolling_back, ");
}

TEST(Story, of_a_gate_report_shows_the_failing_row) {
    Story story;
    story.resource = parsed(R"({"kind":"GateReport","name":"g-1","domain":"default","generation":1,
        "revision":"4","spec":{"verdict":"refused","signed":"SIGNED","rows":[
        {"row":"f1","measured":0.71,"limit":">= 0.8","passed":false,"detail":"400 rows"}]}})");
    story.approvals.push_back(parsed(R"({"created":"t","spec":{"verdict":"reject","what":"override",
        "role":"releaser","generation":2,"reason":"too low"},"status":{"by":"user:bo"}})"));
    story.related.push_back({"its gate", "gate-specs", {}, false});
    const auto text = tell(story);
    EXPECT_NE(text.find("REFUSED"), std::string::npos) << text;
    EXPECT_NE(text.find("0.71"), std::string::npos);
    EXPECT_EQ(text.find("SIGNED"), std::string::npos);
    EXPECT_NE(text.find("reject override as releaser by user:bo, generation 2 (it is another one"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("nothing has happened yet"), std::string::npos);
    EXPECT_EQ(text.find("its gate"), std::string::npos);
}

TEST(UseCaseTables, show_kpis_reviews_and_ranks) {
    const auto kpis = parsed(R"([{"name":"stops","unit":"1/d","reached":"no","says":"too many",
        "baseline":{"low":9,"estimate":10,"high":11},"now":{"low":8,"estimate":9,"high":10},
        "target":7,"distance":2,"money_per_year":1234.5}])");
    const auto table = kpi_table(kpis.get_array(), 0);
    EXPECT_NE(table.find("10 (9 to 11)"), std::string::npos) << table;
    EXPECT_NE(table.find("stops: too many"), std::string::npos) << table;
    const auto review = review_text(parsed(R"({"stage":"pilot","ready":false,"obstacle":"x",
        "criteria":[{"criterion":"c","check":"evidence","holds":true,"says":"note"}],
        "sign_off":{"given":false,"says":"no approval as ot"}})"));
    EXPECT_NE(review.find("can't be left yet: x"), std::string::npos);
    EXPECT_NE(review.find("[x] c (evidence): note"), std::string::npos);
    EXPECT_NE(review.find("[ ] sign-off: no approval as ot"), std::string::npos);
    const auto ranking = ranking_text(parsed(R"([{"name":"a","stage":"idea","currency":"EUR",
        "expected_value":1000,"probability":0.25,"readiness":0.5,"payback_months":null,
        "says":"because"}])")
                                          .get_array(),
                                      0);
    EXPECT_NE(ranking.find("1000 EUR"), std::string::npos) << ranking;
    EXPECT_NE(ranking.find("never"), std::string::npos);
    EXPECT_NE(ranking.find("1. a: because"), std::string::npos);
}

}  // namespace
}  // namespace mw::ctl
