#include "trust/oidc/login.h"

#include <gtest/gtest.h>

#include <deque>

#include "platform/crypto/crypto.h"

namespace mw::oidc {
namespace {

// "a=1&b=2" as a provider reads it.
std::map<std::string, std::string> fields_of(const std::string& form) {
    std::map<std::string, std::string> fields;
    const auto target = http::parse_target("/?" + form);
    for (const auto& [name, value] : target->second) fields[name] = value;
    return fields;
}

// A provider on loopback that answers its token endpoint by a list.
class OidcLogin : public testing::Test {
 protected:
    struct Answer {
        int status;
        std::string body;
    };
    std::unique_ptr<Loop> loop = *Loop::open();
    Workers workers;
    SimulatedClock clock;
    SeededRandom random{7};
    std::deque<Answer> answers;
    std::vector<std::map<std::string, std::string>> asked;  // forms, in order
    std::vector<nanoseconds> pauses;
    std::string more_of_document;
    std::unique_ptr<http::Server> server = *http::Server::open(*loop, {}, router());
    std::unique_ptr<LoginClient> client = make();

    http::Router router() {
        http::Router r;
        r.add(http::Method::get, "/.well-known/openid-configuration",
              [this](http::Request) -> Task<http::Response> {
                  co_return http::Response::text(
                      200, R"({"issuer":")" + url() + R"(","token_endpoint":")" + url() +
                               R"(/token","device_authorization_endpoint":")" + url() +
                               R"(/device","authorization_endpoint":")" + url() +
                               R"(/auth","revocation_endpoint":")" + url() + R"(/end")" +
                               more_of_document + "}");
              });
        for (const auto* path : {"/token", "/device", "/end"})
            r.add(http::Method::post, path, [this](http::Request request) -> Task<http::Response> {
                asked.push_back(fields_of(request.body));
                Answer answer = answers.empty() ? Answer{500, ""} : answers.front();
                if (!answers.empty()) answers.pop_front();
                co_return http::Response::text(answer.status, answer.body, "application/json");
            });
        return r;
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(server->address().port); }
    std::unique_ptr<LoginClient> make() {
        auto pause = [this](nanoseconds time) -> Task<> {
            pauses.push_back(time);
            clock.advance(time);
            co_return Result<>{};
        };
        ClientOptions options{url(), "cli", {"openid", "offline_access"}, "urn:hub", ""};
        LoginClient::Parts parts{*loop, workers, clock, random, pause};
        auto made = *LoginClient::open(std::move(options), std::move(parts));
        EXPECT_TRUE(sync_wait(*loop, made->discover()).ok());
        return made;
    }
    DeviceCode begin() {
        answers = {{200, R"({"device_code":"secret","user_code":"AB-CD","verification_uri":"u",
                             "expires_in":100,"interval":3})"}};
        return *sync_wait(*loop, client->begin_device());
    }
    static Answer error(const std::string& name) { return {400, R"({"error":")" + name + "\"}"}; }
    const Answer good{200, R"({"access_token":"a.b.c","refresh_token":"r1","expires_in":60})"};
};

TEST_F(OidcLogin, a_device_code_is_asked_about_as_slowly_as_the_provider_wants) {
    const auto code = begin();
    EXPECT_EQ(asked[0], (std::map<std::string, std::string>{{"client_id", "cli"},
                                                            {"scope", "openid offline_access"},
                                                            {"resource", "urn:hub"}}));
    answers = {error("authorization_pending"), error("slow_down"), {503, "busy"}, good};
    const auto tokens = sync_wait(*loop, client->await_device(code));
    ASSERT_TRUE(tokens.ok()) << tokens.error().message;
    EXPECT_EQ(pauses, (std::vector<nanoseconds>{seconds(3), seconds(3), seconds(8), seconds(16)}));
    EXPECT_EQ(asked.back().at("device_code"), "secret");
    EXPECT_EQ(asked.back().at("resource"), "urn:hub");
    EXPECT_EQ(tokens->access, "a.b.c");
    EXPECT_EQ(tokens->refresh, "r1");
    EXPECT_EQ(tokens->expires, clock.now() + seconds(60));
}

TEST_F(OidcLogin, a_device_code_ends_by_a_no_and_by_its_time) {
    for (const auto* no : {"access_denied", "expired_token", "invalid_grant"}) {
        const auto code = begin();
        answers = {error("authorization_pending"), error(no)};
        const auto tokens = sync_wait(*loop, client->await_device(code));
        ASSERT_FALSE(tokens.ok());
        EXPECT_EQ(tokens.error().code, Errc::denied);
        EXPECT_EQ(tokens.error().message, no);
    }
    const auto code = begin();
    for (int i = 0; i < 100; ++i) answers.push_back(error("authorization_pending"));
    const auto late = sync_wait(*loop, client->await_device(code));
    ASSERT_FALSE(late.ok());
    EXPECT_NE(late.error().message.find("AB-CD in time"), std::string::npos);
    EXPECT_EQ(answers.size(), 100 - 33) << "100 s of 3 s each";
}

