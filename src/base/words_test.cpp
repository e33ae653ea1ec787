// Tests of the small words: time, bytes, numbers, SQL texts, randomness, ids.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/number.h"
#include "base/random.h"
#include "base/sql_text.h"

namespace mw {
namespace {

TEST(Iso8601, round_trips_nanoseconds) {
    for (const char* text : {"2026-11-22T12:00:00Z", "1970-01-01T00:00:00Z",
                             "1969-12-31T23:59:59.999999999Z", "2024-02-29T23:59:59.5Z"})
        EXPECT_EQ(to_iso8601(*parse_iso8601(text)), text);
}

TEST(Iso8601, accepts_what_people_write) {
    const auto want = parse_iso8601("2020-03-09T10:14:33Z")->ns;
    EXPECT_EQ(parse_iso8601("2020-03-09 10:14:33")->ns, want);
    EXPECT_EQ(parse_iso8601("2020-03-09T11:14:33+01:00")->ns, want);
    EXPECT_EQ(parse_iso8601("2020-03-09T10:14:33.000")->ns, want);
    EXPECT_EQ(parse_iso8601("2020-03-09")->ns, parse_iso8601("2020-03-09T00:00:00Z")->ns);
}

TEST(Iso8601, refuses_with_an_example) {
    for (const char* text : {"", "yesterday", "2020-13-01", "2020-01-01T25:00:00Z", "2020-01-01x",
                             "-020-01-01", "2020-01-01T00:00:00.", "9999-01-01"}) {
        auto time = parse_iso8601(text);
        ASSERT_FALSE(time) << text;
        EXPECT_NE(time.error().message.find("2026-11-22T12:00:00Z"), std::string::npos);
    }
}

TEST(Duration, reads_and_writes) {
    EXPECT_EQ(*parse_duration("250ms"), milliseconds{250});
    EXPECT_EQ(*parse_duration("1h30m"), minutes{90});
    EXPECT_EQ(*parse_duration("1.5s"), milliseconds{1500});
    EXPECT_EQ(to_text(minutes{90}), "1h30m");
    for (const char* text : {"", "5", "s", "1y", "-1s", "1e400d"})
        EXPECT_FALSE(parse_duration(text));
}

TEST(Base64, round_trips_every_length) {
    SeededRandom random(7);
    for (std::size_t n = 0; n < 70; ++n) {
        Bytes bytes(n);
        random.fill(bytes);
        EXPECT_EQ(*from_base64(to_base64(bytes)), bytes);
        EXPECT_EQ(*from_base64(to_base64(bytes, 64)), bytes);
        EXPECT_EQ(*from_base64(to_base64url(bytes)), bytes);
        EXPECT_EQ(*from_hex(to_hex(bytes)), bytes);
    }
    EXPECT_FALSE(from_base64("a?bc"));
    EXPECT_FALSE(from_hex("0g"));
}

TEST(SeededRandom, replays_and_is_uniform) {
    SeededRandom a(42), b(42);
    double sum = 0;
    for (int i = 0; i < 10'000; ++i) {
        const double x = a.uniform();
        EXPECT_EQ(x, b.uniform());
        sum += x;
    }
    EXPECT_NEAR(sum / 10'000, .5, .02);
}

TEST(Ulid, sorts_by_time) {
    SeededRandom random(1);
    EXPECT_LT(make_ulid(1'000, random), make_ulid(2'000, random));
    EXPECT_EQ(make_ulid(0, random).size(), 26u);
}

TEST(SqlText, quotes_double) {
    EXPECT_EQ(sql_text("it's"), "'it''s'");
    EXPECT_EQ(sql_name("a \"b\""), "\"a \"\"b\"\"\"");
}

TEST(Number, is_the_whole_text_or_nothing) {
    double number = 0;
    EXPECT_TRUE(read_number("-1.5e3", number));
    EXPECT_EQ(number, -1500);
    for (const char* text : {"", " 1", "1 ", "1x", "+1"}) EXPECT_FALSE(read_number(text, number));
    unsigned char small = 0;
    EXPECT_FALSE(read_number("256", small));
}

}  // namespace
}  // namespace mw
