// list, create, get, replace, patch, delete over loopback: answers and errors, row by row.
#include "surface/api/api_world.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

using ApiResources = ApiWorld;

TEST_F(ApiResources, live_from_create_to_delete) {
    const auto created = call(post, "/v1/sites", R"({"name":"north","spec":{"description":"x"}})");
    EXPECT_EQ(created.status, 201);
    EXPECT_EQ(created.headers.get("Location"), "/v1/sites/north");
    EXPECT_EQ(text_at(created, "kind"), "Site");
    const auto revision = text_at(created, "revision");
    EXPECT_EQ(created.headers.get("ETag"), "\"" + revision + "\"");

    EXPECT_EQ(call(get, "/v1/sites/north").body, created.body);
    const auto replaced = call(put, "/v1/sites/north",
                               R"({"spec":{"description":"y"},"revision":")" + revision + "\"}");
    EXPECT_EQ(replaced.status, 200) << replaced.body;
    EXPECT_EQ(text_at(replaced, "spec.description"), "y");
    const auto patched = call(patch, "/v1/sites/north", R"({"labels":{"tier":"1"}})");
    EXPECT_EQ(patched.status, 200) << patched.body;
    EXPECT_EQ(text_at(patched, "labels.tier"), "1");
    EXPECT_EQ(text_at(patched, "spec.description"), "y");
    EXPECT_EQ(call(del, "/v1/sites/north").status, 200);
    EXPECT_EQ(call(get, "/v1/sites/north").status, 404);

    std::vector<std::string> actions;
    for (const auto& fact : facts())
        if (fact.kind == "Site") actions.push_back(fact.actor + " " + fact.action);
    EXPECT_EQ(actions, (std::vector<std::string>{"user:root create", "user:root replace",
                                                 "user:root patch", "user:root delete"}));
}

struct Refusal {
    http::Method method;
    const char* target;
    const char* body;
    int status;
    const char* path;     // in the error; "(none)": there is none
    const char* message;  // a part of it
};

TEST_F(ApiResources, refuse_with_status_path_and_remedy) {
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"north"})").status, 201);
    const Refusal cases[] = {
        {post, "/v1/sites", "{", 400, "(none)", "JSON"},
        {post, "/v1/sites", "[]", 400, "(none)", "JSON object"},
        {post, "/v1/sites", "{}", 400, "(none)", "name"},
        {post, "/v1/sites", R"({"name":"Not Legal"})", 400, "(none)", "not legal"},
        {post, "/v1/sites", R"({"name":"a","kind":"Asset"})", 400, "kind", "/v1/sites"},
        {post, "/v1/sites", R"({"name":"a","extra":1})", 400, "(none)", "unknown key 'extra'"},
        {post, "/v1/sites", R"({"name":"a","spec":{"timezon":"UTC"}})", 400, "spec.timezon",
         "did you mean 'timezone'?"},
        {post, "/v1/sites", R"({"name":"north"})", 409, "(none)", "exists already"},
        {post, "/v1/sites?dryrun=1", R"({"name":"a"})", 400, "(none)", "did you mean 'dryRun'?"},
        {post, "/v1/device-profiles",
         R"({"name":"p","spec":{"signals":[{"name":"a"},{"name":"b"},{"name":"c","unit":1}]}})",
         400, "spec.signals[2].unit", "string"},
        {post, "/v1/devices", R"({"name":"g","spec":{"profile":"nope"}})", 400, "spec.profile",
         "create it first"},
        {get, "/v1/sites/south", "", 404, "(none)", "there is no Site 'south'"},
        {get, "/v1/sights", "", 404, "(none)", "/v1/sites"},
        {get, "/v1/sites?limit=0", "", 400, "limit", "1 to"},
        {get, "/v1/sites?limit=-1", "", 400, "limit", "whole number"},
        {get, "/v1/sites?limit=99999999999999999999", "", 400, "limit", "whole number"},
        {get, "/v1/sites?continue=zz", "", 400, "continue", "earlier page"},
        {get, "/v1/sites?labelSelector=a%3Db%3Dc", "", 400, "labelSelector", "character"},
        {get, "/v1/sites?fieldSelector=kind%3DSite", "", 400, "fieldSelector", "field"},
        {get, "/v1/sites?watch=1&from=x", "", 400, "from", "whole number"},
        {get, "/v1/sites?watch=1&from=999999", "", 409, "(none)", "list again"},
        {put, "/v1/sites/south", "{}", 404, "(none)", "there is no"},
        {put, "/v1/sites/north", R"({"name":"south"})", 400, "name", "URL"},
        {put, "/v1/sites/north", R"({"revision":"1"})", 409, "(none)", "read it again"},
        {patch, "/v1/sites/north", R"([1])", 400, "(none)", "merge patch"},
        {patch, "/v1/sites/north", R"({"name":"x"})", 400, "name", "only spec"},
        {patch, "/v1/sites/north", R"({"status":{"a":1}})", 400, "status", "only spec"},
        {patch, "/v1/sites/north", R"({"spec":{"timezone":7}})", 400, "spec.timezone", "string"},
        {patch, "/v1/sites/north", R"({"spec":{"description":"z"},"revision":"1"})", 409, "(none)",
         "read it again"},
        {del, "/v1/sites/north?revision=1", "", 409, "(none)", "read it again"},
        {del, "/v1/roles/admin", "", 409, "name", "built in"},
    };
    for (const auto& row : cases) {
        const auto response = call(row.method, row.target, row.body);
        const auto what = std::string(http::to_string(row.method)) + " " + row.target + " " +
                          row.body + " -> " + response.body;
        EXPECT_EQ(response.status, row.status) << what;
        EXPECT_EQ(text_at(response, "error.path"), row.path) << what;
        EXPECT_NE(text_at(response, "error.message").find(row.message), std::string::npos) << what;
        EXPECT_NE(text_at(response, "error.code"), "(none)") << what;
    }
}

