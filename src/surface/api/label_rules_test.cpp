// Roles that reach what has some labels, over loopback with users of their own: nothing else is
// seen, touched, or brought within reach.
#include "surface/api/api_world.h"
#include "surface/api/state.h"

namespace mw::api {
namespace {

class ApiLabelRules : public ApiWorld {
 public:
    ApiLabelRules() : ApiWorld({.watch_heartbeat = milliseconds(20)}) {
        make_role("north", R"([{"verbs":["get","list","watch","create","replace","patch","delete",
                                         "enroll"],
                               "kinds":["Site","Device","EnrollmentGroup"],"domains":["*"],
                               "labels":{"site":"north","line":["a","b"]}},
                              {"verbs":["create"],"kinds":["Quarantine"],"domains":["*"],
                               "labels":{"site":"north"}},
                              {"verbs":["create","patch","get"],"kinds":["Role"],
                               "domains":["*"]}])");
        nora = user("nora", {"north"});
        make("/v1/sites", "n-a", R"({"site":"north","line":"a"})");
        make("/v1/sites", "n-b", R"({"site":"north","line":"b"})");
        make("/v1/sites", "n-c", R"({"site":"north","line":"c"})");
        make("/v1/sites", "none", "{}");
        make("/v1/sites", "s-a", R"({"site":"south","line":"a"})");
    }
    void make_role(const std::string& name, const std::string& rules) {
        const auto made =
            call(post, "/v1/roles", R"({"name":")" + name + R"(","spec":{"rules":)" + rules + "}}");
        EXPECT_EQ(made.status, 201) << made.body;
    }
    void make(const std::string& target, const std::string& name, const std::string& labels,
              const std::string& spec = "{}") {
        const auto made =
            call(post, target,
                 R"({"name":")" + name + R"(","labels":)" + labels + R"(,"spec":)" + spec + "}");
        EXPECT_EQ(made.status, 201) << made.body;
    }
    std::string names(const std::string& token, const std::string& target) {
        const auto page = as(token, get, target);
        EXPECT_EQ(page.status, 200) << page.body;
        std::string text;
        const Json body = json(page);
        for (const auto& item : body.at("items").get_array())
            text += *find_string(item, "name") + " ";
        return text;
    }
    std::string next(http::Incoming& stream) {
        auto event = wait(stream.read_event());
        if (!event || !*event) return "end";
        last = *parse_json((*event)->data);
        return (*event)->event + " " + find_string(last, "name").value_or("");
    }
    std::unique_ptr<http::Incoming> watch(const std::string& target) {
        auto opened = wait(client->open(request(get, target, "", nora), seconds(10)));
        EXPECT_TRUE(opened);
        return opened ? std::move(*opened) : nullptr;
    }
    std::string nora;
    Json last;
};

TEST_F(ApiLabelRules, show_what_has_the_labels_and_page_by_it) {
    EXPECT_EQ(names(nora, "/v1/sites"), "n-a n-b ");
    EXPECT_EQ(names(nora, "/v1/sites?labelSelector=line%3Db"), "n-b ");
    EXPECT_EQ(names(nora, "/v1/sites?labelSelector=site%3Dsouth"), "");
    EXPECT_EQ(names(nora, "/v1/sites?limit=1"), "n-a ");
    const auto first = as(nora, get, "/v1/sites?limit=1");
    const auto next_page = text_at(first, "continue");
    EXPECT_EQ(names(nora, "/v1/sites?limit=1&continue=" + next_page), "n-b ");
    const auto end = as(nora, get, "/v1/sites?limit=1&continue=" + next_page);
    EXPECT_EQ(text_at(end, "continue"), "") << "nothing of the others is counted";
    EXPECT_EQ(names(admin, "/v1/sites"), "n-a n-b n-c none s-a ");
}

struct Deed {
    http::Method method;
    const char* target;
    const char* body;
    int status;
};

