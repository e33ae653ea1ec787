// Tokens, queries, blobs, alarms, facts, schemas, health; and a real round trip with curl over TLS.
#include <array>
#include <cstdio>

#include "platform/crypto/crypto.h"
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

using ApiServices = ApiWorld;

TEST_F(ApiServices, every_route_but_health_needs_a_token) {
    const std::pair<http::Method, const char*> guarded[] = {{get, "/v1/sites"},
                                                            {post, "/v1/sites"},
                                                            {get, "/v1/sites/x"},
                                                            {put, "/v1/sites/x"},
                                                            {patch, "/v1/sites/x"},
                                                            {del, "/v1/sites/x"},
                                                            {get, "/v1/sites?watch=1"},
                                                            {get, "/v1/whoami"},
                                                            {post, "/v1/query"},
                                                            {post, "/v1/blobs"},
                                                            {get, "/v1/blobs/x"},
                                                            {get, "/v1/alarms"},
                                                            {get, "/v1/alarms/x/why"},
                                                            {get, "/v1/audit"},
                                                            {get, "/v1/schemas"},
                                                            {get, "/v1/schemas/Site"},
                                                            {post, "/v1/users/x/token"},
                                                            {del, "/v1/users/x/tokens"},
                                                            {post, "/v1/enrollment-groups/x/token"},
                                                            {post, "/v1/login"}};
    for (const auto& [method, target] : guarded) {
        const auto response = as("", method, target);
        EXPECT_EQ(response.status, 401) << target;
        EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Bearer realm=\"millwright\"")
            << target;
        EXPECT_EQ(text_at(response, "error.code"), "unauthenticated");
    }
    for (const auto* open : {"/", "/healthz", "/readyz", "/metrics"})
        EXPECT_EQ(as("", get, open).status, 200) << open;
}

TEST_F(ApiServices, wrong_tokens_are_refused_recorded_and_slowed_down) {
    auto wrong = admin;
    wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
    int refused = 0, slowed = 0;
    for (int i = 0; i < 40; ++i) {
        const auto status = as(wrong, get, "/v1/sites").status;
        refused += status == 401;
        slowed += status == 429;
    }
    EXPECT_EQ(refused, 20);
    EXPECT_EQ(slowed, 20);
    EXPECT_EQ(call(get, "/v1/sites").status, 200);  // a right one still passes
    wait_for_facts();
    int noted = 0;
    for (const auto& fact : facts())
        if (fact.action == "login.refused") {
            ++noted;
            EXPECT_EQ(fact.detail.find(wrong), std::string::npos);  // no secrets in facts
        }
    EXPECT_GT(noted, 0);
    EXPECT_LE(noted, 20);
}

TEST_F(ApiServices, a_token_is_exchanged_for_a_session_that_ends) {
    const auto session = as("", post, "/v1/login", R"({"token":")" + admin + "\"}");
    ASSERT_EQ(session.status, 200) << session.body;
    EXPECT_EQ(text_at(session, "user"), "root");
    EXPECT_EQ(session.headers.get("Cache-Control"), "no-store");
    const auto token = text_at(session, "token");
    EXPECT_EQ(text_at(as(token, get, "/v1/whoami"), "name"), "user:root");
    clock.advance(hours(12));
    EXPECT_EQ(as(token, get, "/v1/whoami").status, 401);
    EXPECT_EQ(as("", post, "/v1/login", R"({"tokn":"x"})").status, 400);
    EXPECT_EQ(as("", post, "/v1/login", R"({"token":"mwt_root_x"})").status, 401);
}

