#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class Deeds : public ApiWorld {
 public:
    Deeds() {
        put("Model", "pump", "{}");
        put("DataProduct", "pumps", "{}");
        put("Dataset", "golden",
            R"({"product":"pumps","purpose":"golden","from":"2026-01-01T00:00:00Z",
            "to":"2026-01-02T00:00:00Z"})");
        put("GateSpec", "g",
            R"({"model":"pump","dataset":"golden","metrics":[{"metric":"f1","min":0.5}]})");
        put("ModelVersion", "pump--1",
            R"({"model":"pump","version":"1","bundle":")" + std::string(64, 'a') + "\"}");
        for (const char* task : {"t1", "t2"})
            put("LabelTask", task,
                R"({"device":"gw-1","model":"pump","from":"2026-01-01T00:00:00Z",
                "to":"2026-01-01T00:00:05Z","why":"audit","propensity":0.5})");
    }
    void put(const std::string& kind, const std::string& name, const std::string& spec) {
        Resource r;
        r.kind = kind;
        r.name = name;
        r.spec = *parse_json(spec);
        auto made = wait(registry->create(std::move(r), {"hub", "create", ""}));
        ASSERT_TRUE(made) << made.error().message;
    }
};

TEST_F(Deeds, a_task_is_answered_by_who_may_label_and_the_answer_bears_the_name) {
    const std::string path = "/v1/label-tasks/t1/answer", body = R"({"label":true})";
    const auto answered = call(post, path, body);
    EXPECT_EQ(answered.status, 200);
    EXPECT_EQ(text_at(answered, "author"), "user:root");
    EXPECT_EQ(find_bool(json(answered), "body.label"), true);
    EXPECT_EQ(as(user("vic", {"viewer"}), post, path, body).status, 403);
    EXPECT_EQ(as(user("otto", {"ot"}), post, path, body).status, 200);
    EXPECT_EQ(as("", post, path, body).status, 401);
    EXPECT_EQ(call(post, "/v1/label-tasks/t2/answer", body).status, 409);
    EXPECT_EQ(call(post, "/v1/label-tasks/t9/answer", body).status, 404);
    EXPECT_EQ(call(post, path + "?x=1", body).status, 400);
    EXPECT_EQ(call(post, path, "{").status, 400);
}

TEST_F(Deeds, a_gate_is_run_by_who_may_have_reports_made) {
    const std::string path = "/v1/gate-specs/g/run", body = R"({"version":"pump--1"})";
    const auto started = call(post, path, body);
    EXPECT_EQ(started.status, 202);
    EXPECT_EQ(started.headers.get("Location"), "/v1/gate-reports/g-1");
    EXPECT_EQ(text_at(started, "actor"), "user:root");
    EXPECT_EQ(as(user("eve", {"engineer"}), post, path, body).status, 202);
    EXPECT_EQ(as(user("vic", {"viewer"}), post, path, body).status, 403);
    EXPECT_EQ(call(post, "/v1/gate-specs/none/run", body).status, 404);
    for (const char* wrong :
         {"{}", R"({"version":1})", R"({"version":""})", R"({"version":"pump--1","more":1})", "[]"})
        EXPECT_EQ(call(post, path, wrong).status, 400) << wrong;
}

TEST_F(Deeds, a_version_is_retired_with_a_reason) {
    const std::string path = "/v1/model-versions/pump--1/retire";
    const auto retired = call(post, path, R"({"reason":"replaced"})");
    EXPECT_EQ(retired.status, 200);
    EXPECT_EQ(text_at(retired, "reason"), "replaced");
    EXPECT_EQ(call(post, path, "{}").status, 400);
    EXPECT_EQ(as(user("vic", {"viewer"}), post, path, R"({"reason":"x"})").status, 403);
}

}  // namespace
}  // namespace mw::api
