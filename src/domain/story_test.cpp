#include "domain/story.h"

#include <gtest/gtest.h>

namespace mw {
namespace {

constexpr Transition rows[] = {
    {"idle", "started", "busy", "work begins"},
    {"busy", "finished", "idle", "work ends"},
};
constexpr StateTable table{"job", rows};
const Timestamp now{1'700'000'000'000'000'000};

TEST(Story, begins_in_the_tables_first_state) {
    Resource resource;
    EXPECT_EQ(state_of(resource, table), "idle");
    resource.status = JsonObject{{"state", "unheard of"}};
    EXPECT_EQ(state_of(resource, table), "idle");
}

TEST(Story, a_step_changes_the_state_and_is_remembered) {
    Resource resource;
    const auto changes = advance(resource, table, "started", "ann asked", now);
    ASSERT_TRUE(changes.ok());
    EXPECT_EQ(state_of(resource, table), "busy");
    EXPECT_EQ(find_string(resource.status, "reason"), "ann asked");
    const auto& history = find(resource.status, "history")->get_array();
    ASSERT_EQ(history.size(), 1u);
    EXPECT_EQ(find_string(history[0], "event"), "started");
}

TEST(Story, a_step_that_is_not_in_the_table_changes_nothing) {
    Resource resource;
    const auto refused = advance(resource, table, "finished", "too soon", now);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_EQ(find(resource.status, "history"), nullptr);
}

TEST(Story, keeps_the_newest_sixty_steps) {
    Resource resource;
    for (int i = 0; i < 70; ++i) {
        const bool even = i % 2 == 0;
        ASSERT_TRUE(
            advance(resource, table, even ? "started" : "finished", std::to_string(i), now).ok());
    }
    const auto& history = find(resource.status, "history")->get_array();
    ASSERT_EQ(history.size(), story_steps_max);
    EXPECT_EQ(find_string(history.front(), "says"), "10");
    EXPECT_EQ(find_string(history.back(), "says"), "69");
}

}  // namespace
}  // namespace mw