TEST_F(ApiServices, user_tokens_are_issued_and_revoked) {
    user("vera", {"viewer"});
    const auto issued = call(post, "/v1/users/vera/token", R"({"lifetime":"1h","purpose":"ci"})");
    ASSERT_EQ(issued.status, 201) << issued.body;
    const auto token = text_at(issued, "token");
    EXPECT_EQ(as(token, get, "/v1/sites").status, 200);
    EXPECT_EQ(as(token, post, "/v1/users/root/token").status, 403);
    EXPECT_EQ(as(token, post, "/v1/users/vera/token").status, 201);  // for oneself
    EXPECT_EQ(call(post, "/v1/users/vera/token", R"({"lifetime":"never"})").status, 400);
    EXPECT_EQ(call(post, "/v1/users/vera/token", R"({"lifetime":"900d"})").status, 400);
    EXPECT_EQ(call(post, "/v1/users/nobody/token").status, 404);
    EXPECT_EQ(call(del, "/v1/users/vera/tokens").status, 200);
    EXPECT_EQ(as(token, get, "/v1/sites").status, 401);
}

TEST_F(ApiServices, enrolment_tokens_come_from_the_onboarding) {
    ASSERT_EQ(call(post, "/v1/enrollment-groups", R"({"name":"pumps"})").status, 201);
    const auto issued =
        call(post, "/v1/enrollment-groups/pumps/token", R"({"uses":3,"lifetime":"2h"})");
    ASSERT_EQ(issued.status, 201) << issued.body;
    EXPECT_EQ(text_at(issued, "token"), "enrol-me");
    EXPECT_EQ(enrollment.last.group, "pumps");
    EXPECT_EQ(enrollment.last.actor, "user:root");
    EXPECT_EQ(enrollment.last.uses, 3u);
    EXPECT_EQ(enrollment.last.lifetime, hours(2));
    EXPECT_EQ(call(post, "/v1/enrollment-groups/none/token").status, 404);
    EXPECT_EQ(call(post, "/v1/enrollment-groups/pumps/token", R"({"uses":0})").status, 400);
    EXPECT_EQ(as(user("vera", {"viewer"}), post, "/v1/enrollment-groups/pumps/token").status, 403);
}

TEST_F(ApiServices, people_who_may_make_tokens_decide_about_devices_that_wait) {
    ASSERT_EQ(call(post, "/v1/enrollment-groups", R"({"name":"pumps"})").status, 201);
    EXPECT_NE(call(get, "/v1/enrollments").body.find("gw-9"), std::string::npos);
    EXPECT_EQ(call(post, "/v1/enrollments/gw-9/approve").status, 200);
    EXPECT_EQ(enrollment.decided, "user:root approves gw-9");
    EXPECT_EQ(call(post, "/v1/enrollments/gw-9/deny").status, 200);
    EXPECT_EQ(enrollment.decided, "user:root denies gw-9");
    EXPECT_EQ(call(post, "/v1/enrollments/gw-8/approve").status, 404);
    enrollment.decided.clear();
    const auto vera = user("vera", {"viewer"});
    EXPECT_EQ(as(vera, post, "/v1/enrollments/gw-9/approve").status, 403);
    EXPECT_EQ(as(vera, post, "/v1/enrollments/gw-8/approve").status, 403);
    EXPECT_EQ(as(vera, get, "/v1/enrollments").status, 200);
    EXPECT_EQ(enrollment.decided, "");
    EXPECT_EQ(as(user("walt", {"writer"}), get, "/v1/enrollments").status, 403);
}

TEST_F(ApiServices, a_devices_life_is_in_the_hands_of_who_may_let_it_in) {
    ASSERT_EQ(call(post, "/v1/devices", R"({"name":"gw-1"})").status, 201);
    const char* const life = "/v1/devices/gw-1/life";
    EXPECT_EQ(call(post, life, R"({"event":"suspend","why":"stolen"})").status, 200);
    EXPECT_EQ(enrollment.decided, "user:root suspend gw-1 stolen");
    EXPECT_EQ(call(post, life, R"({"event":"release"})").status, 409);
    EXPECT_EQ(call(post, life, "{}").status, 400);
    EXPECT_EQ(call(post, life, R"({"event":"suspend","because":"x"})").status, 400);
    enrollment.decided.clear();
    EXPECT_EQ(as(user("vera", {"viewer"}), post, life).status, 400);  // says nothing
    auto asking = request(post, life, R"({"event":"suspend"})", user("vic", {"viewer"}));
    EXPECT_EQ(send(std::move(asking)).status, 403);
    EXPECT_EQ(enrollment.decided, "");
}

