#include <gtest/gtest.h>

#include <algorithm>

#include "data/products/products.h"
#include "data/registry/registry.h"

namespace mw::products {
namespace {

Resource policy_of(const char* name, const char* domain, const char* spec) {
    Resource policy;
    policy.kind = "Policy";
    policy.name = name;
    policy.domain = domain;
    policy.spec = *parse_json(spec);
    const auto checked = registry::check(policy);
    EXPECT_TRUE(checked) << checked.error().message;
    return policy;
}

Resource bound_product(const char* spec, const char* domain = "plant-a") {
    Resource product;
    product.kind = "DataProduct";
    product.name = "pumps";
    product.domain = domain;
    product.spec = *parse_json(spec);
    return product;
}

const Resource company = policy_of("company", "default", R"({"domains":["*"],
    "retention":{"at_least":"7d","at_most":"90d"},"residency":["eu","uk"],
    "masking":[{"classification":"confidential","method":"coarsen","over":"15m",
                "except_roles":["engineer","ot"]}],
    "access":{"roles":["engineer","ot","viewer"]},
    "naming":{"products":"[a-z-]+","signals":"[a-z_]+"}})");
const Resource plant = policy_of("plant", "plant-a", R"({"retention":{"at_most":"30d"},
    "residency":["eu"],"masking":[{"classification":"confidential","method":"hide",
    "except_roles":["ot"]},{"tags":["people"],"method":"hide"}]})");
const Resource elsewhere = policy_of("elsewhere", "plant-b", R"({"retention":{"at_most":"8d"}})");

std::string told(const std::vector<PolicyLine>& lines) {
    std::string text;
    for (const auto& line : lines) {
        text += line.rule + "=" + line.value + " <-";
        for (const auto& from : line.from) text += " " + from;
        text += "\n";
    }
    return text;
}

TEST(EffectivePolicies, are_the_strictest_of_what_binds_with_their_origin) {
    const auto product = bound_product(R"({"classification":"internal","signals":[{"name":"flow"},
        {"name":"power","classification":"restricted"},{"name":"badge","tags":["people"]}]})");
    EXPECT_EQ(told(lines_of(effective_policy(product, {elsewhere, plant, company}))),
              "retention.at_least=7d <- Policy company\n"
              "retention.at_most=30d <- Policy plant\n"
              "residency=eu <- Policy company Policy plant\n"
              "access.roles=engineer, ot, viewer <- Policy company\n"
              "masking of badge=hide except from none <- Policy plant\n"
              "masking of power=hide except from ot <- Policy company Policy plant\n"
              "naming.products=[a-z-]+ <- Policy company\n"
              "naming.signals=[a-z_]+ <- Policy company\n");
    EXPECT_EQ(told(lines_of(effective_policy(bound_product("{}", "plant-c"), {plant, elsewhere}))),
              "");
}

TEST(EffectivePolicies, take_the_products_own_terms_when_they_are_stricter) {
    const auto policy =
        effective_policy(bound_product(R"({"sla":{"retention":"10d"},"residency":["eu"],
                          "classification":"confidential","roles":[{"role":"ot"}]})"),
                         {company});
    EXPECT_TRUE(policy.faults.empty());
    EXPECT_EQ(policy.keep_at_most->value, std::chrono::hours(240));
    EXPECT_EQ(policy.keep_at_least->from, "DataProduct pumps");
    EXPECT_EQ(policy.regions->names, std::vector<std::string>{"eu"});
    ASSERT_TRUE(policy.other_signals) << "signals that the contract leaves out are confidential";
    EXPECT_FALSE(policy.other_signals->hide);
    EXPECT_EQ(policy.other_signals->over, std::chrono::minutes(15));
}

