// Labels, keys that the hub makes, approval by a person, rates: what EST asks of onboarding beyond
// a token for a certificate.
#include "fleet/onboarding/onboarding_world.h"

namespace mw::onboarding {
namespace {

using est::Decision;
using est::KeyMaker;

class EstOperations : public OnboardingTest {
 protected:
    Result<Decision> ask(const crypto::Csr& csr, std::string token, std::string label = "",
                         KeyMaker maker = KeyMaker::device) {
        return wait(onboarding_->enroll(
            csr, {csr.subject_cn, std::move(token), {}, "192.0.2.7", std::move(label)}, maker));
    }
    void group(const std::string& name, std::string_view more) {
        create("EnrollmentGroup", name, R"({"profile":"pump",)" + std::string(more) + "}");
    }
    static crypto::Csr rsa_csr(const std::string& name, int bits) {
        auto csr = csr_of(name, new_key());
        csr.key_kind = crypto::KeyKind::rsa, csr.key_bits = bits, csr.rsa_exponent = 65537;
        return csr;
    }
};

TEST_F(EstOperations, a_label_names_the_group_of_the_token_or_nothing_happens) {
    group("line-8", R"("max_uses":5)");
    const auto text = token(3);
    const auto csr = csr_of("gw-1", new_key());
    const auto refused = ask(csr, text, "line-8");
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_EQ(refused.error().message,
              "the path names the group 'line-8', and this is a device of 'line-7'");
    EXPECT_EQ(uses_left(), 3u);
    const auto first = ask(csr, text, "line-7");
    ASSERT_TRUE(first.ok()) << first.error().message;
    const auto renewing = [&](std::string label) {
        return wait(onboarding_->reenroll(
            csr, {"", "", first->certificate->der, "192.0.2.7", std::move(label)},
            KeyMaker::device));
    };
    EXPECT_EQ(renewing("line-8").error().code, Errc::denied);
    EXPECT_TRUE(renewing("line-7").ok());
    EXPECT_TRUE(wait(onboarding_->key_wish("line-8")).ok());
}

TEST_F(EstOperations, the_hub_makes_keys_only_where_a_group_says_so_and_keeps_none) {
    const auto csr = csr_of("gw-1", new_key());
    EXPECT_EQ(ask(csr, token(1), "", KeyMaker::hub).error().code, Errc::denied);
    group("simple", R"("server_keys":true)");
    const auto text = token(5, "simple");
    const auto made = ask(csr, text, "", KeyMaker::hub);
    ASSERT_TRUE(made.ok()) << made.error().message;
    ASSERT_TRUE(made->key.has_value());
    EXPECT_EQ(made->key->kind(), crypto::KeyKind::p256);
    EXPECT_EQ(made->certificate->spki, made->key->public_key().spki());
    EXPECT_NE(made->certificate->spki, csr.spki);
    EXPECT_TRUE(onboarding_->admission()->admit(*made->certificate).ok());
    // The same filling in another request is no conflict: it is nobody's key.
    auto other = csr;
    other.subject_cn = "gw-2";
    EXPECT_TRUE(ask(other, text, "", KeyMaker::hub).ok());
    EXPECT_EQ(ask(csr, text, "", KeyMaker::hub).error().code, Errc::conflict);
    auto wrapped = csr_of("gw-3", new_key());
    wrapped.asks_for_wrapped_key = true;
    EXPECT_EQ(ask(wrapped, text, "", KeyMaker::hub).error().code, Errc::invalid_input);
    // A renewal by the same way.
    const auto renewed = wait(onboarding_->reenroll(
        csr, {"", "", made->certificate->der, "192.0.2.7", ""}, KeyMaker::hub));
    ASSERT_TRUE(renewed.ok()) << renewed.error().message;
    EXPECT_NE(renewed->certificate->spki, made->certificate->spki);
    const std::string device_text = to_json(to_json(device("gw-1")));
    EXPECT_EQ(device_text.find(to_base64(made->key->to_der()).substr(40, 40)), std::string::npos);
    EXPECT_NE(facts("enroll").front().find("key made here"), std::string::npos);
}

TEST_F(EstOperations, the_kind_of_a_made_key_follows_request_and_group) {
    struct Row {
        const char* keys;
        crypto::Csr csr;
        crypto::KeyKind kind;
        int bits;
    };
    Workers workers;
    options_.workers = &workers;
    reopen();
    const Row rows[] = {
        {R"([])", csr_of("gw-0", new_key()), crypto::KeyKind::p256, 256},
        {R"([])", rsa_csr("gw-1", 1024), crypto::KeyKind::rsa, 2048},
        {R"(["Ed25519"])", csr_of("gw-2", new_key()), crypto::KeyKind::ed25519, 256},
        {R"(["RSA-2048"])", csr_of("gw-3", new_key()), crypto::KeyKind::rsa, 2048},
        {R"(["P-384","RSA-2048"])", csr_of("gw-4", new_key()), crypto::KeyKind::p384, 384},
    };
    for (const Row& row : rows) {
        const std::string name = "g-" + row.csr.subject_cn;
        group(name, R"("server_keys":true,"keys":)" + std::string(row.keys));
        const auto made = ask(row.csr, token(1, name), "", KeyMaker::hub);
        ASSERT_TRUE(made.ok()) << row.csr.subject_cn << ": " << made.error().message;
        EXPECT_EQ(made->key->kind(), row.kind) << row.csr.subject_cn;
        EXPECT_EQ(made->key->public_key().bits(), row.bits) << row.csr.subject_cn;
    }
    EXPECT_EQ(workers.counters().done, 2u);  // RSA is not made on the control loop
    group("no-rsa", R"("server_keys":true,"keys":["P-256"])");
    EXPECT_EQ(ask(rsa_csr("gw-9", 2048), token(1, "no-rsa"), "", KeyMaker::hub).error().code,
              Errc::invalid_input);
}

TEST_F(EstOperations, a_person_lets_a_device_in_and_it_asks_with_the_same_key) {
    group("manual", R"("approval":"manual","max_uses":5)");
    const auto text = token(5, "manual");
    const auto csr = csr_of("gw-1", new_key());
    for (int i = 0; i < 2; ++i) {
        const auto waiting = ask(csr, text);
        ASSERT_TRUE(waiting.ok()) << waiting.error().message;
        EXPECT_FALSE(waiting->certificate.has_value());
        EXPECT_EQ(waiting->ask_again_after, options_.approval_poll);
    }
    EXPECT_EQ(device_count(), 0u);
    EXPECT_EQ(facts("enroll.requested").size(), 1u);
    EXPECT_EQ(ask(csr_of("gw-1", new_key()), text).error().code, Errc::conflict);
    reopen();  // who waits is remembered
    ASSERT_EQ(onboarding_->waiting().size(), 1u);
    EXPECT_EQ(onboarding_->waiting()[0].group, "manual");
    EXPECT_EQ(onboarding_->waiting()[0].request.device, "gw-1");
    EXPECT_EQ(wait(onboarding_->decide("gw-2", true, "user:ada")).error().code, Errc::not_found);
    ASSERT_TRUE(wait(onboarding_->decide("gw-1", true, "user:ada")).ok());
    EXPECT_EQ(wait(onboarding_->decide("gw-1", false, "user:bob")).error().code, Errc::conflict);
    reopen();
    const auto issued = ask(csr, text);
    ASSERT_TRUE(issued.ok()) << issued.error().message;
    ASSERT_TRUE(issued->certificate.has_value());
    EXPECT_TRUE(onboarding_->waiting().empty());
    EXPECT_TRUE(ask(csr, text)->certificate.has_value());  // its answer was lost: no new approval
    ASSERT_EQ(facts("enroll.approved").size(), 1u);
    EXPECT_EQ(facts("enroll.approved")[0].rfind("user:ada: device gw-1, key ", 0), 0u);
    const auto stored = *wait(store_->get("EnrollmentGroup", "manual"));
    EXPECT_EQ(stored.status.as_object().count("requests"), 0u);
    EXPECT_EQ(find_integer(stored.status, "enrolled"), 1);
}

TEST_F(EstOperations, who_is_denied_or_waits_too_long_does_not_get_in) {
    group("manual", R"("approval":"manual")");
    group("other", R"("approval":"manual")");
    const auto text = token(5, "manual");
    const auto csr = csr_of("gw-1", new_key()), late = csr_of("gw-2", new_key());
    ASSERT_TRUE(ask(csr, text).ok());
    ASSERT_TRUE(ask(late, text).ok());
    EXPECT_EQ(ask(csr, token(1, "other")).error().code, Errc::conflict);  // one name, one place
    ASSERT_TRUE(wait(onboarding_->decide("gw-1", false, "user:ada")).ok());
    EXPECT_EQ(ask(csr, text).error().message, "an operator has denied this device");
    EXPECT_EQ(facts("enroll.denied").size(), 1u);
    clock_.advance(options_.approval_lifetime);
    EXPECT_TRUE(onboarding_->waiting().empty());
    EXPECT_EQ(wait(onboarding_->decide("gw-2", true, "user:ada")).error().code, Errc::not_found);
    EXPECT_FALSE(ask(late, text)->certificate.has_value());  // and waits anew
    EXPECT_EQ(device_count(), 0u);
}

TEST_F(EstOperations, a_key_stays_its_devices_after_renewal_and_after_the_end) {
    const auto text = token(3);
    const auto first = new_key(), second = new_key();
    const auto old = *enroll("gw-1", first, text);
    ASSERT_TRUE(renew("gw-1", second, old).ok());
    EXPECT_EQ(enroll("gw-2", first, text).error().code, Errc::conflict);  // no longer in use
    ASSERT_TRUE(wait(store_->remove("Device", "gw-1", 0, {"user:ada", "delete", ""})).ok());
    reopen();
    EXPECT_EQ(enroll("gw-2", second, text).error().code, Errc::conflict);
    EXPECT_TRUE(enroll("gw-1", second, text).ok());
}

TEST_F(EstOperations, rates_hold_by_address_by_device_and_by_refusal) {
    options_.requests_per_address = {1, 5};
    options_.requests_per_device = {1, 2};
    options_.refusals_per_address = {1, 3};
    reopen();
    const auto wait_of = [&](std::string user, std::string peer) {
        return onboarding_->wait_for({std::move(user), "x", {}, std::move(peer), ""});
    };
    const nanoseconds none{0};
    EXPECT_EQ(wait_of("gw-1", "192.0.2.1"), none);
    EXPECT_EQ(wait_of("gw-1", "192.0.2.1"), none);
    EXPECT_GT(wait_of("gw-1", "192.0.2.1"), none);
    EXPECT_EQ(wait_of("gw-1", "192.0.2.2"), none);  // nobody else's tries are used up
    EXPECT_EQ(wait_of("gw-2", "192.0.2.1"), none);
    EXPECT_EQ(wait_of("gw-3", "192.0.2.1"), none);
    EXPECT_GT(wait_of("gw-4", "192.0.2.1"), none);  // five from this address
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(wait(onboarding_->refused(Error{Errc::invalid_input, "nonsense"},
                                              {"a", "b", {}, "192.0.2.3", ""}))
                        .ok());
    EXPECT_GT(wait_of("gw-5", "192.0.2.3"), none);
    EXPECT_EQ(facts("enroll.refused").size(), 3u);
    const auto exposed = metrics_->expose();
    for (const char* by : {"address", "device", "refusals"})
        EXPECT_NE(exposed.find("limited_total{by=\"" + std::string(by) + "\"} 1"),
                  std::string::npos)
            << by << exposed;
    clock_.advance(seconds{2});
    EXPECT_EQ(wait_of("gw-5", "192.0.2.3"), none);
}

}  // namespace
}  // namespace mw::onboarding
