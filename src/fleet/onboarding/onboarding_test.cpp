#include "fleet/onboarding/onboarding_world.h"
#include "platform/crypto/crl_samples.h"

namespace mw::onboarding {
namespace {

TEST_F(OnboardingTest, a_token_turns_a_stranger_into_a_device_with_a_certificate) {
    auto key = new_key();
    auto certificate = enroll("gw-1", key, token());
    ASSERT_TRUE(certificate.ok()) << certificate.error().message;
    EXPECT_EQ(certificate->subject_cn, "gw-1");
    EXPECT_EQ(certificate->spki, key.public_key().spki());
    auto made = device("gw-1");
    EXPECT_EQ(find_string(made.spec, "profile"), "pump");
    EXPECT_EQ(made.labels.at("tier"), "test");
    EXPECT_EQ(find_string(made.status, "state"), "enrolled");
    EXPECT_EQ(find_string(made.status, "group"), "line-7");
    EXPECT_EQ(find_string(made.status, "certificate.serial"), certificate->serial);
    EXPECT_EQ(find_string(made.status, "certificate.fingerprint"),
              to_hex(certificate->fingerprint));
    EXPECT_EQ(actor(*onboarding_->admission()->admit(*certificate)), "device:gw-1");
    EXPECT_EQ(facts("enroll"), std::vector<std::string>{"device:gw-1: group line-7, serial " +
                                                        certificate->serial + ", from 192.0.2.7"});
}

TEST_F(OnboardingTest, the_token_itself_is_kept_nowhere) {
    auto text = token();
    ASSERT_TRUE(enroll("gw-1", new_key(), text).ok());
    auto group = *wait(store_->get("EnrollmentGroup", "line-7"));
    EXPECT_EQ(to_json(to_json(group)).find(text.substr(11)), std::string::npos);
    auto all = *wait(store_->facts(0, 1000));
    for (const auto& fact : all) EXPECT_EQ(fact.detail.find(text.substr(11)), std::string::npos);
    for (const auto& line : log_.lines()) EXPECT_EQ(line.find(text.substr(11)), std::string::npos);
    EXPECT_NE(to_json(group.status).find(to_hex(crypto::sha256(bytes_of(text)))),
              std::string::npos);
}

TEST_F(OnboardingTest, uses_are_limited_by_token_and_by_group_across_restarts) {
    auto two = token(2);
    EXPECT_TRUE(enroll("gw-1", new_key(), two).ok());
    reopen();
    EXPECT_TRUE(enroll("gw-2", new_key(), two).ok());
    auto third = enroll("gw-3", new_key(), two);
    EXPECT_EQ(third.error().code, Errc::denied);
    EXPECT_EQ(third.error().message, "the enrolment token is used up (2 of 2)");
    auto one = wait(onboarding_->create_token({"line-7", 50, day, "user:ada"}));
    EXPECT_EQ(one->uses, 1u);  // what max_uses leaves
    EXPECT_TRUE(enroll("gw-3", new_key(), one->text).ok());
    EXPECT_EQ(wait(onboarding_->create_token({"line-7", 1, day, "user:ada"})).error().code,
              Errc::invalid_input);
}

TEST_F(OnboardingTest, many_at_once_never_use_a_token_more_often_than_it_says) {
    create("EnrollmentGroup", "many", R"({"profile":"pump"})");
    auto text = token(10, "many");
    std::vector<crypto::Csr> requests;
    for (int i = 0; i < 40; ++i) requests.push_back(csr_of("gw-" + std::to_string(i), new_key()));
    int issued = 0, refused = 0;
    auto one = [&](int i) -> Task<> {
        auto asking =
            onboarding_->enroll(requests[i], {requests[i].subject_cn, text, {}, "192.0.2.7", ""},
                                est::KeyMaker::device);
        auto outcome = co_await std::move(asking);
        outcome ? ++issued : ++refused;
        co_return Result<>{};
    };
    Scope scope{*loop_};
    for (int i = 0; i < 40; ++i) scope.spawn(one(i));
    auto all = [&]() -> Task<> { co_return co_await scope.join(); };
    ASSERT_TRUE(wait(all()).ok());
    EXPECT_EQ(issued, 10);
    EXPECT_EQ(refused, 30);
    EXPECT_EQ(device_count(), 10u);
    auto group = *wait(store_->get("EnrollmentGroup", "many"));
    EXPECT_EQ(find_integer(group.status, "enrolled"), 10);
    EXPECT_EQ(group.status.at("tokens").at(0).at("uses_left").as_int64(), 0);
}

// Every refusal: its code, its words, its audit fact, and no trace in the registry.
TEST_F(OnboardingTest, hostile_requests_are_refused_with_a_reason_and_recorded) {
    auto key = new_key();
    auto text = token(3);
    create("EnrollmentGroup", "orphan", R"({"profile":"pump"})");
    auto orphan = token(1, "orphan");
    auto plain = csr_of("gw-1", key);
    auto with = [&](auto change) {
        auto csr = plain;
        change(csr);
        return csr;
    };
    struct Row {
        const char* name;
        crypto::Csr csr;
        std::string user, password;
        Errc code;
        const char* reason;
    };
    const Row rows[] = {
        {"no token", plain, "", "", Errc::not_found, "needs HTTP Basic"},
        {"nonsense", plain, "gw-1", "hunter2", Errc::not_found, "not known"},
        {"another group", plain, "gw-1", "mwe_nowhere.abc", Errc::not_found, "not known"},
        {"wrong secret", plain, "gw-1", "mwe_line-7.abc", Errc::not_found, "not known"},
        {"cut token", plain, "gw-1", text.substr(0, text.size() - 1), Errc::not_found, "not known"},
        {"a user's token", plain, "gw-1", "mwt_ada_abc", Errc::not_found, "not known"},
        {"name outside the group", csr_of("pump-1", key), "pump-1", text, Errc::denied,
         "does not match the group's 'gw-[0-9]+'"},
        {"no name at all", csr_of("GW 1", key), "GW 1", text, Errc::invalid_input,
         "is not a device name"},
        {"another subject", csr_of("gw-2", key), "gw-1", text, Errc::denied,
         "the request's subject is 'gw-2'"},
        {"empty subject", with([](auto& csr) { csr.subject_cn.clear(); }), "gw-1", text,
         Errc::denied, "the request's subject is ''"},
        {"foreign DNS name", csr_of("gw-1", key, {{"hub.example"}, {}, {}, {}}), "gw-1", text,
         Errc::denied, "'hub.example', which is not this device's"},
        {"foreign URI", csr_of("gw-1", key, {{}, {}, {"urn:millwright:device:gw-2"}, {}}), "gw-1",
         text, Errc::denied, "not this device's"},
        {"an address", csr_of("gw-1", key, {{}, {"10.0.0.1"}, {}, {}}), "gw-1", text, Errc::denied,
         "'10.0.0.1', which is not this device's"},
        {"an e-mail", with([](auto& csr) { csr.names.other = {"email:x@y"}; }), "gw-1", text,
         Errc::denied, "not this device's"},
        {"an authority", with([](auto& csr) { csr.asks_for_ca = true; }), "gw-1", text,
         Errc::denied, "certificate authority"},
        {"weak RSA", with([](auto& csr) {
             csr.key_kind = crypto::KeyKind::rsa;
             csr.key_bits = 1024;
         }),
         "gw-1", text, Errc::invalid_input, "1024 bits is too weak"},
    };
    for (const auto& row : rows) {
        auto before = facts("enroll.refused").size();
        auto outcome = enroll(row.csr, row.user, row.password);
        ASSERT_FALSE(outcome.ok()) << row.name;
        EXPECT_EQ(outcome.error().code, row.code) << row.name;
        EXPECT_NE(outcome.error().message.find(row.reason), std::string::npos)
            << row.name << ": " << outcome.error().message;
        auto recorded = facts("enroll.refused");
        ASSERT_EQ(recorded.size(), before + 1) << row.name;
        EXPECT_EQ(recorded.back().rfind("stranger:192.0.2.7: ", 0), 0u) << recorded.back();
    }
    EXPECT_EQ(device_count(), 0u);
    EXPECT_EQ(uses_left(), 3u);  // nothing was used up
    EXPECT_TRUE(enroll("gw-1", key, text).ok());
    EXPECT_TRUE(enroll("other", new_key(), orphan).ok());  // a group without 'names' takes any
}

TEST_F(OnboardingTest, expired_tokens_and_groups_enrol_nobody) {
    auto short_lived = wait(onboarding_->create_token({"line-7", 1, hours{1}, "user:ada"}));
    clock_.advance(hours{1});
    auto outcome = enroll("gw-1", new_key(), short_lived->text);
    EXPECT_EQ(outcome.error().code, Errc::denied);
    EXPECT_NE(outcome.error().message.find("token expired"), std::string::npos);
    auto to_the_end = wait(onboarding_->create_token({"line-7", 1, day * 36500, "user:ada"}));
    EXPECT_EQ(to_iso8601(to_the_end->expires), "2030-01-01T00:00:00Z");
    clock_.advance(day * 3650);
    EXPECT_EQ(wait(onboarding_->create_token({"line-7", 1, day, "user:ada"})).error().code,
              Errc::invalid_input);
    EXPECT_EQ(wait(onboarding_->create_token({"nowhere", 1, day, "user:ada"})).error().code,
              Errc::not_found);
}

TEST_F(OnboardingTest, a_name_that_is_taken_is_a_conflict_and_uses_nothing_up) {
    auto text = token(3);
    ASSERT_TRUE(enroll("gw-1", new_key(), text).ok());
    auto thief = enroll("gw-1", new_key(), text);
    EXPECT_EQ(thief.error().code, Errc::conflict);
    EXPECT_NE(thief.error().message.find("enrolled already"), std::string::npos);
    EXPECT_EQ(uses_left(), 2u);
}

TEST_F(OnboardingTest, a_key_belongs_to_one_device) {
    auto text = token(3);
    auto key = new_key();
    ASSERT_TRUE(enroll("gw-1", key, text).ok());
    auto cloned = enroll("gw-2", key, text);
    EXPECT_EQ(cloned.error().code, Errc::conflict);
    EXPECT_NE(cloned.error().message.find("another device has this key"), std::string::npos);
    reopen();  // and that is remembered
    EXPECT_EQ(enroll("gw-2", key, text).error().code, Errc::conflict);
}

TEST_F(OnboardingTest, a_lost_answer_is_given_again_without_a_second_use) {
    auto text = token(1);
    auto key = new_key();
    auto first = enroll("gw-1", key, text);
    auto again = enroll("gw-1", key, text);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_NE(again->serial, first->serial);
    EXPECT_EQ(uses_left(), 0u);
    EXPECT_TRUE(onboarding_->admission()->admit(*again).ok());
    EXPECT_FALSE(onboarding_->admission()->admit(*first).ok());
}

TEST_F(OnboardingTest, a_device_that_people_made_beforehand_keeps_their_spec) {
    create("Device", "gw-1", R"({"profile":"pump","config":{"rate":5}})");
    auto certificate = enroll("gw-1", new_key(), token(1));
    ASSERT_TRUE(certificate.ok()) << certificate.error().message;
    EXPECT_EQ(find_integer(device("gw-1").spec, "config.rate"), 5);
    EXPECT_EQ(find_string(device("gw-1").status, "certificate.serial"), certificate->serial);
}

TEST_F(OnboardingTest, renewal_changes_certificate_and_key_and_admits_the_old_one_once_more) {
    auto key = new_key(), next = new_key();
    auto first = *enroll("gw-1", key, token(1));
    clock_.advance(day * 60);
    auto second = renew("gw-1", next, first);
    ASSERT_TRUE(second.ok()) << second.error().message;
    EXPECT_EQ(second->spki, next.public_key().spki());
    EXPECT_GT(second->not_after, first.not_after);
    auto admission = onboarding_->admission();
    EXPECT_TRUE(admission->admit(*second).ok());
    EXPECT_TRUE(admission->admit(first).ok());  // the answer may have been lost
    auto third = *renew("gw-1", next, *second);
    EXPECT_TRUE(admission->admit(third).ok());
    EXPECT_EQ(admission->admit(first).error().message,
              "device 'gw-1' has another certificate now; enrol it again");
    EXPECT_EQ(facts("renew").size(), 2u);
    EXPECT_TRUE(enroll("gw-1", key, token(1)).error().code == Errc::conflict);
}

TEST_F(OnboardingTest, renewal_needs_a_living_certificate_of_that_very_device) {
    auto key = new_key();
    auto mine = *enroll("gw-1", key, token(2));
    auto other_key = new_key();
    auto stranger = *crypto::self_sign({crypto::Profile::device,
                                        "gw-1",
                                        {{}, {}, {"urn:millwright:device:gw-1"}, {}},
                                        clock_.now() - day,
                                        clock_.now() + day},
                                       key, random_);
    auto person = *authority_->issue_user("ada", other_key.public_key().spki(), day);
    auto unknown = *authority_->issue_device("gw-9", other_key.public_key().spki());
    EXPECT_EQ(renew("gw-2", new_key(), mine).error().code, Errc::denied);
    EXPECT_EQ(renew("gw-1", new_key(), stranger).error().code, Errc::denied);
    EXPECT_EQ(renew("gw-1", new_key(), authority_->server()).error().code, Errc::denied);
    EXPECT_EQ(renew("ada", new_key(), person).error().message,
              "the client certificate is not a device's");
    EXPECT_EQ(renew("gw-9", new_key(), unknown).error().message, "device 'gw-9' does not exist");
    auto none = wait(onboarding_->reenroll(
        csr_of("gw-1", key), {"gw-1", "token", {}, "192.0.2.7", ""}, est::KeyMaker::device));
    EXPECT_EQ(none.error().code, Errc::not_found);
    clock_.advance(day * 91);
    EXPECT_NE(renew("gw-1", new_key(), mine).error().message.find("expired"), std::string::npos);
    EXPECT_EQ(facts("enroll.refused").size(), 7u);
}

TEST_F(OnboardingTest, a_deleted_device_is_out_at_once_and_may_come_back_with_a_new_key) {
    auto text = token(3);
    auto key = new_key();
    auto certificate = *enroll("gw-1", key, text);
    auto admission = onboarding_->admission();
    ASSERT_TRUE(wait(store_->remove("Device", "gw-1", 0, {"user:ada", "delete", ""})).ok());
    EXPECT_EQ(admission->admit(certificate).error().message, "device 'gw-1' does not exist");
    EXPECT_EQ(renew("gw-1", new_key(), certificate).error().code, Errc::denied);
    auto back = enroll("gw-1", new_key(), text);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_FALSE(admission->admit(certificate).ok());
    EXPECT_TRUE(admission->admit(*back).ok());
}

TEST_F(OnboardingTest, a_revoked_certificate_is_out_after_a_reload_and_renews_nothing) {
    const auto key = new_key(), other = new_key();
    const auto lost = *enroll("gw-1", key, token()), kept = *enroll("gw-2", other, token());
    const auto admission = onboarding_->admission();
    EXPECT_TRUE(admission->admit(lost.der).ok());
    EXPECT_FALSE(admission->is_revoked(lost.der));
    const std::string pki = folder_ + "/pki";
    const auto text = *files::read_all(files_, pki + "/issuing.key");
    const auto issuing_key = *PrivateKey::from_pem(text_of(text));
    const std::string list = crypto::samples::list_of_revoked({authority_->issuing(), issuing_key},
                                                              {lost}, clock_.now());
    ASSERT_TRUE(files::atomic_replace(files_, pki + "/crl.pem", bytes_of(list), 0644).ok());
    ASSERT_TRUE(authority_->reload().ok());
    onboarding_->reload();
    EXPECT_TRUE(admission->is_revoked(lost.der));
    EXPECT_FALSE(admission->is_revoked(kept.der));
    EXPECT_EQ(admission->admit(lost.der).error().code, Errc::denied);
    EXPECT_EQ(renew("gw-1", new_key(), lost).error().code, Errc::denied);
    EXPECT_TRUE(admission->admit(kept.der).ok());
}

TEST_F(OnboardingTest, a_group_made_anew_does_not_know_the_old_tokens) {
    auto text = token(3);
    ASSERT_TRUE(
        wait(store_->remove("EnrollmentGroup", "line-7", 0, {"user:ada", "delete", ""})).ok());
    EXPECT_EQ(enroll("gw-1", new_key(), text).error().code, Errc::not_found);
    clock_.advance(seconds{1});
    create("EnrollmentGroup", "line-7", R"({"profile":"pump"})");
    EXPECT_EQ(enroll("gw-1", new_key(), text).error().code, Errc::not_found);
    EXPECT_TRUE(enroll("gw-1", new_key(), token(1)).ok());
}

TEST_F(OnboardingTest, a_restart_knows_who_is_enrolled) {
    auto certificate = *enroll("gw-1", new_key(), token(1));
    reopen();
    EXPECT_TRUE(onboarding_->admission()->admit(certificate).ok());
    EXPECT_EQ(onboarding_->authorities().size(), 2u);
    EXPECT_TRUE(onboarding_->authorities()[0].is_ca);
}

TEST_F(OnboardingTest, a_flood_of_refusals_does_not_fill_the_audit_log) {
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(enroll("gw-1", new_key(), "mwe_line-7.guess").ok());
    EXPECT_EQ(facts("enroll.refused").size(), 20u);
    EXPECT_NE(metrics_->expose().find("refusals_unrecorded_total 80"), std::string::npos);
    clock_.advance(seconds{1});
    EXPECT_FALSE(enroll("gw-1", new_key(), "mwe_line-7.guess").ok());
    EXPECT_EQ(facts("enroll.refused").size(), 21u);
}

TEST_F(OnboardingTest, too_many_at_once_are_told_to_come_back) {
    options_.at_once_max = 1;
    reopen();
    auto text = token(3);
    auto first_csr = csr_of("gw-1", new_key()), second_csr = csr_of("gw-2", new_key());
    std::optional<Result<Certificate>> first, second;
    auto ask = [&](const crypto::Csr& csr, std::optional<Result<Certificate>>& into) -> Task<> {
        auto asking = onboarding_->enroll(csr, {csr.subject_cn, text, {}, "192.0.2.7", ""},
                                          est::KeyMaker::device);
        into = certificate_of(co_await std::move(asking));
        co_return Result<>{};
    };
    Scope scope{*loop_};
    scope.spawn(ask(first_csr, first));
    scope.spawn(ask(second_csr, second));
    auto all = [&]() -> Task<> { co_return co_await scope.join(); };
    ASSERT_TRUE(wait(all()).ok());
    EXPECT_TRUE(first->ok());
    EXPECT_EQ(second->error().code, Errc::overloaded);
}

}  // namespace
}  // namespace mw::onboarding