TEST_F(ApiResources, hostile_bodies_end_in_an_error) {
    const std::string deep(100'000, '[');
    EXPECT_EQ(call(post, "/v1/sites", deep).status, 400);
    std::string nested = R"({"name":"a","spec":{"config":)";
    for (int i = 0; i < 200; ++i) nested += R"({"x":)";
    EXPECT_EQ(call(post, "/v1/devices", nested).status, 400);
    EXPECT_EQ(call(post, "/v1/sites", R"({"name":"\ud800"})").status, 400);
    EXPECT_EQ(call(post, "/v1/sites", "{\"name\":\"\xff\"}").status, 400);
    EXPECT_EQ(call(post, "/v1/sites", std::string("{\"name\":\"a\0b\"}", 14)).status, 400);
    EXPECT_EQ(call(post, "/v1/sites", std::string(2 << 20, ' ')).status, 413);
    std::string many = R"({"name":"a","labels":{)";
    for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":\"v\",";
    EXPECT_EQ(call(post, "/v1/sites", many + R"("z":"v"}})").status, 400);
    const std::string injected = "'; DROP TABLE resources; --";
    EXPECT_EQ(call(get, "/v1/sites/" + http::percent_encode(injected)).status, 404);
    EXPECT_EQ(call(get, "/v1/sites?labelSelector=" + http::percent_encode(injected)).status, 400);
    EXPECT_EQ(call(get, "/healthz").status, 200);  // and everybody else is unaffected
}

TEST_F(ApiResources, list_by_page_label_and_field) {
    for (int i = 0; i < 7; ++i)
        ASSERT_EQ(call(post, "/v1/sites",
                       R"({"name":"s)" + std::to_string(i) + R"(","labels":{"odd":")" +
                           (i % 2 ? "yes" : "no") + "\"}}")
                      .status,
                  201);
    const auto first = json(call(get, "/v1/sites?limit=5"));
    EXPECT_EQ(find(first, "items")->get_array().size(), 5u);
    const auto token = *find_string(first, "continue");
    ASSERT_FALSE(token.empty());
    const auto second = json(call(get, "/v1/sites?limit=5&continue=" + token));
    EXPECT_EQ(find(second, "items")->get_array().size(), 2u);
    EXPECT_EQ(find_string(second, "continue"), "");
    EXPECT_EQ(find_string(second, "revision"), find_string(first, "revision"));
    const auto odd = json(call(get, "/v1/sites?labelSelector=odd%3Dyes"));
    EXPECT_EQ(find(odd, "items")->get_array().size(), 3u);
    const auto named = json(call(get, "/v1/sites?fieldSelector=name%3Ds3"));
    EXPECT_EQ(find(named, "items")->get_array().size(), 1u);
}

TEST_F(ApiResources, dry_run_answers_as_the_write_would_and_writes_nothing) {
    EXPECT_EQ(call(post, "/v1/sites?dryRun=1", R"({"name":"north"})").status, 200);
    EXPECT_EQ(call(get, "/v1/sites/north").status, 404);
    EXPECT_EQ(call(post, "/v1/sites?dryRun=1", R"({"name":"x","spec":{"y":1}})").status, 400);
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"north"})").status, 201);
    EXPECT_EQ(call(post, "/v1/sites?dryRun=1", R"({"name":"north"})").status, 409);
    const auto patched = call(patch, "/v1/sites/north?dryRun=1", R"({"spec":{"description":"d"}})");
    EXPECT_EQ(text_at(patched, "spec.description"), "d");
    EXPECT_EQ(call(del, "/v1/sites/north?dryRun=1").status, 200);
    EXPECT_EQ(text_at(call(get, "/v1/sites/north"), "spec.description"), "(none)");
}

