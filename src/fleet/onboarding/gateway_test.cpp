// Who is a gateway is for people to say; what its certificate says follows from that alone.
#include "fleet/onboarding/gateway.h"
#include "fleet/onboarding/onboarding_world.h"

namespace mw::onboarding {
namespace {

using Names = std::vector<std::string>;

class GatewayTest : public OnboardingTest {
 protected:
    GatewayTest() {
        create("EnrollmentGroup", "gateways",
               R"({"profile":"pump","gateway":{"serves":["{device}.line-7.example"]}})");
        create("EnrollmentGroup", "silent", R"({"profile":"pump","gateway":{}})");
    }
    Result<Certificate> enroll_as(const std::string& name, const std::string& group,
                                  crypto::CsrOrder order = {}) {
        order.subject_cn = name;
        const auto csr = *crypto::csr_from_der(*crypto::make_csr(order, key_));
        return enroll(csr, name, token(1, group));
    }
    void change(const std::string& name, std::string_view spec) {
        Resource resource = device(name);
        resource.spec = *parse_json(spec);
        const auto updated =
            wait(store_->replace(std::move(resource), {"user:ada", "replace", ""}));
        ASSERT_TRUE(updated.ok()) << updated.error().message;
    }
    Result<identity::Principal> admitted(const Certificate& certificate) {
        return onboarding_->admission()->admit(certificate.der);
    }

