#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiBackups : public ApiWorld {};

TEST_F(ApiBackups, begin_with_a_fact_and_tell_how_far_they_are) {
    const auto begun =
        call(post, "/v1/backups", R"({"directory":"/mnt/b","keys":false,"bytes_per_second":1000})");
    ASSERT_EQ(begun.status, 202) << begun.body;
    EXPECT_EQ(find_string(json(begun), "running.directory"), "/mnt/b");
    ASSERT_TRUE(backups.running);
    EXPECT_FALSE(backups.running->keys);
    EXPECT_EQ(backups.running->bytes_per_second, 1000u);
    const auto noted = facts();
    const auto fact = std::find_if(noted.begin(), noted.end(),
                                   [](const auto& f) { return f.action == "backup.create"; });
    ASSERT_NE(fact, noted.end());
    EXPECT_EQ(fact->detail, "to /mnt/b, without keys");

    EXPECT_EQ(call(post, "/v1/backups", R"({"directory":"/mnt/b"})").status, 409);
    EXPECT_EQ(call(get, "/v1/backups?wait=7").status, 200);
    EXPECT_EQ(backups.waited, seconds(7));
    EXPECT_EQ(call(get, "/v1/backups?wait=601").status, 400);
    EXPECT_EQ(call(post, "/v1/backups/stop").status, 200);
    EXPECT_EQ(call(post, "/v1/backups/stop").status, 404);
    ASSERT_EQ(call(post, "/v1/backups", R"({"directory":"/mnt/b"})").status, 202);
    EXPECT_TRUE(backups.running->keys);
    EXPECT_EQ(backups.running->bytes_per_second, 50'000'000u);
}

TEST_F(ApiBackups, refuse_what_they_do_not_understand_without_a_fact) {
    for (const char* body :
         {"{}", "[]", R"({"directory":"mnt"})", R"({"directory":7})", R"({"directory":""})",
          R"({"directory":"/m","rate":1})", R"({"directory":"/m","keys":"no"})",
          R"({"directory":"/m","bytes_per_second":-1})",
          R"({"directory":"/m","bytes_per_second":"fast"})"})
        EXPECT_EQ(call(post, "/v1/backups", body).status, 400) << body;
    EXPECT_EQ(call(post, "/v1/backups", R"({"directory":"/nowhere"})").status, 404);
    for (const auto& fact : facts()) EXPECT_NE(fact.action, "backup.create");
}

TEST_F(ApiBackups, are_for_administrators_and_whom_a_role_allows_it) {
    const std::string body = R"({"directory":"/mnt/b"})";
    for (const auto& who : {user("olga", {"operator"}), user("vic", {"viewer"}),
                            user("eve", {"engineer"}), user("ida", {"it"})}) {
        EXPECT_EQ(as(who, post, "/v1/backups", body).status, 403);
        EXPECT_EQ(as(who, get, "/v1/backups").status, 403);
        EXPECT_EQ(as(who, post, "/v1/backups/stop").status, 403);
    }
    EXPECT_EQ(as("", post, "/v1/backups", body).status, 401);
    EXPECT_FALSE(backups.running);
    const auto role = call(post, "/v1/roles", R"({"name":"keeper","spec":{"rules":[
        {"verbs":["create","get"],"kinds":["Backup"],"domains":["default"]}]}})");
    ASSERT_EQ(role.status, 201) << role.body;
    const auto keeper = user("kim", {"keeper"});
    EXPECT_EQ(as(keeper, post, "/v1/backups", body).status, 202);
    EXPECT_EQ(as(keeper, get, "/v1/backups").status, 200);
}

}  // namespace
}  // namespace mw::api
