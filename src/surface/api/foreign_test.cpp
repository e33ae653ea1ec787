// Tokens of an OpenID provider beside our own.
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

constexpr auto get = http::Method::get;
constexpr auto post = http::Method::post;
constexpr auto del = http::Method::del;

using ApiForeign = ApiWorld;

TEST_F(ApiForeign, a_token_of_the_provider_is_taken_once_its_keys_are_fetched) {
    const auto who = as("ey.ada.operator", get, "/v1/whoami");
    ASSERT_EQ(who.status, 200) << who.body;
    EXPECT_EQ(text_at(who, "name"), "user:oidc:ada");
    EXPECT_EQ(foreign.renewals, 1);
    EXPECT_EQ(as("ey.ada.operator", post, "/v1/sites", R"({"name":"s"})").status, 201);
    EXPECT_EQ(foreign.renewals, 1) << "keys that are known are not asked for";
    bool noted = false;
    for (const auto& fact : facts())
        noted |= fact.action == "create" && fact.actor == "user:oidc:ada";
    EXPECT_TRUE(noted) << "the fact names the person";
}

TEST_F(ApiForeign, who_has_no_role_may_nothing_and_leaves_a_fact_by_name) {
    EXPECT_EQ(as("ey.eve.", get, "/v1/sites").status, 403);
    EXPECT_EQ(as("ey.eve.unheard-of", get, "/v1/sites").status, 403);
    bool noted = false;
    for (const auto& fact : facts())
        noted |= fact.action == "access.refused" && fact.actor == "user:oidc:eve";
    EXPECT_TRUE(noted);
}

TEST_F(ApiForeign, what_the_provider_did_not_sign_is_refused_with_a_fact_that_says_why) {
    foreign.refuse = true;
    const auto refused = as("ey.ada.admin", get, "/v1/sites");
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(foreign.renewals, 0);
    foreign.refuse = false, foreign.gives_keys = false;
    EXPECT_EQ(as("ey.ada.admin", get, "/v1/sites").status, 401);
    EXPECT_EQ(foreign.renewals, 1);
    wait_for_facts();
    int noted = 0;
    for (const auto& fact : facts())
        noted += fact.action == "login.refused" && fact.detail.find("JWT: ") != std::string::npos;
    EXPECT_EQ(noted, 2);
}

// A local account by the same name is somebody else.
TEST_F(ApiForeign, nobody_becomes_a_local_user_or_gets_a_token_of_the_hub) {
    foreign.knows_keys = true;
    const std::string root = "ey.root.viewer";
    EXPECT_EQ(text_at(as(root, get, "/v1/whoami"), "name"), "user:oidc:root");
    EXPECT_EQ(as(root, post, "/v1/users/root/token").status, 403);
    EXPECT_EQ(as(root, del, "/v1/users/root/tokens").status, 403);
    EXPECT_EQ(as(root, post, "/v1/users/oidc:root/token").status, 403);
    EXPECT_EQ(as(root, del, "/v1/users/oidc:root/tokens").status, 403);
    EXPECT_EQ(as(root, post, "/v1/login").status, 401);
    EXPECT_EQ(as("", post, "/v1/login", R"({"token":"ey.root.admin"})").status, 401);
    EXPECT_EQ(call(get, "/v1/whoami").status, 200) << "root's own token is good still";
}

TEST_F(ApiForeign, duties_stay_apart_whoever_hands_out_the_roles) {
    foreign.knows_keys = true;
    EXPECT_EQ(as("ey.ada.engineer+releaser", get, "/v1/whoami").status, 200);
    const auto duties =
        R"({"name":"duties","spec":{"rules":[],"apart":[["engineer","releaser"]]}})";
    ASSERT_EQ(call(post, "/v1/roles", duties).status, 201);
    const auto refused = as("ey.ada.engineer+releaser", get, "/v1/whoami");
    EXPECT_EQ(refused.status, 401);
    EXPECT_NE(refused.body.find("duties"), std::string::npos) << refused.body;
    EXPECT_EQ(as("ey.ada.engineer", get, "/v1/whoami").status, 200);
}

TEST_F(ApiForeign, a_hub_without_a_provider_says_so) {
    EXPECT_EQ(as("", get, "/v1/login").body, R"({"ways":["token"]})");
    EXPECT_EQ(as("", get, "/v1/login?x=1").status, 400);
}

class ApiWithProvider : public ApiWorld {
 public:
    ApiWithProvider() : ApiWorld(options()) {}
    static Options options() {
        Options o;
        o.oidc_login = JsonObject{{"issuer", "https://id.example"}, {"client_id", "cli"}};
        return o;
    }
};

TEST_F(ApiWithProvider, who_has_no_token_yet_learns_where_to_get_one) {
    const auto told = as("", get, "/v1/login");
    EXPECT_EQ(told.status, 200);
    EXPECT_EQ(text_at(told, "oidc.issuer"), "https://id.example");
    EXPECT_EQ(text_at(told, "oidc.client_id"), "cli");
    EXPECT_NE(told.body.find(R"("ways":["token","oidc"])"), std::string::npos);
}

}  // namespace
}  // namespace mw::api