TEST_F(ApiLabelRules, let_nobody_move_things_out_of_reach_or_into_it) {
    const Deed deeds[] = {
        {get, "/v1/sites/n-a", "", 200},
        {get, "/v1/sites/s-a", "", 404},
        {get, "/v1/sites/n-c", "", 404},
        {get, "/v1/sites/none", "", 404},
        {get, "/v1/sites/nothing", "", 404},
        {post, "/v1/sites", R"({"name":"x1"})", 403},
        {post, "/v1/sites", R"({"name":"x1","labels":{"site":"north"}})", 403},
        {post, "/v1/sites", R"({"name":"x1","labels":{"site":"north","line":"c"}})", 403},
        {post, "/v1/sites", R"({"name":"x1","labels":{"site":"north","line":"b","x":"y"}})", 201},
        {patch, "/v1/sites/n-a", R"({"labels":{"site":"south"}})", 403},
        {patch, "/v1/sites/n-a", R"({"labels":{"site":null}})", 403},
        {patch, "/v1/sites/n-a", R"({"labels":{"line":"b"}})", 200},
        {patch, "/v1/sites/n-a?dryRun=1", R"({"labels":{"line":"c"}})", 403},
        {patch, "/v1/sites/s-a", R"({"labels":{"site":"north"}})", 404},
        {put, "/v1/sites/s-a", R"({"labels":{"site":"north","line":"a"}})", 404},
        {put, "/v1/sites/n-b", "{}", 403},
        {put, "/v1/sites/n-b", R"({"labels":{"site":"north","line":"a"}})", 200},
        {del, "/v1/sites/s-a", "", 404},
        {del, "/v1/sites/none?dryRun=1", "", 404},
        {del, "/v1/sites/n-b", "", 200},
    };
    for (const auto& deed : deeds) {
        const auto answer = as(nora, deed.method, deed.target, deed.body);
        EXPECT_EQ(answer.status, deed.status) << deed.target << " " << deed.body << answer.body;
    }
    EXPECT_EQ(names(admin, "/v1/sites"), "n-a n-c none s-a x1 ");
}

TEST_F(ApiLabelRules, tell_a_watch_of_what_enters_and_leaves) {
    const auto from = text_at(call(get, "/v1/sites?limit=1"), "revision");
    const auto relabel = [&](const std::string& name, const std::string& labels) {
        const auto done = call(patch, "/v1/sites/" + name,
                               R"({"labels":)" + labels + R"(,"spec":{"description":"secret"}})");
        ASSERT_EQ(done.status, 200) << done.body;
    };
    auto live = watch("/v1/sites?watch=1");
    relabel("n-c", R"({"line":"a"})");
    relabel("n-a", R"({"site":"west"})");
    relabel("n-a", R"({"site":"east"})");
    relabel("s-a", R"({"line":"b"})");
    relabel("n-b", R"({"line":"a"})");
    ASSERT_EQ(call(del, "/v1/sites/n-a").status, 200);
    ASSERT_EQ(call(del, "/v1/sites/n-b").status, 200);
    auto stored = watch("/v1/sites?watch=1&from=" + from);
    for (auto* stream : {live.get(), stored.get()}) {
        EXPECT_EQ(next(*stream), "created n-c");
        EXPECT_EQ(next(*stream), "deleted n-a");
        EXPECT_EQ(find_string(last, "labels.site"), "north") << "what it was, and no more";
        EXPECT_FALSE(find(last, "spec.description"));
        EXPECT_EQ(next(*stream), "changed n-b");
        EXPECT_EQ(next(*stream), "deleted n-b");
    }
}

TEST_F(ApiLabelRules, are_asked_by_name_or_by_label) {
    const auto ask = [&](const std::string& more) {
        const auto answer = as(nora, get, "/v1/policy/can-i?verb=patch&kind=site" + more);
        EXPECT_EQ(answer.status, 200) << answer.body;
        const Json body = json(answer);
        return (find_bool(body, "allowed").value_or(false) ? "yes: " : "no: ") +
               *find_string(body, "why");
    };
    EXPECT_EQ(ask("&name=n-a"),
              "yes: role north (rule 1) allows user:nora to patch on Site in domain default with "
              "labels line=a|b, site=north");
    EXPECT_TRUE(ask("&labels=site%3Dnorth,line%3Db").starts_with("yes: role north (rule 1)"));
    EXPECT_TRUE(ask("&labels=site%3Dnorth,line%3Dz")
                    .ends_with("role north (rule 1) holds with labels line=a|b, site=north only, "
                               "and label line is not one of these"));
    EXPECT_TRUE(ask("").ends_with("only, and none are in question here"));
    const std::string question = "/v1/policy/can-i?verb=get&kind=site";
    EXPECT_EQ(as(nora, get, question + "&name=s-a").status, 404);
    EXPECT_EQ(call(get, question + "&name=s-a&labels=a%3Db").status, 400);
    EXPECT_EQ(call(get, question + "&labels=a").status, 400);
    const auto who = call(get, "/v1/policy/who-can?verb=patch&kind=site&labels=site%3Dnorth");
    EXPECT_EQ(who.body.find("nora"), std::string::npos) << who.body;
    const auto both = call(get, "/v1/policy/who-can?verb=patch&kind=site&name=n-b");
    EXPECT_NE(both.body.find("user:nora"), std::string::npos) << both.body;
}

