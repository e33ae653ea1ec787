#include "data/label_log/agreement.h"

#include <gtest/gtest.h>

namespace mw::labels {
namespace {

Label said(const std::string& author, bool event, int window = 0) {
    Label label;
    label.device = "gw-1";
    label.use_case = "valves";
    label.model = "valve";
    label.window_from = {window};
    label.window_to = {window + 1};
    label.author = author;
    label.label = event;
    return label;
}

std::vector<Labels> windows_of(int both_events, int only_ann, int only_bob, int both_normal) {
    std::vector<Labels> windows;
    const auto add = [&](int times, bool ann, bool bob) {
        for (int i = 0; i < times; ++i) windows.push_back({said("ann", ann), said("bob", bob)});
    };
    add(both_events, true, true);
    add(only_ann, true, false);
    add(only_bob, false, true);
    add(both_normal, false, false);
    return windows;
}

TEST(Agreement, is_what_the_papers_say) {
    const auto all = agreements(windows_of(20, 5, 10, 15));
    ASSERT_EQ(all.size(), 1u);
    const Agreement& pair = all[0];
    EXPECT_EQ(pair.first + pair.second + pair.model, "annbobvalve");
    EXPECT_EQ(pair.windows, 50u);
    EXPECT_DOUBLE_EQ(pair.observed, .7);
    ASSERT_TRUE(pair.kappa);
    EXPECT_NEAR(pair.kappa->estimate, .4, 1e-12);
    // Worked out by hand: the variance is .016128.
    EXPECT_NEAR(pair.kappa->high - pair.kappa->low, 2 * 1.959963984540054 * .12699606, 1e-6);
    EXPECT_NEAR(*pair.of_events, 40. / 55, 1e-12);
    EXPECT_NEAR(*pair.of_normal, 30. / 45, 1e-12);
}

TEST(Agreement, has_ends_that_make_sense) {
    const auto perfect = agreements(windows_of(10, 0, 0, 10));
    EXPECT_DOUBLE_EQ(perfect[0].kappa->estimate, 1);
    EXPECT_DOUBLE_EQ(perfect[0].kappa->low, 1);
    const auto opposite = agreements(windows_of(0, 10, 10, 0));
    EXPECT_DOUBLE_EQ(opposite[0].kappa->estimate, -1);
    EXPECT_EQ(opposite[0].of_events, 0);
    const auto one_answer = agreements(windows_of(0, 0, 0, 10));
    EXPECT_FALSE(one_answer[0].kappa);  // nothing can be said beyond chance
    EXPECT_FALSE(one_answer[0].of_events);
    EXPECT_EQ(one_answer[0].of_normal, 1);
    EXPECT_TRUE(find(to_json(one_answer[0]), "kappa")->is_null());
    EXPECT_TRUE(agreements({{said("ann", true)}}).empty());
}

TEST(Agreement, counts_the_newest_answer_of_each_and_no_adjudication) {
    Label settled = said("eve", false);
    settled.adjudication = "the log book says so";
    const Labels window{said("ann", false), said("bob", false), said("ann", true), settled};
    EXPECT_TRUE(disputed(window));
    EXPECT_FALSE(disputed({said("ann", false), said("bob", true), said("bob", false)}));
    EXPECT_FALSE(disputed({}));
    const auto all = agreements({window});
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].only_first, 1u);
}

}  // namespace
}  // namespace mw::labels
