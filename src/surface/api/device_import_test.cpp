// Many devices in a call, over loopback.
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiImport : public ApiWorld {
 protected:
    void SetUp() override {
        ASSERT_EQ(call(post, "/v1/device-profiles", R"({"name":"pump","spec":{}})").status, 201);
    }
    http::Response import(const std::string& devices, const std::string& more = "") {
        return import_as(admin, devices, more);
    }
    http::Response import_as(const std::string& token, const std::string& devices,
                             const std::string& more = "") {
        return as(token, post, "/v1/devices:import",
                  R"({"devices":[)" + devices + "]" + more + "}");
    }
    std::uint64_t count(const http::Response& response, const char* outcome) {
        return json(response).at("counts").at(outcome).to_number<std::uint64_t>();
    }
    // "row name outcome: why"
    std::vector<std::string> rows(const http::Response& response) {
        std::vector<std::string> all;
        const Json answer = json(response);
        for (const Json& row : answer.at("rows").get_array())
            all.push_back(std::to_string(row.at("row").to_number<int>()) + " " +
                          find_string(row, "name").value_or("") + " " +
                          find_string(row, "outcome").value_or("") + ": " +
                          find_string(row, "why").value_or(""));
        return all;
    }
    int devices() { return int(json(call(get, "/v1/devices")).at("items").get_array().size()); }
};

constexpr const char* three = R"({"name":"gw-1","spec":{"profile":"pump"}},)"
                              R"({"name":"gw-2","spec":{"profile":"pmup"}},)"
                              R"({"name":"GW 3","spec":{}})";

TEST_F(ApiImport, a_dry_run_says_all_rows_and_writes_nothing) {
    const auto answer = import(three, R"(,"dry_run":true)");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto told = rows(answer);
    ASSERT_EQ(told.size(), 3u);
    EXPECT_EQ(told[0], "1 gw-1 created: ");
    EXPECT_TRUE(told[1].starts_with("2 gw-2 refused: spec.profile")) << told[1];
    EXPECT_TRUE(told[2].starts_with("3 GW 3 refused: name")) << told[2];
    EXPECT_EQ(devices(), 0);
}

TEST_F(ApiImport, what_is_refused_harms_no_other_row_and_again_changes_nothing) {
    const auto first = import(three);
    EXPECT_EQ(count(first, "created"), 1u) << first.body;
    EXPECT_EQ(count(first, "refused"), 2u);
    EXPECT_EQ(rows(first).size(), 2u);
    EXPECT_EQ(devices(), 1);
    const auto again = import(three);
    EXPECT_EQ(count(again, "unchanged"), 1u) << again.body;
    int creations = 0;
    for (const auto& fact : facts())
        if (fact.kind == "Device" && fact.action == "create") {
            ++creations;
            EXPECT_NE(fact.detail.find("import row 1"), std::string::npos) << fact.detail;
        }
    EXPECT_EQ(creations, 1);
}

TEST_F(ApiImport, what_is_there_and_differs_is_changed_only_when_that_is_wanted) {
    ASSERT_EQ(count(import(R"({"name":"gw-1","spec":{}})"), "created"), 1u);
    const char* other = R"({"name":"gw-1","labels":{"line":"7"},"spec":{"profile":"pump"}})";
    const auto kept = import(other);
    EXPECT_EQ(count(kept, "refused"), 1u) << kept.body;
    EXPECT_NE(kept.body.find("differs"), std::string::npos);
    EXPECT_EQ(rows(import(other, R"(,"update":true,"dry_run":true)")),
              std::vector<std::string>{"1 gw-1 changed: "});
    EXPECT_EQ(text_at(call(get, "/v1/devices/gw-1"), "spec.profile"), "(none)");
    EXPECT_EQ(count(import(other, R"(,"update":true)"), "changed"), 1u);
    EXPECT_EQ(text_at(call(get, "/v1/devices/gw-1"), "spec.profile"), "pump");
}

TEST_F(ApiImport, a_gateway_of_the_same_call_is_there_before_what_stands_behind_it) {
    const std::string chain = R"({"row":7,"name":"m-1","spec":{"parent":"gw-1"}},)"
                              R"({"row":8,"name":"gw-1","spec":{}},)"
                              R"({"row":9,"name":"gw-1","spec":{}},)"
                              R"({"row":10,"name":"m-2","spec":{"parent":"nobody"}})";
    const auto dry = rows(import(chain, R"(,"dry_run":true)"));
    ASSERT_EQ(dry.size(), 4u);
    EXPECT_EQ(dry[0], "7 m-1 created: ");
    EXPECT_EQ(dry[1], "8 gw-1 created: ");
    EXPECT_EQ(dry[2], "9 gw-1 refused: name: row 8 has it already");
    EXPECT_TRUE(dry[3].starts_with("10 m-2 refused: spec.parent")) << dry[3];
    EXPECT_EQ(count(import(chain), "created"), 2u);
}

TEST_F(ApiImport, many_rows_are_all_written) {
    std::string many;
    for (int i = 0; i < 1'500; ++i)
        many += (i ? "," : "") + std::string(R"({"name":"gw-)") + std::to_string(i) +
                R"(","spec":{"profile":"pump"}})";
    EXPECT_EQ(count(import(many), "created"), 1'500u);
}

TEST_F(ApiImport, who_may_not_create_devices_may_not_import_them) {
    EXPECT_EQ(import_as(user("vera", {"viewer"}), three).status, 403);
    ASSERT_EQ(call(post, "/v1/roles",
                   R"({"name":"north","spec":{"rules":[{"verbs":["create","get"],)"
                   R"("kinds":["Device"],"domains":["north"]}]}})")
                  .status,
              201);
    const auto answer =
        import_as(user("nora", {"north"}), R"({"name":"gw-1","domain":"north","spec":{}},)"
                                           R"({"name":"gw-2","domain":"south","spec":{}})");
    EXPECT_EQ(count(answer, "created"), 1u) << answer.body;
    EXPECT_NE(answer.body.find("may not create on Device in domain south"), std::string::npos);
}

TEST_F(ApiImport, a_body_that_is_none_is_refused_whole) {
    for (const char* body :
         {"[]", "{}", R"({"devices":[]})", R"({"devices":{}})", R"({"devices":[{}],"dry":true})"})
        EXPECT_EQ(call(post, "/v1/devices:import", body).status, 400) << body;
}

}  // namespace
}  // namespace mw::api