TEST_F(ApiServices, queries_give_the_format_that_is_asked_for) {
    struct Case {
        const char *accept, *content_type;
        int status;
    };
    for (const auto& row :
         {Case{"", "application/json", 200}, Case{"*/*", "application/json", 200},
          Case{"text/csv", "text/csv", 200},
          Case{"text/html, application/x-ndjson;q=0.9", "application/x-ndjson", 200},
          Case{"application/vnd.apache.parquet", "application/vnd.apache.parquet", 200},
          Case{"image/png", "application/json", 400}}) {
        auto r = request(post, "/v1/query", R"({"sql":"SELECT 1"})", admin);
        if (*row.accept) r.headers.set("Accept", row.accept);
        const auto response = send(std::move(r));
        EXPECT_EQ(response.status, row.status) << row.accept;
        EXPECT_TRUE(response.headers.get("Content-Type").starts_with(row.content_type))
            << row.accept;
    }
    EXPECT_EQ(call(post, "/v1/query", R"({"sql":"SELECT 1","limits":{"time":"5s","rows":10}})")
                  .headers.get("X-Millwright-Rows"),
              "1");
    EXPECT_EQ(query.last.limits.time, seconds(5));
    EXPECT_EQ(query.last.limits.rows, 10u);
    EXPECT_EQ(call(post, "/v1/query", R"({"sql":"SELECT 1","limits":{"time":"9h"}})").status, 200);
    EXPECT_EQ(query.last.limits.time, seconds(120));  // the hub's own limit
}

TEST_F(ApiServices, queries_are_refused_with_a_reason) {
    for (const auto* body :
         {"{}", R"({"sql":1})", R"({"sql":"x","limit":1})", "[]",
          R"({"sql":"x","limits":{"row":1}})", R"({"sql":"x","limits":{"rows":0}})",
          R"({"sql":"x","limits":{"time":"soon"}})"})
        EXPECT_EQ(call(post, "/v1/query", body).status, 400) << body;
    const auto drop = call(post, "/v1/query", R"({"sql":"DROP"})");
    EXPECT_EQ(drop.status, 400);
    EXPECT_EQ(text_at(drop, "error.path"), "sql");
    EXPECT_EQ(call(post, "/v1/query", R"({"sql":"slow"})").status, 504);
    EXPECT_EQ(as(user("noel", {}), post, "/v1/query", R"({"sql":"SELECT 1"})").status, 403);
}

TEST_F(ApiServices, queries_say_who_asks_and_carry_values) {
    const auto vera = user("vera", {"viewer"});
    ASSERT_EQ(
        as(vera, post, "/v1/query", R"({"sql":"SELECT $1","parameters":["a'b",1,-2.5,true,null]})")
            .status,
        200);
    EXPECT_EQ(query.last.actor, "user:vera");
    EXPECT_EQ(query.last.parameters,
              (QueryParameters{std::string("a'b"), std::int64_t{1}, -2.5, true, nullptr}));
    for (const auto& [body, path] :
         {std::pair{R"({"sql":"x","parameters":{}})", "parameters"},
          {R"({"sql":"x","parameters":[1,[2]]})", "parameters[1]"},
          {R"({"sql":"x","parameters":[18446744073709551615]})", "parameters[0]"},
          {R"({"sql":"x","id":"a b"})", "id"},
          {R"({"sql":"x","id":7})", "id"}}) {
        const auto refused = call(post, "/v1/query", body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_EQ(text_at(refused, "error.path"), path) << refused.body;
    }
}

TEST_F(ApiServices, a_refused_reading_leaves_a_fact) {
    const auto vera = user("vera", {"viewer"});
    EXPECT_EQ(as(vera, post, "/v1/query", R"({"sql":"closed"})").status, 403);
    const auto all = facts();
    const auto noted = std::ranges::find(all, std::string("query: product x is not for you"),
                                         &audit::Fact::detail);
    ASSERT_NE(noted, all.end());
    EXPECT_EQ(noted->actor, "user:vera");
}

// Who may query a part of history may ask; the engine says which rows.
TEST_F(ApiServices, a_role_for_a_part_of_history_may_ask) {
    ASSERT_EQ(call(post, "/v1/roles", R"({"name":"a-reader","spec":{"rules":[{"verbs":["query"],
                  "kinds":["History"],"domains":["plant-a"],"rows":{"labels":{"line":"1"}}}]}})")
                  .status,
              201);
    EXPECT_EQ(as(user("ann", {"a-reader"}), post, "/v1/query", R"({"sql":"SELECT 1"})").status,
              200);
    EXPECT_EQ(as(user("bea", {"writer"}), post, "/v1/query", R"({"sql":"SELECT 1"})").status, 403);
}

