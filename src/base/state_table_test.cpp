#include "base/state_table.h"

#include <gtest/gtest.h>

namespace mw {
namespace {

constexpr Transition rows[] = {
    {"closed", "opened", "open", "the door opens"},
    {"open", "closed", "closed", "the door closes"},
    {"open", "broken", "broken", "nobody mends it"},
};
constexpr StateTable door{"door", rows};

TEST(StateTable, takes_the_row_of_state_and_event) {
    EXPECT_EQ(door.initial(), "closed");
    ASSERT_TRUE(door.next("closed", "opened").ok());
    EXPECT_EQ(*door.next("closed", "opened"), "open");
}

TEST(StateTable, refuses_what_it_does_not_list_and_says_what_it_lists) {
    const auto refused = door.next("open", "opened");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_EQ(refused.error().message,
              "door: 'opened' is not possible in state 'open' (possible: closed, broken)");
    EXPECT_EQ(door.next("broken", "opened").error().message,
              "door: 'opened' is not possible in state 'broken' (final)");
}

TEST(StateTable, knows_its_states_and_which_are_final) {
    EXPECT_TRUE(door.knows("broken"));
    EXPECT_FALSE(door.knows("ajar"));
    EXPECT_TRUE(door.is_final("broken"));
    EXPECT_FALSE(door.is_final("open"));
}

TEST(StateTable, is_shown_as_a_table) {
    EXPECT_EQ(door.to_markdown(),
              "| in | on | to | what happens |\n|---|---|---|---|\n"
              "| closed | opened | open | the door opens |\n"
              "| open | closed | closed | the door closes |\n"
              "| open | broken | broken | nobody mends it |\n");
}

}  // namespace
}  // namespace mw