TEST_F(ApiResources, patches_that_race_are_all_kept) {
    ASSERT_EQ(call(post, "/v1/devices", R"({"name":"gw"})").status, 201);
    int good = 0;
    const auto one = [&](std::string body) -> Task<> {
        auto r = request(patch, "/v1/devices/gw", std::move(body), admin);
        auto response = co_await client->request(std::move(r));
        if (response && response->status == 200) ++good;
        co_return Result<>{};
    };
    Scope scope(*loop);
    for (int i = 0; i < 4; ++i)
        scope.spawn(one(R"({"spec":{"config":{"k)" + std::to_string(i) + R"(":1}}})"));
    ASSERT_TRUE(sync_wait(*loop, scope.join()));
    EXPECT_EQ(good, 4);
    EXPECT_EQ(find(json(call(get, "/v1/devices/gw")), "spec.config")->get_object().size(), 4u);
}

TEST_F(ApiResources, status_is_not_written_by_people) {
    const auto created = call(post, "/v1/sites", R"({"name":"n","status":{"forged":true}})");
    EXPECT_EQ(created.status, 201);
    EXPECT_EQ(find(json(created), "status.forged"), nullptr);
}

TEST_F(ApiResources, a_kind_may_judge_what_people_write) {
    EXPECT_EQ(text_at(call(post, "/v1/sites", R"({"name":"n"})"), "status.judged"), "user:root");
    EXPECT_EQ(text_at(call(get, "/v1/sites/n"), "status.judged"), "user:root");
    EXPECT_EQ(call(patch, "/v1/sites/n", R"({"labels":{"a":"b"}})").status, 200);
    EXPECT_EQ(call(put, "/v1/sites/n?dryRun=1", R"({"spec":{}})").status, 200);
    EXPECT_EQ(call(del, "/v1/sites/n").status, 200);
    const Verb deeds[] = {Verb::create, Verb::patch, Verb::replace, Verb::remove};
    ASSERT_EQ(judged.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(judged[i].deed, deeds[i]);
        EXPECT_EQ(judged[i].stored.has_value(), i > 0);
        EXPECT_EQ(judged[i].wanted.generation, i == 0 ? 0u : 1u);
    }
    EXPECT_EQ(judged[1].wanted.labels.at("a"), "b");
    EXPECT_EQ(judged[1].stored->labels.count("a"), 0u);
    EXPECT_EQ(find_string(judged[1].wanted.status, "judged"), "user:root");

    // What the schema refuses, nobody needs to judge; what is refused is neither there nor
    // forgotten.
    EXPECT_EQ(call(post, "/v1/sites", R"({"name":"m","spec":{"y":1}})").status, 400);
    EXPECT_EQ(judged.size(), 4u);
    for (const auto* target : {"/v1/sites", "/v1/sites?dryRun=1"})
        EXPECT_EQ(call(post, target, R"({"name":"refused"})").status, 403);
    EXPECT_EQ(call(get, "/v1/sites/refused").status, 404);
    EXPECT_NE(text_at(call(post, "/v1/sites", R"({"name":"refused"})"), "error.message")
                  .find("this one is refused"),
              std::string::npos);
    bool noted = false;
    for (const auto& fact : facts()) noted |= fact.detail.find("Site refused: spec") == 0;
    EXPECT_TRUE(noted);
}

TEST_F(ApiResources, a_new_resource_that_others_approve_has_an_author) {
    const auto* body = R"({"name":"u","spec":{"business_owner":"a","executive_sponsor":"b",
        "hypothesis":"h"},"status":{"author":"user:somebody-else"}})";
    EXPECT_EQ(text_at(call(post, "/v1/use-cases", body), "status.author"), "user:root");
    EXPECT_EQ(call(patch, "/v1/use-cases/u", R"({"spec":{"hypothesis":"i"}})").status, 200);
    EXPECT_EQ(text_at(call(get, "/v1/use-cases/u"), "status.author"), "user:root");
    const auto rollout = call(post, "/v1/rollouts", R"({"name":"r","spec":{"waves":
        [{"percent":100}],"artifact":{"kind":"ModelVersion","name":"m--1"}}})");
    EXPECT_EQ(text_at(rollout, "status.author"), "user:root");
    EXPECT_EQ(text_at(rollout, "status.judged"), "user:root");
    EXPECT_EQ(find(json(call(post, "/v1/sites", R"({"name":"s"})")), "status.author"), nullptr);
}