TEST_F(ApiServices, running_statements_are_ended_by_their_asker) {
    const auto vera = user("vera", {"viewer"}), noah = user("noah", {"viewer"});
    http::ClientOptions to;
    to.server = {.host = "127.0.0.1", .port = server->address().port};
    http::Client other(*loop, std::move(to));
    Result<http::Response> answer = Error{Errc::cancelled, "not yet"};
    Scope scope(*loop);
    auto asking = [&](http::Request r) -> Task<> {
        auto sending = other.request(std::move(r));
        answer = co_await std::move(sending);
    };
    scope.spawn(asking(request(post, "/v1/query", R"({"sql":"long","id":"my-scan"})", vera)));
    while (query.running == 0) loop->turn(true);
    EXPECT_EQ(as(vera, post, "/v1/query", R"({"sql":"long","id":"my-scan"})").status, 409);
    EXPECT_EQ(as(noah, del, "/v1/query/my-scan").status, 404) << "not theirs";
    EXPECT_EQ(as(noah, del, "/v1/query/my-scan?user=vera").status, 403);
    EXPECT_EQ(as(vera, del, "/v1/query/another").status, 404);
    EXPECT_EQ(query.running, 1);
    EXPECT_EQ(as(vera, del, "/v1/query/my-scan").status, 200);
    while (scope.size() > 0) loop->turn(true);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->status, 409) << answer->body;
    EXPECT_EQ(query.running, 0);
    EXPECT_EQ(as(vera, del, "/v1/query/my-scan").status, 404) << "it has ended";

    scope.spawn(asking(request(post, "/v1/query", R"({"sql":"long","id":"my-scan"})", vera)));
    while (query.running == 0) loop->turn(true);
    EXPECT_EQ(call(del, "/v1/query/my-scan?user=vera").status, 200) << "by who runs the hub";
    while (scope.size() > 0) loop->turn(true);
    EXPECT_EQ(query.running, 0);
}

TEST_F(ApiServices, a_client_that_goes_away_ends_its_statement) {
    http::ClientOptions to;
    to.server = {.host = "127.0.0.1", .port = server->address().port};
    auto other = std::make_unique<http::Client>(*loop, std::move(to));
    Scope scope(*loop);
    auto asking = [&](http::Request r) -> Task<> {
        auto sending = other->request(std::move(r));
        ignore(co_await std::move(sending), "it is given up");
    };
    scope.spawn(asking(request(post, "/v1/query", R"({"sql":"long"})", admin)));
    while (query.running == 0) loop->turn(true);
    scope.cancel();
    while (scope.size() > 0) loop->turn(true);
    other.reset();
    while (query.running > 0) loop->turn(true);
    EXPECT_EQ(query.running, 0);
}

