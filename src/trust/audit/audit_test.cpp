#include "trust/audit/audit.h"

#include <gtest/gtest.h>

namespace mw::audit {
namespace {

Bytes salt_of(std::uint64_t number) {
    Bytes salt(salt_bytes);
    store_le(salt.data(), number);
    return salt;
}

std::vector<Fact> three_facts(std::uint8_t version = fact_version) {
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
        facts[i].version = version;
        if (version != 1 && i == 0) facts[i].controls = "A.8.32,MANAGE 4.1";
        if (version == 3) seal(facts[i], salt_of(i + 1));
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
    // docs/formats/audit-fact.md has these facts as its examples.
    EXPECT_EQ(to_hex(three_facts(1)[0].hash),
              "6c791fd6189b351d2bbd00ecd298976246015181e873aa85b88280a3e75c7eca");
    auto fact = three_facts(2)[0];
    EXPECT_EQ(to_hex(fact.hash),
              "1d7a9f246cb89907b496f324b0d952848a723a3722ee01034fc5cb7c9cfe132e");
    Bytes bytes;
    put_fact(bytes, fact);
    EXPECT_EQ(
        to_hex(bytes),
        "010000000000000200002a36fe9c97170a000000000000000800757365723a61646106006372656174650600"
        "446576696365040067772d3000001100412e382e33322c4d414e41474520342e31");
    bytes.clear();
    fact = three_facts(3)[0];
    EXPECT_EQ(to_hex(fact.personal),
              "a2172efa677ec2ea3df9f6360f51a4d5c5276c107c44f99629cdd05a492c7f0e");
    put_fact(bytes, fact);
    EXPECT_EQ(to_hex(bytes),
              "010000000000000300002a36fe9c97170a00000000000000a2172efa677ec2ea3df9f6360f51a4d5c527"
              "6c107c44f99629cd"
              "d05a492c7f0e060063726561746506004465766963651100412e382e33322c4d414e41474520342e31");
    EXPECT_EQ(to_hex(fact.hash),
              "8ecbc2660658c5cc6973cff58ed659196c32df15b056d55e895e7829f0a96812");
}

TEST(Audit, what_was_redacted_leaves_the_chain_whole_and_says_nothing_of_people) {
    auto facts = three_facts();
    redact(facts[1]);
    EXPECT_TRUE(facts[1].redacted());
    EXPECT_TRUE(verify(facts));
    Bytes bytes;
    put_fact(bytes, facts[1]);
    put_personal(bytes, facts[1]);
    EXPECT_EQ(text_of(bytes).find("ada"), std::string_view::npos);
    EXPECT_EQ(text_of(bytes).find("gw-1"), std::string_view::npos);
    const auto view = read_fact(bytes);
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_TRUE(view->redacted);
    EXPECT_EQ(view->action, "create");
    EXPECT_EQ(fact_from_json(to_json(facts[1]))->redacted(), true);
    EXPECT_FALSE(find(to_json(facts[1]), "salt"));
    // Nobody can put other words there.
    facts[1].actor = "user:eve";
    EXPECT_FALSE(verify(facts));
    seal(facts[1], salt_of(9));
    EXPECT_FALSE(verify(facts));
}

TEST(Audit, who_redacts_has_to_say_so) {
    const std::uint64_t which[] = {2, 17, 300};
    EXPECT_EQ(redaction_text(which, "asked: by ada"), "facts 2, 17, 300: asked: by ada");
    const auto walk = [](std::string_view action, const std::string& detail) {
        Redactions redactions;
        EXPECT_TRUE(redactions.take(2, true, "login", ""));
        EXPECT_TRUE(redactions.take(17, true, "login", ""));
        EXPECT_TRUE(redactions.take(18, false, action, detail));
        return redactions.finish();
    };
    EXPECT_TRUE(walk(action::audit_redacted, "facts 2, 17: why"));
    EXPECT_TRUE(walk(action::audit_redacted, "facts 17, 2, 5: 6"));
    for (const auto* detail :
         {"facts 2: 17", "2, 17: why", "", "facts ", "facts x", "facts 2,17: y"})
        EXPECT_FALSE(walk(action::audit_redacted, detail)) << detail;
    EXPECT_FALSE(walk("create", "facts 2, 17: why"));
    Redactions early;  // a promise for later is none
    EXPECT_TRUE(early.take(1, false, action::audit_redacted, "facts 2: why"));
    EXPECT_TRUE(early.take(2, true, "login", ""));
    EXPECT_NE(early.finish().error().message.find("audit fact 2"), std::string::npos);
}

TEST(Audit, bytes_and_json_read_back_as_the_same_fact) {
    for (const std::uint8_t version : {1, 2, 3})
        for (const auto& fact : three_facts(version)) {
            Bytes bytes;
            put_fact(bytes, fact);
            const auto hashed = bytes.size();
            put_personal(bytes, fact);
            const auto view = read_fact(bytes);
            ASSERT_TRUE(view) << view.error().message;
            EXPECT_EQ(view->sequence, fact.sequence);
            EXPECT_EQ(view->version, version);
            EXPECT_EQ(view->time, fact.time);
            EXPECT_EQ(view->name, fact.name);
            EXPECT_EQ(view->controls, fact.controls);
            const auto again = fact_from_json(to_json(fact));
            ASSERT_TRUE(again) << again.error().message;
            Bytes same;
            put_fact(same, *again);
            put_personal(same, *again);
            EXPECT_EQ(same, bytes);
            EXPECT_EQ(again->hash, fact.hash);
            EXPECT_EQ(view->hashed, hashed);
            // Cut before its personal part it is a redacted one.
            for (std::size_t size = 0; size < bytes.size(); ++size)
                EXPECT_EQ(read_fact(ByteView(bytes).first(size)).ok(), size == hashed) << size;
            bytes.push_back(0);
            EXPECT_FALSE(read_fact(bytes));
        }
}

TEST(Audit, facts_of_both_versions_stand_in_one_chain) {
    auto facts = three_facts(1);
    facts[2].version = 2;
    facts[2].controls = "A.5.1";
    facts[2].hash = chain(facts[1].hash, facts[2]);
    EXPECT_TRUE(verify(facts));
    facts[2].version = 1;  // its bytes would be others
    EXPECT_FALSE(verify(facts));
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
    EXPECT_FALSE(change([](auto& f) { f[0].controls.clear(); }));
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
    EXPECT_EQ(one_line("a\xff\xc3(\xed\xa0\x80"), "a\?\?(\?\?\?");  // what no JSON could carry
    EXPECT_EQ(one_line(std::string(5000, 'x')).size(), max_detail);
    std::string accents;
    while (accents.size() < 3000) accents += "\xc3\xa9";
    EXPECT_EQ(one_line("a" + accents).size(), max_detail - 1);
}

}  // namespace
}  // namespace mw::audit