    PrivateKey key_ = new_key();
};

TEST_F(GatewayTest, a_group_of_gateways_says_what_their_certificates_say) {
    const auto made = enroll_as("gw-1", "gateways");
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_EQ(made->names.dns, Names{"gw-1.line-7.example"});
    EXPECT_EQ(made->names.uris,
              (Names{"urn:millwright:device:gw-1", "urn:millwright:gateway:gw-1"}));
    EXPECT_TRUE(made->for_client && made->for_server);
    ASSERT_TRUE(admitted(*made).ok()) << admitted(*made).error().message;
    EXPECT_EQ(identity::actor(*admitted(*made)), "device:gw-1");

    key_ = new_key();
    const auto silent = *enroll_as("gw-2", "silent");
    EXPECT_TRUE(silent.names.dns.empty());
    EXPECT_EQ(silent.names.uris.size(), 2u);
    EXPECT_FALSE(silent.for_server);
    EXPECT_TRUE(admitted(silent).ok());
}

TEST_F(GatewayTest, csrattrs_of_a_group_say_it_too) {
    using crypto::Use;
    EXPECT_EQ(wait(onboarding_->key_wish("gateways"))->uses,
              (std::vector<Use>{Use::client, Use::server}));
    EXPECT_EQ(wait(onboarding_->key_wish("silent"))->uses, std::vector<Use>{Use::client});
    EXPECT_TRUE(wait(onboarding_->key_wish("line-7"))->uses.empty());
}

TEST_F(GatewayTest, a_request_may_ask_for_what_is_its_own_and_for_nothing_else) {
    using crypto::Use;
    const crypto::CsrOrder own{"",
                               {{"gw-1.line-7.example"}, {}, {"urn:millwright:gateway:gw-1"}, {}},
                               {Use::client, Use::server}};
    EXPECT_TRUE(enroll_as("gw-1", "gateways", own).ok());
    struct Row {
        const char* what;
        const char* group;
        crypto::CsrOrder order;
    };
    const Row rows[] = {
        {"another's host name", "gateways", {"", {{"gw-1.line-7.example"}, {}, {}, {}}, {}}},
        {"an address", "gateways", {"", {{}, {"10.0.0.7"}, {}, {}}, {}}},
        {"code", "gateways", {"", {}, {Use::client, Use::code_signing}}},
        {"a server without a name", "silent", {"", {}, {Use::client, Use::server}}},
        {"a gateway by its own word",
         "line-7",
         {"", {{}, {}, {"urn:millwright:gateway:gw-9"}, {}}, {}}},
        {"a server by its own word", "line-7", {"", {}, {Use::server}}},
    };
    key_ = new_key();
    for (const Row& row : rows) {
        const auto made = enroll_as("gw-9", row.group, row.order);
        ASSERT_FALSE(made.ok()) << row.what;
        EXPECT_EQ(made.error().code, Errc::denied) << row.what << ": " << made.error().message;
    }
    EXPECT_TRUE(enroll_as("gw-9", "line-7").ok());
}

TEST_F(GatewayTest, a_device_that_people_make_a_gateway_is_one_at_its_next_renewal) {
    const auto first = *enroll_as("gw-1", "line-7");
    EXPECT_EQ(first.names.uris, Names{"urn:millwright:device:gw-1"});
    change("gw-1", R"({"profile":"pump","gateway":{"serves":["gw-1.plant.example","10.7.0.5"]}})");
    EXPECT_TRUE(admitted(first).ok());
    const auto next_key = new_key();
    const auto second = renew("gw-1", next_key, first);
    ASSERT_TRUE(second.ok()) << second.error().message;
    EXPECT_EQ(second->names.dns, Names{"gw-1.plant.example"});
    EXPECT_EQ(second->names.addresses, Names{"10.7.0.5"});
    EXPECT_TRUE(second->for_server);
    EXPECT_TRUE(admitted(*second).ok());
    // It stays one, and no longer when people say so.
    const auto third = *renew("gw-1", new_key(), *second);
    EXPECT_EQ(third.names, second->names);
    change("gw-1", R"({"profile":"pump"})");
    const auto last = *renew("gw-1", new_key(), third);
    EXPECT_EQ(last.names, first.names);
    EXPECT_FALSE(last.for_server);
}

TEST_F(GatewayTest, nobody_serves_at_the_hubs_name_or_at_anothers) {
    const auto first = *enroll_as("gw-1", "line-7");
    for (const char* name : {"localhost", "127.0.0.1", "::1"}) {
        change("gw-1", R"({"profile":"pump","gateway":{"serves":[")" + std::string(name) + "\"]}}");
        const auto renewed = renew("gw-1", new_key(), first);
        ASSERT_FALSE(renewed.ok()) << name;
        EXPECT_EQ(renewed.error().code, Errc::denied);
        EXPECT_NE(renewed.error().message.find("the hub's own"), std::string::npos)
            << renewed.error().message;
    }
    // "a.line-7" below ".example" is a name of the device "a" below ".line-7.example".
    const auto dotted =
        gateway_of("a.b", "", *parse_json(R"({"gateway":{"serves":["{device}.x"]}})"));
    EXPECT_EQ(dotted.error().code, Errc::denied);
    EXPECT_TRUE(gateway_of("a.b", "gateway", JsonObject{})->is);
}

TEST_F(GatewayTest, specs_that_name_no_hosts_are_refused) {
    for (const char* serves :
         {"*.example", "UPPER.example", "10.0.0", "a..b", "-a.example", "a b"}) {
        Resource resource;
        resource.kind = "Device", resource.name = "gw-3";
        resource.spec = JsonObject{{"gateway", JsonObject{{"serves", JsonArray{serves}}}}};
        EXPECT_EQ(wait(store_->create(resource, {"user:ada", "create", ""})).error().code,
                  Errc::invalid_input)
            << serves;
        resource.kind = "EnrollmentGroup", resource.name = "group-3";
        EXPECT_FALSE(wait(store_->create(resource, {"user:ada", "create", ""})).ok()) << serves;
    }
    Resource group;
    group.kind = "EnrollmentGroup", group.name = "group-3";
    group.spec = *parse_json(R"({"gateway":{"serves":["one-name.example"]}})");
    EXPECT_FALSE(wait(store_->create(group, {"user:ada", "create", ""})).ok());
}

}  // namespace
}  // namespace mw::onboarding
