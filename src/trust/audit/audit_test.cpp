#include "trust/audit/audit.h"

#include <gtest/gtest.h>

namespace mw::audit {
namespace {

std::vector<Fact> three_facts() {
    std::vector<Fact> facts(3);
    Hash last{};
    for (std::size_t i = 0; i < facts.size(); ++i) {
        facts[i].sequence = i + 1;
        facts[i].time = {1'700'000'000'000'000'000 + std::int64_t(i)};
        facts[i].actor = "user:ada";
        facts[i].action = "create";
        facts[i].kind = "Device";
        facts[i].name = "gw-" + std::to_string(i);
        facts[i].revision = 10 + i;
        facts[i].hash = last = chain(last, facts[i]);
    }
    return facts;
}

Result<> verify(const std::vector<Fact>& facts) {
    Verifier verifier;
    for (const auto& fact : facts) TRY_VOID(verifier.take(fact));
    return {};
}

TEST(Audit, chain_is_the_documented_one) {
    // docs/formats/audit-fact.md has this fact as its example.
    const auto facts = three_facts();
    EXPECT_EQ(to_hex(facts[0].hash),
              "6c791fd6189b351d2bbd00ecd298976246015181e873aa85b88280a3e75c7eca");
}

TEST(Audit, accepts_an_untouched_chain) { EXPECT_TRUE(verify(three_facts())); }

TEST(Audit, finds_every_kind_of_change) {
    const auto change = [](auto deed) {
        auto facts = three_facts();
        deed(facts);
        return verify(facts);
    };
    EXPECT_FALSE(change([](auto& f) { f[1].detail = "x"; }));
    EXPECT_FALSE(change([](auto& f) { f[1].actor = "user:eve"; }));
    EXPECT_FALSE(change([](auto& f) { f[1].time.ns += 1; }));
    EXPECT_FALSE(change([](auto& f) { f[1].revision += 1; }));
    EXPECT_FALSE(change([](auto& f) { f[2].hash[0] ^= 1; }));
    EXPECT_FALSE(change([](auto& f) { f.erase(f.begin()); }));
    EXPECT_FALSE(change([](auto& f) { f.erase(f.begin() + 1); }));
    EXPECT_FALSE(change([](auto& f) { std::swap(f[1], f[2]); }));
    // Text moved from one field to the next hashes differently.
    EXPECT_FALSE(change([](auto& f) { f[0].kind = "Dev", f[0].name = "icegw-0"; }));
}

TEST(Audit, names_the_fact_that_does_not_follow) {
    auto facts = three_facts();
    facts[1].detail = "changed";
    const auto outcome = verify(facts);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Errc::corrupt);
    EXPECT_NE(outcome.error().message.find("audit fact 2"), std::string::npos);
}

TEST(Audit, detail_is_one_short_line) {
    EXPECT_EQ(one_line("a\nb\tc\x1b[31m"), "a b c [31m");
    EXPECT_EQ(one_line(std::string(5000, 'x')).size(), max_detail);
    std::string accents;
    while (accents.size() < 3000) accents += "\xc3\xa9";
    EXPECT_EQ(one_line("a" + accents).size(), max_detail - 1);
}

}  // namespace
}  // namespace mw::audit