constexpr const char* abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST_F(ApiServices, blobs_go_in_and_out_by_hash_and_range) {
    const auto stored = call(post, std::string("/v1/blobs?sha256=") + abc, "abc");
    ASSERT_EQ(stored.status, 201) << stored.body;
    EXPECT_EQ(text_at(stored, "sha256"), abc);
    EXPECT_EQ(call(post, std::string("/v1/blobs?sha256=") + abc, "abd").status, 400);
    const auto whole = call(get, std::string("/v1/blobs/") + abc);
    EXPECT_EQ(whole.body, "abc");
    EXPECT_EQ(whole.headers.get("ETag"), std::string("\"") + abc + "\"");
    auto r = request(get, std::string("/v1/blobs/") + abc, "", admin);
    r.headers.set("Range", "bytes=1-");
    const auto part = send(std::move(r));
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, "bc");
    EXPECT_EQ(call(get, "/v1/blobs/xyz").status, 400);
    EXPECT_EQ(call(get, "/v1/blobs/" + std::string(64, '0')).status, 404);
    EXPECT_EQ(as(user("vera", {"viewer"}), post, "/v1/blobs", "abc").status, 403);
    const std::string large(3'500'000, 'x');
    const auto big = call(post, "/v1/blobs", large);
    ASSERT_EQ(big.status, 201);
    EXPECT_EQ(call(get, "/v1/blobs/" + text_at(big, "sha256")).body, large);
}