TEST(EffectivePolicies, name_what_a_product_may_not_ask_for) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"sla":{"retention":"91d"}})",
         "spec.sla.retention: 91d is more than the 90d of Policy company"},
        {R"({"sla":{"retention":"1d"}})",
         "spec.sla.retention: 1d is less than the 7d of Policy company"},
        {R"({"residency":["eu","us"]})",
         "spec.residency: us is not among eu, uk, the only regions of Policy company"},
        {R"({"roles":[{"role":"guest"}]})",
         "spec.roles: role 'guest' is not among engineer, ot, viewer, the only roles of Policy "
         "company"},
        {R"({"signals":[{"name":"Flow"}]})",
         "spec.signals.Flow: 'Flow' does not match [a-z_]+ of Policy company"},
    };
    for (const auto& [spec, fault] : cases) {
        const auto policy = effective_policy(bound_product(spec), {company});
        ASSERT_EQ(policy.faults.size(), 1u) << spec;
        EXPECT_EQ(policy.faults[0], fault);
        ASSERT_TRUE(policy.keep_at_most && policy.regions);
        EXPECT_EQ(policy.keep_at_most->value, std::chrono::hours(90 * 24)) << "it holds anyway";
        EXPECT_FALSE(std::ranges::count(policy.regions->names, "us"));
    }
}

TEST(EffectivePolicies, overrule_a_laxer_policy_and_say_so) {
    const auto lax = policy_of("lax", "plant-a", R"({"retention":{"at_least":"1d","at_most":"365d"},
        "residency":["eu","us"]})");
    const auto policy = effective_policy(bound_product("{}"), {lax, company});
    EXPECT_EQ(policy.keep_at_most->value, std::chrono::hours(90 * 24));
    EXPECT_EQ(policy.keep_at_least->value, std::chrono::hours(7 * 24));
    EXPECT_EQ(policy.regions->names, std::vector<std::string>{"eu"});
    ASSERT_EQ(policy.overruled.size(), 3u);
    EXPECT_EQ(policy.overruled[0],
              "retention.at_most 365d of Policy lax: 90d of Policy company is stricter");
}

TEST(PoliciesOfADomain, may_be_stricter_never_laxer) {
    EXPECT_TRUE(faults_beside(plant, {company, plant, elsewhere}).empty());
    struct Case {
        const char* spec;
        std::vector<std::string> faults;
    };
    const Case cases[] = {
        {R"({"retention":{"at_most":"91d"}})",
         {"spec.retention.at_most: 91d is laxer than the 90d of Policy company"}},
        {R"({"retention":{"at_least":"6d"}})",
         {"spec.retention.at_least: 6d is laxer than the 7d of Policy company"}},
        {R"({"retention":{"at_least":"100d"}})",
         {"spec.retention.at_least: 100d can't hold together with at_most 90d of Policy company"}},
        {R"({"residency":["us"]})",
         {"spec.residency: us is laxer than Policy company, which allows only eu, uk"}},
        {R"({"access":{"roles":["viewer","guest"]}})",
         {"spec.access.roles: guest is laxer than Policy company, which allows only engineer, ot, "
          "viewer"}},
        {R"({"masking":[{"classification":"restricted","method":"coarsen","over":"1m",
              "except_roles":["ot"]}]})",
         {"spec.masking[0]: coarsen over 1m except from ot is laxer than Policy company, which "
          "says "
          "coarsen over 15m except from engineer, ot"}},
        {R"({"masking":[{"classification":"confidential","method":"hide",
              "except_roles":["viewer"]}]})",
         {"spec.masking[0]: hide except from viewer is laxer than Policy company, which says "
          "coarsen over 15m except from engineer, ot"}},
        // About signals that the shared rule leaves alone.
        {R"({"masking":[{"classification":"internal","method":"coarsen","over":"1m"}]})", {}},
        {R"({"naming":{"products":"[a-z]+"}})", {}},
    };
    for (const auto& c : cases) {
        const auto mine = policy_of("mine", "plant-a", c.spec);
        EXPECT_EQ(faults_beside(mine, {company}), c.faults) << c.spec;
    }
    // Of other domains, and among shared ones only what can't hold together counts.
    const auto of_b = policy_of("of-b", "default", R"({"domains":["plant-b"],
        "retention":{"at_most":"8d"},"residency":["uk"]})");
    EXPECT_TRUE(faults_beside(plant, {of_b}).empty());
    EXPECT_TRUE(faults_beside(of_b, {company}).empty());
    const auto never =
        policy_of("never", "default", R"({"domains":["plant-b"],"residency":["us"]})");
    EXPECT_EQ(faults_beside(never, {of_b, company}).size(), 2u);
    EXPECT_TRUE(faults_beside(company, {company}).empty()) << "not beside its own former self";
}

}  // namespace
}  // namespace mw::products
