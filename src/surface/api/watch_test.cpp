#include "surface/api/api_world.h"

namespace mw::api {
namespace {

class ApiWatch : public ApiWorld {
 public:
    explicit ApiWatch(std::size_t waiting_max = 1'000)
        : ApiWorld({.watches_max = 3,
                    .watch_events_max = waiting_max,
                    .watch_heartbeat = milliseconds(20)}) {}

    std::unique_ptr<http::Incoming> open(const std::string& target, const std::string& token = "") {
        auto r = request(get, target, "", token.empty() ? admin : token);
        auto opened = wait(client->open(std::move(r), seconds(10)));
        EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
        return opened ? std::move(*opened) : nullptr;
    }
    std::string next(http::Incoming& stream) {
        auto event = wait(stream.read_event());
        if (!event) return "error: " + event.error().message;
        if (!*event) return "end";
        const auto body = parse_json((*event)->data);
        return (*event)->event + " " +
               (body ? find_string(*body, "name").value_or(find_string(*body, "id").value_or(""))
                     : "");
    }
    std::string revision() { return text_at(call(get, "/v1/sites?limit=1"), "revision"); }
    void make(const std::string& name) {
        EXPECT_EQ(call(post, "/v1/sites", R"({"name":")" + name + "\"}").status, 201);
    }
};

TEST_F(ApiWatch, tells_what_came_before_and_after_it_opened) {
    const auto from = revision();
    make("a");
    make("b");
    auto stream = open("/v1/sites?watch=1&from=" + from);
    ASSERT_EQ(stream->head().status, 200);
    EXPECT_EQ(stream->head().headers.get("Content-Type"), "text/event-stream");
    EXPECT_EQ(next(*stream), "created a");
    EXPECT_EQ(next(*stream), "created b");
    make("c");
    ASSERT_EQ(call(patch, "/v1/sites/a", R"({"labels":{"x":"y"}})").status, 200);
    ASSERT_EQ(call(del, "/v1/sites/b").status, 200);
    EXPECT_EQ(next(*stream), "created c");
    EXPECT_EQ(next(*stream), "changed a");
    EXPECT_EQ(next(*stream), "deleted b");
}

TEST_F(ApiWatch, misses_and_repeats_nothing_while_others_write) {
    constexpr int count = 60;
    const auto from = revision();
    int written = 0;
    const auto writer = [&]() -> Task<> {
        for (int i = 0; i < count; ++i) {
            Resource r;
            r.kind = "Site";
            r.name = "s" + std::to_string(i);
            AuditNote note{"user:ada", "create", ""};
            CO_TRY_VOID(co_await registry->create(std::move(r), std::move(note)));
            ++written;
        }
        co_return Result<>{};
    };
    std::vector<std::string> heard;
    const auto reader = [&]() -> Task<> {
        auto r = request(get, "/v1/sites?watch=1&from=" + from, "", admin);
        CO_TRY(auto stream, co_await client->open(std::move(r), seconds(10)));
        while (heard.size() < count) {
            CO_TRY(auto event, co_await stream->read_event());
            if (!event) break;
            const auto body = parse_json(event->data);
            if (!body) break;
            heard.push_back(find_string(*body, "name").value_or(event->event));
        }
        co_return Result<>{};
    };
    Scope scope(*loop);
    scope.spawn(writer());
    scope.spawn(reader());
    ASSERT_TRUE(sync_wait(*loop, scope.join()));
    ASSERT_EQ(heard.size(), std::size_t(count));
    for (int i = 0; i < count; ++i) EXPECT_EQ(heard[std::size_t(i)], "s" + std::to_string(i));
}

TEST_F(ApiWatch, starts_from_now_or_from_the_last_event_seen) {
    make("a");
    auto stream = open("/v1/sites?watch=1");
    make("b");
    auto event = wait(stream->read_event());
    ASSERT_TRUE(event && *event);
    EXPECT_EQ(*find_string(*parse_json((*event)->data), "name"), "b");
    make("c");
    auto again = request(get, "/v1/sites?watch=1", "", admin);
    again.headers.set("Last-Event-ID", (*event)->id);
    auto resumed = wait(client->open(std::move(again)));
    ASSERT_TRUE(resumed);
    EXPECT_EQ(next(**resumed), "created c");
}

TEST_F(ApiWatch, selects_and_calls_what_no_longer_matches_deleted) {
    auto stream = open("/v1/sites?watch=1&labelSelector=tier%3D1");
    make("plain");
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"a","labels":{"tier":"1"}})").status, 201);
    ASSERT_EQ(call(patch, "/v1/sites/a", R"({"labels":{"tier":"2"}})").status, 200);
    EXPECT_EQ(next(*stream), "created a");
    EXPECT_EQ(next(*stream), "deleted a");
}

TEST_F(ApiWatch, keeps_quiet_streams_alive_with_comments) {
    auto stream = open("/v1/sites?watch=1");
    const auto line = wait(stream->read_line());
    ASSERT_TRUE(line && *line);
    EXPECT_EQ((**line)[0], ':');
}

TEST_F(ApiWatch, ends_when_the_token_is_revoked) {
    const auto viewer = user("vera", {"viewer"});
    auto stream = open("/v1/sites?watch=1", viewer);
    make("a");
    EXPECT_EQ(next(*stream), "created a");
    ASSERT_EQ(call(del, "/v1/users/vera/tokens").status, 200);
    EXPECT_EQ(next(*stream), "end");
}

TEST_F(ApiWatch, shows_only_the_domains_of_the_watcher) {
    ASSERT_EQ(call(post, "/v1/roles", R"({"name":"north","spec":{"rules":[
        {"verbs":["watch"],"kinds":["Site"],"domains":["north"]}]}})")
                  .status,
              201);
    auto stream = open("/v1/sites?watch=1", user("nora", {"north"}));
    make("elsewhere");
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"n","domain":"north"})").status, 201);
    EXPECT_EQ(next(*stream), "created n");
}

class ApiSlowWatch : public ApiWatch {
 public:
    ApiSlowWatch() : ApiWatch(8) {}
};

TEST_F(ApiSlowWatch, must_list_again) {
    // Nobody reads between these writes, and they come in one turn of the loop.
    auto stream = open("/v1/alarms?watch=1");
    for (int i = 0; i < 20; ++i) alarms.raise(JsonObject{{"id", "a" + std::to_string(i)}});
    for (int i = 0; i < 8; ++i) EXPECT_EQ(next(*stream), "alarm a" + std::to_string(i));
    EXPECT_EQ(next(*stream), "expired ");
    EXPECT_EQ(next(*stream), "end");
}

TEST_F(ApiWatch, alarms_are_chosen_by_state) {
    auto stream = open("/v1/alarms?watch=1&state=cleared");
    alarms.raise(JsonObject{{"id", "a"}, {"state", "raised"}});
    alarms.raise(JsonObject{{"id", "b"}, {"state", "cleared"}});
    EXPECT_EQ(next(*stream), "alarm b");
}

TEST_F(ApiWatch, are_limited_in_number_and_end_with_the_api) {
    auto a = open("/v1/sites?watch=1"), b = open("/v1/assets?watch=1");
    auto c = open("/v1/alarms?watch=1");
    EXPECT_EQ(call(get, "/v1/sites?watch=1").status, 429);
    api->stop();
    EXPECT_EQ(next(*a), "end");
    EXPECT_EQ(next(*b), "end");
    EXPECT_EQ(next(*c), "end");
}

}  // namespace
}  // namespace mw::api