TEST_F(ApiResources, roles_and_domains_decide) {
    ASSERT_EQ(call(post, "/v1/roles", R"({"name":"north","spec":{"rules":[
        {"verbs":["*"],"kinds":["Site"],"domains":["north"]}]}})")
                  .status,
              201);
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"n","domain":"north"})").status, 201);
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"s","domain":"south"})").status, 201);
    const auto viewer = user("vera", {"viewer"}), north = user("nora", {"north"});
    const auto nobody = user("noel", {});

    EXPECT_EQ(as(viewer, get, "/v1/sites/n").status, 200);
    EXPECT_EQ(as(viewer, del, "/v1/sites/n").status, 403);
    EXPECT_EQ(as(viewer, get, "/v1/users").status, 403);
    EXPECT_EQ(as(nobody, get, "/v1/sites").status, 403);
    EXPECT_EQ(as(nobody, get, "/v1/whoami").status, 200);

    EXPECT_EQ(find(json(as(north, get, "/v1/sites")), "items")->get_array().size(), 1u);
    EXPECT_EQ(as(north, get, "/v1/sites/s").status, 404);  // for her it does not exist
    EXPECT_EQ(as(north, del, "/v1/sites/s").status, 404);
    EXPECT_EQ(as(north, post, "/v1/sites", R"({"name":"x"})").status, 403);
    EXPECT_EQ(as(north, post, "/v1/sites", R"({"name":"x","domain":"north"})").status, 201);
    EXPECT_EQ(as(north, patch, "/v1/sites/x", R"({"domain":"south"})").status, 403);
    const auto refusal = as(viewer, del, "/v1/sites/n");
    EXPECT_NE(text_at(refusal, "error.message").find("its roles: viewer"), std::string::npos);
    bool noted = false;
    for (const auto& fact : facts())
        noted |= fact.action == "access.refused" && fact.actor == "user:vera";
    EXPECT_TRUE(noted);
}

TEST_F(ApiResources, nobody_hands_out_more_than_they_have) {
    ASSERT_EQ(call(post, "/v1/roles", R"({"name":"clerk","spec":{"rules":[
        {"verbs":["*"],"kinds":["User","Role"],"domains":["*"]},
        {"verbs":["get"],"kinds":["Site"],"domains":["*"]}]}})")
                  .status,
              201);
    const auto clerk = user("carl", {"clerk"});
    EXPECT_EQ(as(clerk, post, "/v1/users", R"({"name":"a","spec":{"roles":["clerk"]}})").status,
              201);
    EXPECT_EQ(as(clerk, post, "/v1/users", R"({"name":"b","spec":{"roles":["admin"]}})").status,
              403);
    EXPECT_EQ(as(clerk, patch, "/v1/users/carl", R"({"spec":{"roles":["admin"]}})").status, 403);
    EXPECT_EQ(as(clerk, patch, "/v1/users/root", R"({"spec":{"roles":[]}})").status, 403);
    EXPECT_EQ(as(clerk, del, "/v1/users/root").status, 403);
    EXPECT_EQ(as(clerk, post, "/v1/users/root/token").status, 403);
    EXPECT_EQ(as(clerk, patch, "/v1/roles/clerk", R"({"spec":{"rules":[
        {"verbs":["*"],"kinds":["*"],"domains":["*"]}]}})")
                  .status,
              403);
    EXPECT_EQ(as(clerk, post, "/v1/roles", R"({"name":"r","spec":{"rules":[
        {"verbs":["get"],"kinds":["Site"],"domains":["x"]}]}})")
                  .status,
              201);
}

TEST(MergePatch, follows_the_examples_of_RFC_7396) {
    const char* cases[][3] = {
        {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
        {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
        {R"({"a":"b"})", R"({"a":null})", R"({})"},
        {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
        {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
        {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
        {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
        {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
        {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
        {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
        {R"({"a":"foo"})", R"(null)", R"(null)"},
        {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
        {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
        {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
    };
    for (const auto& [target, patching, expected] : cases) {
        auto document = *parse_json(target);
        merge_patch(document, *parse_json(patching));
        EXPECT_EQ(document, *parse_json(expected)) << target << " + " << patching;
    }
}

}  // namespace
}  // namespace mw::api