TEST_F(ApiLabelRules, let_nobody_hand_out_more_than_they_reach) {
    const auto give = [&](const std::string& name, const std::string& labels) {
        const std::string rule = R"({"verbs":["get"],"kinds":["Site"],"domains":["*"])" +
                                 (labels.empty() ? "" : R"(,"labels":)" + labels) + "}";
        return as(nora, post, "/v1/roles",
                  R"({"name":")" + name + R"(","spec":{"rules":[)" + rule + "]}}")
            .status;
    };
    EXPECT_EQ(give("r1", R"({"site":"north","line":["a","b"]})"), 201);
    EXPECT_EQ(give("r2", R"({"site":"north","line":"a","shift":"late"})"), 201);
    EXPECT_EQ(give("r3", R"({"site":"north"})"), 403);
    EXPECT_EQ(give("r4", R"({"site":"north","line":["a","c"]})"), 403);
    EXPECT_EQ(give("r5", ""), 403);
    EXPECT_EQ(as(nora, patch, "/v1/roles/r1",
                 R"({"spec":{"rules":[{"verbs":["get"],"kinds":["Site"],"domains":["*"]}]}})")
                  .status,
              403);
}

TEST_F(ApiLabelRules, hold_for_devices_their_groups_and_their_points) {
    make("/v1/sites", "north", "{}");
    make("/v1/sites", "south", "{}");
    make("/v1/devices", "gw-n", R"({"site":"north","line":"a"})");
    make("/v1/devices", "gw-s", R"({"site":"south","line":"a"})");
    // A group's site becomes its devices' label.
    const auto group = [&](const std::string& name, const std::string& site) {
        return as(nora, post, "/v1/enrollment-groups",
                  R"({"name":")" + name +
                      R"(","labels":{"site":"north","line":"a"},"spec":{"site":")" + site + "\"}}")
            .status;
    };
    EXPECT_EQ(group("g-n", "north"), 201);
    EXPECT_EQ(group("g-s", "south"), 403);
    make("/v1/enrollment-groups", "g-s", R"({"site":"north","line":"a"})", R"({"site":"south"})");
    EXPECT_EQ(as(nora, post, "/v1/enrollment-groups/g-n/token", "{}").status, 201);
    EXPECT_EQ(as(nora, post, "/v1/enrollment-groups/g-s/token", "{}").status, 403);
    const auto decide = [&](const std::string& device) {
        return as(nora, post, "/v1/quarantine", R"({"device":")" + device + "\"}").status;
    };
    EXPECT_EQ(decide("gw-n"), 200);
    EXPECT_EQ(decide("gw-s"), 403);
    EXPECT_EQ(decide("nobody"), 403);
    const auto imported = as(nora, post, "/v1/devices:import", R"({"update":true,"devices":[
        {"name":"gw-1","labels":{"site":"north","line":"b"}},
        {"name":"gw-2","labels":{"site":"south","line":"b"}},
        {"name":"gw-s","labels":{"site":"north","line":"a"}},
        {"name":"gw-n","labels":{"site":"north","line":"b"}}]})");
    EXPECT_EQ(imported.status, 200);
    EXPECT_EQ(to_json(*find(json(imported), "counts")),
              R"({"changed":1,"created":1,"refused":2,"unchanged":0})");
    EXPECT_EQ(imported.body.find("south\""), std::string::npos) << imported.body;
}

}  // namespace
}  // namespace mw::api
