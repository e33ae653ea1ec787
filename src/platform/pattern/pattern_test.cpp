#include "platform/pattern/pattern.h"

#include <gtest/gtest.h>

namespace mw {
namespace {

TEST(Pattern, matches_the_whole_text) {
    const Pattern pattern = Pattern::compile("[A-Z]{2}-\\d+|off").value();
    EXPECT_EQ(pattern.text(), "[A-Z]{2}-\\d+|off");
    EXPECT_TRUE(pattern.matches("AB-17"));
    EXPECT_TRUE(pattern.matches("off"));
    EXPECT_FALSE(pattern.matches("AB-17 "));
    EXPECT_FALSE(pattern.matches("xAB-17"));
    EXPECT_FALSE(pattern.matches(""));
    EXPECT_FALSE(pattern.matches(std::string_view("off\0", 4)));
    EXPECT_TRUE(Pattern::compile("\\p{L}+").value().matches("Prüfstand"));
    EXPECT_FALSE(Pattern::compile(".+").value().matches("\xff\xfe"));  // not UTF-8
}

TEST(Pattern, says_what_is_wrong) {
    struct Case {
        const char* text;
        const char* part;
    };
    for (const Case& c : {Case{"a(b", "missing )"}, Case{"[z-a]", "invalid character class range"},
                          Case{"(?=a)b", "Lookahead"}, Case{"(a)\\1", "backreferences"},
                          Case{"(((a{1000}){1000}){1000})", "repetition"}}) {
        const auto made = Pattern::compile(c.text);
        ASSERT_FALSE(made.ok()) << c.text;
        EXPECT_EQ(made.error().code, Errc::invalid_input);
        EXPECT_NE(made.error().message.find(c.part), std::string::npos) << made.error().message;
        EXPECT_NE(made.error().message.find(c.text), std::string::npos) << made.error().message;
    }
}

// With a matcher that goes back this takes longer than the universe has been there.
TEST(Pattern, takes_no_longer_for_what_is_made_to_be_slow) {
    const Pattern pattern = Pattern::compile("(a*)*(a*)*b").value();
    EXPECT_FALSE(pattern.matches(std::string(1024, 'a')));
}

}  // namespace
}  // namespace mw