TEST_F(OidcLogin, a_code_is_asked_for_with_a_challenge_and_redeemed_with_its_verifier) {
    const auto request = *client->begin_code("http://127.0.0.1:1/callback");
    const auto sent = fields_of(request.url.substr(request.url.find('?') + 1));
    EXPECT_EQ(sent.at("code_challenge_method"), "S256");
    EXPECT_EQ(sent.at("code_challenge"), to_base64url(crypto::sha256(bytes_of(request.verifier))));
    EXPECT_EQ(sent.at("prompt"), "consent");
    EXPECT_EQ(request.verifier.size(), 43u);
    EXPECT_NE(request.state, request.verifier);
    EXPECT_EQ(request.url.find(request.verifier), std::string::npos) << "is for us alone";
    answers = {good};
    http::Request answer;
    answer.query = {{"state", request.state}, {"code", "c 1"}};
    ASSERT_TRUE(sync_wait(*loop, client->redeem(request, answer)).ok());
    EXPECT_EQ(asked.back().at("code"), "c 1");
    EXPECT_EQ(asked.back().at("code_verifier"), request.verifier);
    EXPECT_EQ(asked.back().at("redirect_uri"), request.redirect);
}

TEST_F(OidcLogin, answers_of_others_bring_no_code_to_anybody) {
    more_of_document = R"(,"authorization_response_iss_parameter_supported":true)";
    client = make();
    const auto request = *client->begin_code("http://127.0.0.1:1/callback");
    struct Row {
        std::vector<std::pair<std::string, std::string>> query;
        Errc code;
        const char* says;
    };
    for (const auto& row :
         {Row{{{"code", "c"}, {"state", "x"}, {"iss", url()}}, Errc::invalid_input, "another"},
          Row{{{"code", "c"}, {"iss", url()}}, Errc::invalid_input, "another"},
          Row{{{"code", "c"}, {"state", request.state}}, Errc::denied, "issuer ''"},
          Row{{{"code", "c"}, {"state", request.state}, {"iss", "https://evil.example"}},
              Errc::denied,
              "evil.example"},
          Row{{{"error", "access_denied"}, {"state", request.state}, {"iss", url()}},
              Errc::denied,
              "access_denied"},
          Row{{{"state", request.state}, {"iss", url()}}, Errc::denied, "no code"}}) {
        http::Request answer;
        answer.query = row.query;
        const auto outcome = sync_wait(*loop, client->redeem(request, answer));
        ASSERT_FALSE(outcome.ok()) << row.says;
        EXPECT_EQ(outcome.error().code, row.code) << row.says;
        EXPECT_NE(outcome.error().message.find(row.says), std::string::npos)
            << outcome.error().message;
    }
    EXPECT_TRUE(asked.empty()) << "nothing of it was sent to the provider";
}

TEST_F(OidcLogin, renewing_keeps_the_old_token_unless_there_is_a_new_one) {
    answers = {{200, R"({"access_token":"d.e.f"})"}, good, error("invalid_grant"), {502, ""}};
    const auto kept = sync_wait(*loop, client->renew("r0"));
    ASSERT_TRUE(kept.ok());
    EXPECT_EQ(kept->refresh, "r0");
    EXPECT_EQ(kept->expires, clock.now() + minutes(5)) << "where the provider says nothing";
    EXPECT_EQ(sync_wait(*loop, client->renew("r0"))->refresh, "r1");
    EXPECT_EQ(sync_wait(*loop, client->renew("r1")).error().code, Errc::denied);
    EXPECT_EQ(sync_wait(*loop, client->renew("r1")).error().code, Errc::io_failed);
}

TEST_F(OidcLogin, a_token_that_no_hub_could_verify_is_refused_with_the_next_step) {
    answers = {{200, R"({"access_token":"opaque"})"}, {200, "{}"}, {200, "<html>"}};
    const auto opaque = sync_wait(*loop, client->renew("r"));
    ASSERT_FALSE(opaque.ok());
    EXPECT_NE(opaque.error().message.find("oidc.resource"), std::string::npos);
    EXPECT_FALSE(sync_wait(*loop, client->renew("r")).ok());
    EXPECT_FALSE(sync_wait(*loop, client->renew("r")).ok());
}

TEST_F(OidcLogin, the_provider_is_told_of_the_end_and_a_terminal_only_hears_letters) {
    answers = {{200, ""}, {400, "{\"error\":\"x\\u001b[2J\",\"error_description\":\"y\\n\"}"}};
    EXPECT_TRUE(sync_wait(*loop, client->revoke("r1")).ok());
    EXPECT_EQ(asked.back().at("token"), "r1");
    EXPECT_EQ(asked.back().at("token_type_hint"), "refresh_token");
    EXPECT_EQ(sync_wait(*loop, client->renew("r1")).error().message, "x?[2J: y?");
}

TEST_F(OidcLogin, only_the_answer_to_our_question_ends_the_waiting) {
    const auto loopback = *Loopback::open(*loop);
    const auto port = *http::parse_url(loopback->redirect());
    http::ClientOptions options;
    options.server.host = "127.0.0.1", options.server.port = port.port;
    options.keep_alive = false;
    http::Client browser{*loop, std::move(options)};
    std::vector<int> statuses;
    const auto knock = [&]() -> Task<> {
        for (const auto* state : {"", "other", "ours", "ours"}) {
            http::Request request;
            request.path = port.path;
            request.query = {{"state", state}, {"code", state}};
            auto asking = browser.request(std::move(request));
            const auto response = co_await std::move(asking);
            if (response) statuses.push_back(response->status);
        }
        co_return Result<>{};
    };
    Scope scope(*loop);
    scope.spawn(knock());
    const auto answer = sync_wait(*loop, loopback->answer_to("ours", minutes(1)));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->query_value("code"), "ours");
    ASSERT_TRUE(sync_wait(*loop, scope.join()).ok());
    ASSERT_GE(statuses.size(), 3u);
    EXPECT_EQ((std::vector<int>{statuses.begin(), statuses.begin() + 3}),
              (std::vector<int>{400, 400, 200}));
}

}  // namespace
}  // namespace mw::oidc