TEST_F(ApiServices, large_bodies_of_strangers_are_not_held) {
    const std::string body(100'000, 'x');
    EXPECT_EQ(as("", post, "/v1/blobs", body).status, 413);
    EXPECT_EQ(as("", post, "/v1/sites", body).status, 413);
    EXPECT_EQ(call(post, "/v1/blobs", body).status, 201);
}

TEST_F(ApiServices, devices_download_with_their_certificate_only) {
    ASSERT_EQ(call(post, "/v1/blobs", "abc").status, 201);
    ASSERT_EQ(call(post, "/v1/devices", R"({"name":"gw"})").status, 201);
    http::Router router;
    api->add_device_routes(router);
    const auto match = router.find(get, std::string("/v1/blobs/") + abc);
    ASSERT_NE(match.route, nullptr);
    const auto ask = [&](const std::string& certificate) {
        http::Request r;
        r.path = std::string("/v1/blobs/") + abc;
        r.params = match.params;
        r.peer_certificate.assign(certificate.begin(), certificate.end());
        auto response = wait(match.route->handler(std::move(r)));
        return response ? response->status : http::status_of(response.error().code);
    };
    EXPECT_EQ(ask("gw"), 200);
    EXPECT_EQ(ask(""), 403);
    EXPECT_EQ(ask("stranger"), 403);
    EXPECT_NE(router.find(get, "/healthz").route, nullptr);
    EXPECT_EQ(router.find(get, "/v1/devices").route, nullptr);
}

TEST_F(ApiServices, alarms_are_listed_and_explained) {
    EXPECT_EQ(find(json(call(get, "/v1/alarms?state=cleared")), "items")->get_array().size(), 1u);
    EXPECT_EQ(text_at(call(get, "/v1/alarms/a1/why"), "because"), "window");
    EXPECT_EQ(call(get, "/v1/alarms/a2/why").status, 404);
    EXPECT_EQ(as(user("noel", {}), get, "/v1/alarms").status, 403);
}

TEST_F(ApiServices, facts_are_read_and_verified_by_the_administrator) {
    ASSERT_EQ(call(post, "/v1/sites", R"({"name":"north"})").status, 201);
    const auto all = json(call(get, "/v1/audit?verify=1"));
    const auto count = find(all, "items")->get_array().size();
    EXPECT_EQ(find_integer(all, "verified"), std::int64_t(count));
    EXPECT_EQ(find_integer(all, "next"), std::int64_t(count));
    const auto rest = json(call(get, "/v1/audit?after=" + std::to_string(count - 1)));
    EXPECT_EQ(find(rest, "items")->get_array().size(), 1u);
    EXPECT_EQ(as(user("vera", {"viewer"}), get, "/v1/audit").status, 403);
}

TEST_F(ApiServices, schemas_tell_each_kind) {
    EXPECT_EQ(find(json(call(get, "/v1/schemas")), "items")->get_array().size(),
              registry::kinds().size());
    for (const auto* name : {"DeviceProfile", "device-profiles"})
        EXPECT_EQ(text_at(call(get, std::string("/v1/schemas/") + name), "title"), "DeviceProfile");
    EXPECT_EQ(call(get, "/v1/schemas/Devise").status, 404);
}

TEST_F(ApiServices, readiness_names_what_is_not_well) {
    EXPECT_EQ(text_at(as("", get, "/readyz"), "checks.history"), "ok");
    history = Error{Errc::io_failed, "disk is full"};
    const auto response = as("", get, "/readyz");
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(text_at(response, "checks.history"), "disk is full");
    EXPECT_EQ(as("", get, "/healthz").status, 200);
}

TEST_F(ApiServices, requests_are_counted) {
    call(get, "/v1/sites");
    call(get, "/v1/sites/none");
    const auto text = as("", get, "/metrics").body;
    EXPECT_NE(text.find("millwright_api_requests_total{listener=\"people\",status=\"2xx\"} 1"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("status=\"4xx\"} 1"), std::string::npos);
    EXPECT_NE(text.find("millwright_registry_writes_total"), std::string::npos);
}

// ---- strangers: curl over TLS

class ApiOverTls : public ApiWorld {
 public:
    ApiOverTls() {
        crypto::CertificateOrder order;
        order.profile = crypto::Profile::root_ca;
        order.subject_cn = "Test root";
        const RealClock real;
        order.not_before = real.now() - hours(1);
        order.not_after = real.now() + hours(1);
        const auto root_key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
        const auto root = *crypto::self_sign(order, root_key, random);
        order.profile = crypto::Profile::server;
        order.subject_cn = "localhost";
        order.names.addresses = {"127.0.0.1"};
        const auto key = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
        const auto leaf = *crypto::issue(order, key.public_key().spki(), {root, root_key}, random);
        net::TlsOptions tls;
        tls.certificate_chain = crypto::to_pem(leaf);
        tls.private_key = key.to_pem();
        http::ServerOptions options;
        options.listen.tls = *net::TlsContext::server(std::move(tls));
        secure = *http::Server::open(*loop, std::move(options), api->routes());
        trusted = folder.path() + "/root.pem";
        const auto pem = crypto::to_pem(root);
        EXPECT_TRUE(files::atomic_replace(files, trusted, bytes_of(pem)));
    }
    ~ApiOverTls() override { ignore(wait(secure->stop(seconds(1))), "the test is over"); }
    std::string curl(const std::string& arguments) {
        auto job = [command = "curl -sS --cacert " + trusted + " -H 'Authorization: Bearer " +
                              admin + "' " + arguments + " 2>&1"] {
            std::string output;
            FILE* pipe = popen(command.c_str(), "r");
            if (!pipe) return output;
            std::array<char, 4096> part;
            while (const auto got = std::fread(part.data(), 1, part.size(), pipe))
                output.append(part.data(), got);
            pclose(pipe);
            return output;
        };
        return *wait(workers.run(std::move(job)));
    }
    std::string url(const std::string& target) {
        return "'https://127.0.0.1:" + std::to_string(secure->address().port) + target + "'";
    }

    std::unique_ptr<http::Server> secure;
    std::string trusted;
};

TEST_F(ApiOverTls, curl_creates_lists_watches_and_downloads) {
    if (curl("--version").find("curl ") == std::string::npos) GTEST_SKIP() << "curl is not here";
    EXPECT_NE(
        curl(R"(-X POST -d '{"name":"north"}' -w '%{http_code}' )" + url("/v1/sites")).find("201"),
        std::string::npos);
    EXPECT_NE(curl(url("/v1/sites")).find("\"name\":\"north\""), std::string::npos);
    EXPECT_NE(curl("--max-time 1 -N " + url("/v1/sites?watch=1&from=1")).find("event: created"),
              std::string::npos);
    const auto body = std::string(200'000, 'z');
    EXPECT_TRUE(files::atomic_replace(files, folder.path() + "/body", bytes_of(body)));
    const auto stored = curl("--data-binary @" + folder.path() + "/body " + url("/v1/blobs"));
    const auto sha256 = find_string(*parse_json(stored), "sha256").value_or("");
    EXPECT_EQ(curl(url("/v1/blobs/" + sha256)), body);
    EXPECT_EQ(curl("-r 0-3 " + url("/v1/blobs/" + sha256)), "zzzz");
}

}  // namespace
}  // namespace mw::api
