// Quarantine, lineage, scorecards, agreement: who may ask, and what is passed on.
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

using ApiTrust = ApiWorld;

TEST_F(ApiTrust, points_are_decided_about_by_who_may) {
    const char* body = R"({"verb":"release","device":"gw-1"})";
    const auto done = call(post, "/v1/quarantine", body);
    ASSERT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(text_at(done, "by"), "user:root");
    EXPECT_EQ(as(user("vera", {"viewer"}), post, "/v1/quarantine", body).status, 403);
    EXPECT_EQ(as(user("otto", {"ot"}), post, "/v1/quarantine", body).status, 200);
    EXPECT_EQ(as("", post, "/v1/quarantine", body).status, 401);
    const auto list = call(get, "/v1/quarantine?device=gw-1&limit=3");
    EXPECT_EQ(find_integer(find(json(list), "items")->get_array()[0], "limit"), 3);
    EXPECT_EQ(call(get, "/v1/quarantine?limit=99999999").status, 400);
    EXPECT_EQ(as(user("noel", {}), get, "/v1/quarantine").status, 403);
}

TEST_F(ApiTrust, points_of_a_domain_are_decided_about_by_who_runs_it) {
    ASSERT_EQ(call(post, "/v1/roles",
                   R"({"name":"plant-a","spec":{"rules":[{"verbs":["create"],)"
                   R"("kinds":["Quarantine"],"domains":["plant-a"]}]}})")
                  .status,
              201);
    for (const char* domain : {"plant-a", "plant-b"})
        ASSERT_EQ(call(post, "/v1/devices",
                       std::string(R"({"name":"gw-)") + domain + R"(","domain":")" + domain + "\"}")
                      .status,
                  201);
    const auto token = user("pia", {"plant-a"});
    const auto decide = [&](const std::string& device) {
        return as(token, post, "/v1/quarantine", R"({"verb":"hold","device":")" + device + "\"}")
            .status;
    };
    EXPECT_EQ(decide("gw-plant-a"), 200);
    EXPECT_EQ(decide("gw-plant-b"), 403);
    EXPECT_EQ(decide("gone"), 403);
}

TEST_F(ApiTrust, lineage_shows_what_the_caller_may_see) {
    const auto up = call(get, "/v1/lineage/series/gw-1:flow?direction=up&limit=7");
    ASSERT_EQ(up.status, 200) << up.body;
    EXPECT_EQ(text_at(up, "name"), "gw-1:flow");
    EXPECT_EQ(find_bool(json(up), "down"), false);
    EXPECT_EQ(find_integer(json(up), "limit"), 7);
    EXPECT_EQ(find_bool(json(up), "sees_plant_b"), true);
    EXPECT_EQ(find_bool(json(as(user("noel", {}), get, "/v1/lineage/device/gw-1")), "sees_plant_b"),
              false);
    EXPECT_EQ(call(get, "/v1/lineage/device/gw-1?direction=left").status, 400);
    EXPECT_EQ(call(get, "/v1/lineage/device/gw-1?limit=5000").status, 400);
}

TEST_F(ApiTrust, scorecards_are_of_products_that_one_may_see) {
    ASSERT_EQ(call(post, "/v1/data-products", R"({"name":"pumps"})").status, 201);
    const auto card = call(get, "/v1/data-products/pumps/scorecard?days=3");
    ASSERT_EQ(card.status, 200) << card.body;
    EXPECT_EQ(find_integer(json(card), "days"), 3);
    EXPECT_EQ(call(get, "/v1/data-products/none/scorecard").status, 404);
    EXPECT_EQ(call(get, "/v1/data-products/pumps/scorecard?days=0").status, 400);
    EXPECT_EQ(call(get, "/v1/data-products/pumps/scorecard?days=91").status, 400);
    EXPECT_EQ(as(user("noel", {}), get, "/v1/data-products/pumps/scorecard").status, 404);
}

TEST_F(ApiTrust, labels_are_settled_by_who_may_label_and_agreement_is_told) {
    ASSERT_EQ(call(post, "/v1/label-tasks",
                   R"({"name":"t1","spec":{"device":"gw-1","model":"m","why":"person",)"
                   R"("from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:05Z","propensity":1}})")
                  .status,
              201);
    const auto settled =
        call(post, "/v1/label-tasks/t1/adjudicate", R"({"label":true,"why":"log book"})");
    ASSERT_EQ(settled.status, 200) << settled.body;
    EXPECT_EQ(text_at(settled, "body.why"), "log book");
    EXPECT_EQ(text_at(settled, "author"), "user:root");
    EXPECT_EQ(as(user("vera", {"viewer"}), post, "/v1/label-tasks/t1/adjudicate", "{}").status,
              403);
    const auto agreement = call(get, "/v1/labels/agreement?model=valve");
    EXPECT_EQ(find_string(find(json(agreement), "items")->get_array()[0], "model"), "valve");
    EXPECT_EQ(as(user("noel", {}), get, "/v1/labels/agreement").status, 403);
}

}  // namespace
}  // namespace mw::api
