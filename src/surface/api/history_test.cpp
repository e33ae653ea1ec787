#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiHistory : public ApiWorld {
 public:
    bool noted(std::string_view action, std::string_view detail) {
        for (const auto& fact : facts())
            if (fact.action == action && fact.detail.find(detail) != std::string::npos) return true;
        return false;
    }
};

TEST_F(ApiHistory, tells_figures_and_compacts) {
    const auto stats = call(get, "/v1/history/stats");
    ASSERT_EQ(stats.status, 200);
    EXPECT_EQ(find_integer(json(stats), "series"), 7);
    const auto compacted = call(post, "/v1/history/compact?wait=5");
    ASSERT_EQ(compacted.status, 200) << compacted.body;
    EXPECT_EQ(find_bool(json(compacted), "finished"), true);
    EXPECT_EQ(stored.waited, seconds(5));
    EXPECT_EQ(call(post, "/v1/history/compact?wait=601").status, 400);
    EXPECT_EQ(find_bool(json(call(post, "/v1/history/verify")), "sound"), false);
}

TEST_F(ApiHistory, deletes_what_a_device_sent_and_leaves_a_fact_first) {
    const auto done =
        call(post, "/v1/history/delete",
             R"({"device":"gw-1","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"})");
    ASSERT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(find_integer(json(done), "points"), 12);
    EXPECT_EQ(stored.deleted->device, "gw-1");
    EXPECT_EQ(to_iso8601(*stored.deleted->to), "2026-01-02T00:00:00Z");
    EXPECT_TRUE(noted("history.delete", "device gw-1, from 2026-01-01"));
    for (const char* body : {"{}", "[]", R"({"device":""})", R"({"device":"a","until":"x"})",
                             R"({"device":"a","from":"yesterday"})", R"({"device":1})",
                             R"({"device":"a","from":"2026-02-01","to":"2026-01-01"})"})
        EXPECT_EQ(call(post, "/v1/history/delete", body).status, 400) << body;
}

TEST_F(ApiHistory, only_who_runs_the_plant_may_change_it) {
    const auto viewer = user("vic", {"viewer"}), writing = user("wim", {"writer"}),
               operating = user("olga", {"operator"});
    const std::string body = R"({"device":"gw-1"})";
    for (const auto& who : {viewer, writing}) {
        EXPECT_EQ(as(who, post, "/v1/history/compact").status, 403);
        EXPECT_EQ(as(who, post, "/v1/history/verify").status, 403);
        EXPECT_EQ(as(who, post, "/v1/history/delete", body).status, 403);
    }
    EXPECT_FALSE(stored.deleted.has_value());
    EXPECT_EQ(as(viewer, get, "/v1/history/stats").status, 200);
    EXPECT_EQ(as(writing, get, "/v1/history/stats").status, 403);
    EXPECT_EQ(as("", get, "/v1/history/stats").status, 401);
    EXPECT_EQ(as(operating, post, "/v1/history/delete", body).status, 200);
}

}  // namespace
}  // namespace mw::api
