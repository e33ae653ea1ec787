#include "fleet/onboarding/enrollment_token.h"

#include <gtest/gtest.h>

namespace mw::onboarding {
namespace {

constexpr Timestamp now{1'700'000'000'000'000'000};
constexpr nanoseconds one_day = hours{24};

TokenRecord record(std::uint8_t tag, std::uint64_t uses, nanoseconds lifetime = one_day) {
    TokenRecord made;
    made.hash.fill(tag);
    made.created = now, made.expires = now + lifetime;
    made.uses = made.uses_left = uses;
    return made;
}
crypto::Sha256Digest hash(std::uint8_t tag) { return record(tag, 1).hash; }

TEST(TokenText, names_its_group_even_with_dots) {
    SeededRandom random{1};
    auto text = make_token_text("line-7.pumps_b", random);
    auto parsed = parse_token_text(text);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->group, "line-7.pumps_b");
    EXPECT_EQ(parsed->hash, crypto::sha256(bytes_of(text)));
    EXPECT_EQ(text.size(), std::string("mwe_line-7.pumps_b.").size() + 43);
    EXPECT_NE(make_token_text("line-7.pumps_b", random), text);
}

TEST(TokenText, whatever_else_is_unknown_and_says_no_more) {
    for (std::string text : {"", "mwe_", "mwe_group", "mwe_.secret", "mwt_group.secret",
                             "mwe_GROUP.secret", "mwe_a/b.secret", "mwe_../x.secret"}) {
        auto parsed = parse_token_text(text);
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_EQ(parsed.error().message, "the enrolment token is not known");
    }
    EXPECT_FALSE(parse_token_text("mwe_g." + std::string(1000, 'a')).ok());
}

TEST(TokenBook, a_token_gives_as_many_uses_as_it_has) {
    TokenBook book;
    ASSERT_TRUE(book.add(record(1, 2), now).ok());
    EXPECT_TRUE(book.claim(hash(1), {}, now).ok());
    EXPECT_TRUE(book.claim(hash(1), {}, now).ok());
    auto third = book.claim(hash(1), {}, now);
    EXPECT_EQ(third.error().code, Errc::denied);
    EXPECT_EQ(third.error().message, "the enrolment token is used up (2 of 2)");
    book.release(hash(1));
    EXPECT_TRUE(book.claim(hash(1), {}, now).ok());
    EXPECT_EQ(book.enrolled(), 2u);
}

TEST(TokenBook, refusals_say_why) {
    TokenBook book;
    ASSERT_TRUE(book.add(record(1, 5), now).ok());
    EXPECT_EQ(book.claim(hash(2), {}, now).error().code, Errc::not_found);
    EXPECT_NE(
        book.claim(hash(1), {}, now + one_day).error().message.find("token expired at 2023-11-15T"),
        std::string::npos);
    EXPECT_NE(book.claim(hash(1), {.expires = now}, now).error().message.find("group expired"),
              std::string::npos);
    ASSERT_TRUE(book.claim(hash(1), {.max_uses = 1}, now).ok());
    EXPECT_EQ(book.claim(hash(1), {.max_uses = 1}, now).error().message,
              "the enrolment group is full (1 devices)");
    EXPECT_TRUE(book.is_alive(hash(1), now));
    EXPECT_FALSE(book.is_alive(hash(1), now + one_day));
    EXPECT_FALSE(book.is_alive(hash(2), now));
}

TEST(TokenBook, releasing_gives_no_more_than_was_taken) {
    TokenBook book;
    ASSERT_TRUE(book.add(record(1, 1), now).ok());
    book.release(hash(1));
    book.release(hash(9));
    EXPECT_TRUE(book.claim(hash(1), {}, now).ok());
    EXPECT_FALSE(book.claim(hash(1), {}, now).ok());
}

TEST(TokenBook, status_round_trips_and_damage_drops_only_what_is_damaged) {
    TokenBook book;
    ASSERT_TRUE(book.add(record(1, 5), now).ok());
    ASSERT_TRUE(book.add(record(2, 7), now).ok());
    ASSERT_TRUE(book.claim(hash(1), {}, now).ok());
    Json status = book.to_status();
    EXPECT_EQ(TokenBook::from_status(status).to_status(), book.to_status());
    status.at("tokens").at(0).as_object()["sha256"] = "short";
    auto damaged = TokenBook::from_status(status);
    EXPECT_EQ(damaged.size(), 1u);
    EXPECT_EQ(damaged.enrolled(), 1u);
    EXPECT_EQ(TokenBook::from_status(JsonObject{{"tokens", "x"}, {"enrolled", -4}}).size(), 0u);
}

TEST(TokenBook, holds_a_hundred_live_tokens) {
    TokenBook book;
    for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(book.add(record(static_cast<std::uint8_t>(i), 1), now).ok());
    EXPECT_EQ(book.add(record(200, 1), now).error().code, Errc::invalid_input);
    EXPECT_TRUE(book.add(record(200, 1), now + one_day).ok());  // the others have expired
    EXPECT_EQ(book.size(), 1u);
}

TEST(GroupLimits, come_from_the_spec) {
    auto limits =
        *GroupLimits::from_spec(JsonObject{{"expires", "2030-01-01T00:00:00Z"}, {"max_uses", 5}});
    EXPECT_EQ(to_iso8601(limits.expires), "2030-01-01T00:00:00Z");
    EXPECT_EQ(limits.max_uses, 5u);
    EXPECT_EQ(GroupLimits::from_spec(JsonObject{})->max_uses, UINT64_MAX);
    EXPECT_FALSE(GroupLimits::from_spec(JsonObject{{"expires", "soon"}}).ok());
}

}  // namespace
}  // namespace mw::onboarding
