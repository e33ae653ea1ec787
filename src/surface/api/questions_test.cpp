// can-i, who-can, and roles that are kept apart, over loopback.
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiQuestions : public ApiWorld {
 protected:
    std::string why(const http::Response& response) { return text_at(response, "why"); }
    bool allowed(const http::Response& response) {
        return find_bool(json(response), "allowed").value_or(false);
    }
};

TEST_F(ApiQuestions, an_answer_says_which_role_decides) {
    user("vera", {"viewer"});
    const auto mine = call(get, "/v1/policy/can-i?verb=delete&kind=devices");
    ASSERT_EQ(mine.status, 200) << mine.body;
    EXPECT_TRUE(allowed(mine));
    EXPECT_NE(why(mine).find("role admin (rule 1)"), std::string::npos) << mine.body;
    const auto hers = call(get, "/v1/policy/can-i?verb=delete&kind=device&as=vera");
    ASSERT_EQ(hers.status, 200) << hers.body;
    EXPECT_FALSE(allowed(hers));
    EXPECT_NE(why(hers).find("its roles: viewer"), std::string::npos) << hers.body;
    EXPECT_TRUE(allowed(call(get, "/v1/policy/can-i?verb=query&kind=history&as=vera")));
}

TEST_F(ApiQuestions, what_is_asked_must_make_sense) {
    struct Row {
        const char* query;
        int status;
        const char* words;
    };
    const Row rows[] = {
        {"", 400, "want verb and kind"},
        {"?verb=get", 400, "want verb and kind"},
        {"?verb=fly&kind=device", 400, "no verb 'fly'"},
        {"?verb=get&kind=Devise", 400, "did you mean 'Device'"},
        {"?verb=get&kind=device&name=nobody", 404, "there is no Device 'nobody'"},
        {"?verb=get&kind=history&name=x", 400, "History has no names"},
        {"?verb=get&kind=device&as=nobody", 404, "nobody"},
        {"?verb=get&kind=device&who=ada", 400, "unknown query parameter"},
    };
    for (const Row& row : rows) {
        const auto response = call(get, std::string("/v1/policy/can-i") + row.query);
        EXPECT_EQ(response.status, row.status) << row.query << response.body;
        EXPECT_NE(response.body.find(row.words), std::string::npos) << response.body;
    }
}

TEST_F(ApiQuestions, nobody_approves_their_own_work_whatever_their_role) {
    user("ada", {"admin"});
    Resource work;
    work.kind = "Site", work.name = "north";
    work.status = JsonObject{{"author", "user:root"}};
    ASSERT_TRUE(wait(registry->create(std::move(work), {"hub", "create", ""})).ok());
    const std::string question = "/v1/policy/can-i?verb=approve&kind=site&name=north";
    EXPECT_TRUE(allowed(call(get, question + "&as=ada")));
    const auto own = call(get, question);
    EXPECT_FALSE(allowed(own)) << own.body;
    EXPECT_NE(why(own).find("separation of duties"), std::string::npos) << own.body;
    EXPECT_TRUE(allowed(call(get, "/v1/policy/can-i?verb=delete&kind=site&name=north")));
}

TEST_F(ApiQuestions, who_can_names_everybody_and_only_them) {
    user("vera", {"viewer"});
    user("olga", {"operator"});
    const auto answer = json(call(get, "/v1/policy/who-can?verb=delete&kind=device"));
    std::vector<std::string> names;
    for (const Json& each : answer.at("items").get_array())
        names.push_back(find_string(each, "who").value_or(""));
    EXPECT_EQ(names, (std::vector<std::string>{"user:olga", "user:root"}));
}

TEST_F(ApiQuestions, who_may_not_read_users_learns_nothing_about_them) {
    const std::string vera = user("vera", {"viewer"});
    for (const char* path : {"/v1/policy/can-i?verb=get&kind=device&as=root",
                             "/v1/policy/can-i?verb=get&kind=device&as=nobody",
                             "/v1/policy/who-can?verb=get&kind=device"})
        EXPECT_EQ(as(vera, get, path).status, 403) << path;
    EXPECT_TRUE(allowed(as(vera, get, "/v1/policy/can-i?verb=get&kind=device")));
    EXPECT_TRUE(allowed(as(vera, get, "/v1/policy/can-i?verb=get&kind=device&as=vera")));
}

TEST_F(ApiQuestions, roles_that_are_kept_apart_meet_in_nobody) {
    user("max", {"engineer"});
    const std::string duties = R"({"name":"duties","spec":{"rules":[],)"
                               R"("apart":[["engineer","releaser"],["ot","it"]]}})";
    ASSERT_EQ(call(post, "/v1/roles", duties).status, 201);
    const auto both = call(post, "/v1/users",
                           R"({"name":"eve","spec":{"roles":["engineer","viewer","releaser"]}})");
    EXPECT_EQ(both.status, 403) << both.body;
    EXPECT_NE(both.body.find("engineer, releaser are kept apart by role 'duties'"),
              std::string::npos)
        << both.body;
    const auto more = call(patch, "/v1/users/max", R"({"spec":{"roles":["engineer","releaser"]}})");
    EXPECT_EQ(more.status, 403) << more.body;
    EXPECT_EQ(
        call(post, "/v1/users", R"({"name":"ina","spec":{"roles":["it","engineer"]}})").status,
        201);
    const auto late = call(post, "/v1/roles",
                           R"({"name":"late","spec":{"rules":[],"apart":[["it","engineer"]]}})");
    EXPECT_EQ(late.status, 409) << late.body;
    EXPECT_NE(late.body.find("'ina' holds both"), std::string::npos) << late.body;
    EXPECT_EQ(
        call(post, "/v1/roles", R"({"name":"odd","spec":{"rules":[],"apart":[["it"]]}})").status,
        400);
}

}  // namespace
}  // namespace mw::api
