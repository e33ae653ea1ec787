#include "protocols/mqtt/topics.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace mw::mqtt {
namespace {

Session* session(std::uintptr_t n) { return reinterpret_cast<Session*>(n * 64); }

std::vector<std::uintptr_t> found(const SubscriptionTree& tree, std::string_view topic) {
    std::vector<Subscription> out;
    tree.match(topic, out);
    std::vector<std::uintptr_t> ids;
    for (const Subscription& s : out)
        ids.push_back(reinterpret_cast<std::uintptr_t>(s.session) / 64);
    std::sort(ids.begin(), ids.end());
    return ids;
}

struct Match {
    const char* filter;
    const char* topic;
    bool matches;
};

// MQTT 5 4.7.1 and 4.7.2, with the examples of the standard.
constexpr Match examples[]{
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/tennis/player1/#", "sport/tennis/player10", false},
    {"sport/#", "sport", true},
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+", "/finance", false},
    {"+/b/#", "a/b", true},
    {"+/b/#", "a/c", false},
    {"a/+/c", "a//c", true},
    {"a//c", "a//c", true},
    {"a/b", "a/b/", false},
    {"a/b/", "a/b", false},
    {"A/b", "a/b", false},
    {"#", "$SYS/monitor", false},
    {"+/monitor/Clients", "$SYS/monitor/Clients", false},
    {"$SYS/#", "$SYS/monitor", true},
    {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
    {"a/#", "a/$b", true},
};

TEST(TopicFilter, matches_as_the_standard_says) {
    for (const Match& row : examples)
        EXPECT_EQ(matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
}

TEST(TopicTree, finds_what_the_standard_says) {
    for (const Match& row : examples) {
        SubscriptionTree tree;
        tree.add(row.filter, {session(1), {}, 0});
        EXPECT_EQ(found(tree, row.topic).size(), row.matches ? 1u : 0u)
            << row.filter << " " << row.topic;
    }
}

TEST(TopicFilter, refuses_misplaced_wildcards_and_bad_text) {
    for (const char* good : {"a", "/", "a/+/b", "+", "#", "+/#", "a/#", "a b", "$share/g/x", "äö"})
        EXPECT_EQ(topic_filter_fault(good, 10), "") << good;
    for (const char* bad : {"", "a#", "a/#/b", "#/", "+a", "a+/b", "a/b#", "\xff"})
        EXPECT_NE(topic_filter_fault(bad, 10), "") << bad;
    EXPECT_NE(topic_filter_fault("a/b/c", 2), "");
    EXPECT_NE(topic_filter_fault(std::string(70'000, 'a'), 10), "");
}

TEST(TopicName, refuses_wildcards_and_bad_text) {
    for (const char* good : {"a", "/", "a//b", "$SYS/x", "ä/ö"})
        EXPECT_EQ(topic_name_fault(good, 10), "") << good;
    using namespace std::string_view_literals;
    for (std::string_view bad : {""sv, "a+"sv, "#"sv, "a\0b"sv, "\xed\xa0\x80"sv, "\xc0\x80"sv})
        EXPECT_NE(topic_name_fault(bad, 10), "");
}

TEST(TopicTree, replaces_a_sessions_subscription_to_the_same_filter) {
    SubscriptionTree tree;
    EXPECT_TRUE(tree.add("a/+", {session(1), {.qos = QoS::at_most_once}, 0}));
    EXPECT_FALSE(tree.add("a/+", {session(1), {.qos = QoS::at_least_once}, 0}));
    EXPECT_TRUE(tree.add("a/+", {session(2), {}, 0}));
    EXPECT_EQ(tree.size(), 2u);
    std::vector<Subscription> out;
    tree.match("a/x", out);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[0].options.qos, QoS::at_least_once);
}

TEST(TopicTree, remove_takes_only_that_session_and_filter) {
    SubscriptionTree tree;
    for (const char* filter : {"a/b", "a/+", "a/#", "#", "+/b"})
        for (std::uintptr_t n : {1, 2}) tree.add(filter, {session(n), {}, 0});
    EXPECT_FALSE(tree.remove("a", session(1)));
    EXPECT_FALSE(tree.remove("a/b/c", session(1)));
    EXPECT_FALSE(tree.remove("a/b", session(3)));
    EXPECT_TRUE(tree.remove("a/b", session(1)));
    EXPECT_TRUE(tree.remove("a/#", session(1)));
    EXPECT_FALSE(tree.remove("a/#", session(1)));
    EXPECT_EQ(found(tree, "a/b"), (std::vector<std::uintptr_t>{1, 1, 1, 2, 2, 2, 2, 2}));
    EXPECT_EQ(tree.size(), 8u);
}

TEST(TopicTree, agrees_with_matching_one_by_one_under_random_changes) {
    SeededRandom random(7);
    const char* levels[]{"a", "b", "+", "", "$x"};
    auto path = [&](bool filter) {
        std::string text;
        const auto count = 1 + random.below(4);
        for (std::uint64_t i = 0; i < count; ++i) {
            const char* level = levels[random.below(5)];
            if (!filter && *level == '+') level = "b";
            text.append(i == 0 ? "" : "/").append(level);
        }
        if (filter && random.below(3) == 0) text += text.empty() ? "#" : "/#";
        return text.empty() ? std::string("a") : text;
    };
    SubscriptionTree tree;
    std::vector<std::pair<std::string, std::uintptr_t>> model;
    for (int step = 0; step < 1'500; ++step) {
        const std::string filter = path(true);
        const std::uintptr_t n = 1 + random.below(5);
        const auto at = std::find(model.begin(), model.end(), std::pair(filter, n));
        if (random.below(2) == 0) {
            EXPECT_EQ(tree.add(filter, {session(n), {}, 0}), at == model.end());
            if (at == model.end()) model.emplace_back(filter, n);
        } else {
            EXPECT_EQ(tree.remove(filter, session(n)), at != model.end());
            if (at != model.end()) model.erase(at);
        }
        const std::string topic = path(false);
        std::vector<std::uintptr_t> want;
        for (const auto& [f, who] : model)
            if (matches(f, topic)) want.push_back(who);
        std::sort(want.begin(), want.end());
        ASSERT_EQ(found(tree, topic), want) << topic << " at step " << step;
        ASSERT_EQ(tree.size(), model.size());
    }
}

}  // namespace
}  // namespace mw::mqtt
