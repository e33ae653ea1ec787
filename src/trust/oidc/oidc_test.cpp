#include "trust/oidc/oidc.h"

#include <gtest/gtest.h>

#include "platform/http/http.h"
#include "trust/jwt/jwt_samples.h"

namespace mw::oidc {
namespace {

using jwt::samples::header;
using jwt::samples::Issuer;
using jwt::samples::issuer;

// A provider on loopback whose documents a test changes.
class Oidc : public testing::Test {
 protected:
    std::unique_ptr<Loop> loop = *Loop::open();
    Workers workers;
    SimulatedClock clock{jwt::samples::now};
    metrics::Registry metrics;
    std::string set = R"({"keys":[)" + issuer().ed25519_jwk("e") + "]}";
    std::string named;  // the issuer that the discovery document names; empty: the right one
    int status = 200, asked = 0;
    std::unique_ptr<http::Server> server = *http::Server::open(*loop, {}, router());
    std::unique_ptr<People> people = *People::open(options(), parts());

    http::Router router() {
        http::Router r;
        r.add(http::Method::get, "/id/.well-known/openid-configuration",
              [this](http::Request) -> Task<http::Response> {
                  ++asked;
                  const Json body = {{"issuer", named.empty() ? url() : named},
                                     {"jwks_uri", url() + "/keys"}};
                  co_return http::Response::json(status, body);
              });
        r.add(http::Method::get, "/id/keys", [this](http::Request) -> Task<http::Response> {
            co_return http::Response::text(200, set, "application/json");
        });
        return r;
    }
    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(server->address().port) + "/id";
    }
    Options options() const {
        Options o;
        o.issuer = url();
        o.audience = "hub";
        o.roles_claim = "realm.groups";
        o.roles = {"/plant/ops=operator", "/plant/ops=viewer", "a=b=engineer"};
        return o;
    }
    People::Parts parts() { return {*loop, workers, clock, metrics}; }
    void renew() { ASSERT_TRUE(sync_wait(*loop, people->renew()).ok()); }
    std::string token(const std::string& more = "", const std::string& kid = "e") const {
        return Issuer::token(
            issuer().ed25519, header("EdDSA", kid),
            R"({"iss":")" + url() + R"(","aud":"hub","sub":"ada","exp":1790000060)" + more + "}");
    }
    Result<policy::Principal> ask(const std::string& text) const {
        return people->authenticate(text, clock.now());
    }
};

TEST_F(Oidc, a_token_becomes_a_person_with_the_roles_that_are_mapped_and_no_others) {
    EXPECT_EQ(ask(token()).error().code, Errc::not_found) << "no keys yet";
    renew();
    const auto nobody = ask(token(R"(,"roles":["admin"])"));
    ASSERT_TRUE(nobody.ok()) << nobody.error().message;
    EXPECT_EQ(nobody->name, "user:oidc:ada");
    EXPECT_TRUE(nobody->roles.empty());
    const auto ops = ask(token(R"(,"realm":{"groups":["/plant/ops","admin","a=b","/plant"]})"));
    ASSERT_TRUE(ops.ok()) << ops.error().message;
    EXPECT_EQ(ops->roles, (std::vector<std::string>{"operator", "viewer", "engineer"}));
}

TEST_F(Oidc, a_name_that_would_look_like_another_is_refused) {
    auto o = options();
    o.name_claim = "email";
    people = *People::open(std::move(o), parts());
    renew();
    EXPECT_EQ(ask(token(R"(,"email":"ada@plant.example")"))->name, "user:oidc:ada@plant.example");
    for (const auto* email : {"\"\"", "\"a b\"", "7", R"("a\u0000")", R"("\u00e4da")", "null"})
        EXPECT_FALSE(ask(token(std::string(",\"email\":") + email)).ok()) << email;
    EXPECT_FALSE(ask(token()).ok());
    EXPECT_FALSE(ask(token(",\"email\":\"" + std::string(101, 'x') + "\"")).ok());
}

TEST_F(Oidc, a_key_that_is_new_is_fetched_at_most_once_a_minute) {
    renew();
    EXPECT_EQ(asked, 1);
    set = R"({"keys":[)" + issuer().ed25519_jwk("f") + "]}";
    EXPECT_EQ(ask(token("", "f")).error().code, Errc::not_found);
    clock.advance(seconds(59));
    renew();
    EXPECT_EQ(asked, 1) << "a stranger's tokens must not make us ask on and on";
    EXPECT_EQ(ask(token("", "f")).error().code, Errc::not_found);
    clock.advance(seconds(1));
    renew();
    EXPECT_EQ(asked, 2);
    const auto late =
        Issuer::token(issuer().ed25519, header("EdDSA", "f"),
                      R"({"iss":")" + url() + R"(","aud":"hub","sub":"ada","exp":1790000600})");
    EXPECT_TRUE(ask(late).ok());
    EXPECT_EQ(ask(token()).error().code, Errc::not_found) << "the old key was withdrawn";
}

TEST_F(Oidc, who_asks_meanwhile_waits_for_the_same_answer) {
    Scope scope(*loop);
    int done = 0;
    const auto one = [this, &done]() -> Task<> {
        CO_TRY_VOID(co_await people->renew());
        done += ask(token()).ok();
        co_return Result<>{};
    };
    for (int i = 0; i < 3; ++i) scope.spawn(one());
    ASSERT_TRUE(sync_wait(*loop, scope.join()).ok());
    EXPECT_EQ(done, 3);
    EXPECT_EQ(asked, 1);
}

TEST_F(Oidc, the_last_good_keys_stay_when_the_issuer_fails) {
    renew();
    struct Row {
        int status;
        std::string named, set;
    };
    for (const auto& row :
         {Row{503, "", set}, Row{302, "", set}, Row{200, "https://evil.example", set},
          Row{200, "", "{}"}, Row{200, "", R"({"keys":[]})"}}) {
        status = row.status, named = row.named, set = row.set;
        clock.advance(seconds(60));
        const int before = asked;
        renew();
        EXPECT_EQ(asked, before + 1);
        const auto now = jwt::samples::now;
        EXPECT_TRUE(people->authenticate(token(), now).ok()) << row.status << row.named << row.set;
    }
}

TEST_F(Oidc, options_that_would_be_unsafe_or_in_vain_are_refused) {
    struct Row {
        std::function<void(Options&)> spoil;
        const char* says;
    };
    for (const auto& row :
         {Row{[](Options& o) { o.issuer = "http://id.example"; }, "oidc.issuer: want https://"},
          Row{[](Options& o) { o.issuer = "id.example"; }, "oidc.issuer"},
          Row{[](Options& o) { o.issuer += "?a=b"; }, "has no query"},
          Row{[](Options& o) { o.audience.clear(); }, "oidc.audience: is needed"},
          Row{[](Options& o) { o.name_claim.clear(); }, "oidc.name_claim: is needed"},
          Row{[](Options& o) { o.roles_claim.clear(); }, "oidc.roles_claim: is needed"},
          Row{[](Options& o) { o.roles = {"admin"}; }, "'admin': want THEIRS=OURS"},
          Row{[](Options& o) { o.roles = {"=admin"}; }, "want THEIRS=OURS"},
          Row{[](Options& o) { o.roles = {"ops="}; }, "want THEIRS=OURS"}}) {
        auto o = options();
        row.spoil(o);
        const auto outcome = check(o);
        ASSERT_FALSE(outcome.ok()) << row.says;
        EXPECT_NE(outcome.error().message.find(row.says), std::string::npos)
            << outcome.error().message;
    }
    EXPECT_TRUE(check(options()).ok());
    EXPECT_TRUE(check(Options{}).ok());
}

}  // namespace
}  // namespace mw::oidc
