// Sessions, events, and rows of a grid.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "insight/features/features.h"

namespace mw::features {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr double hole = std::numeric_limits<double>::quiet_NaN();

Plan mean_of_window(Window window) {
    Plan plan;
    plan.inputs = {"a"};
    plan.window = window;
    plan.features = {{"f", 0, Statistic::mean, {}, 0, 1}};
    return plan;
}

Window sessions() {
    Window window;
    window.kind = WindowKind::session;
    window.length = {};
    window.max_gap = seconds{5};
    window.max_rows = 8;
    return window;
}

Window events(std::uint32_t rows, std::uint32_t after) {
    Window window;
    window.kind = WindowKind::event;
    window.length = {rows, {}};
    window.trigger = {0, 10, after};
    return window;
}

struct Said {
    std::int64_t at;
    double value;
    bool operator==(const Said&) const = default;
};

std::vector<Said> run(Extractor& extractor, const std::vector<std::pair<int, double>>& rows) {
    std::vector<Said> said;
    for (const auto& [time, value] : rows)
        if (const auto frame = extractor.push({{time * second_ns}, {&value, 1}, {}}))
            said.push_back({time, frame->lacking.empty() ? frame->values[0] : -1});
    return said;
}

TEST(Session, is_known_when_the_first_row_after_a_pause_comes) {
    auto extractor = Extractor::open(mean_of_window(sessions()));
    ASSERT_TRUE(extractor.ok()) << extractor.error().message;
    EXPECT_EQ(run(*extractor, {{1, 2}, {3, 4}, {20, 7}, {22, 9}, {40, 1}}),
              (std::vector<Said>{{20, 3}, {40, 8}}));
}

TEST(Session, longer_than_its_memory_says_so) {
    auto extractor = Extractor::open(mean_of_window(sessions()));
    std::vector<std::pair<int, double>> rows;
    for (int t = 1; t <= 9; ++t) rows.push_back({t, 1});
    rows.push_back({30, 1});
    EXPECT_EQ(run(*extractor, rows), (std::vector<Said>{{30, -1}}));
}

TEST(Event, takes_the_rows_around_the_rise_of_its_trigger) {
    auto extractor = Extractor::open(mean_of_window(events(4, 1)));
    ASSERT_TRUE(extractor.ok()) << extractor.error().message;
    // Rises at 4 and again at 7; staying above is no event.
    EXPECT_EQ(run(*extractor, {{1, 1}, {2, 1}, {3, 1}, {4, 13}, {5, 13}, {6, 2}, {7, 12}, {8, 5}}),
              (std::vector<Said>{{5, 7}, {8, 8}}));
}

TEST(Event, a_missing_value_is_no_rise) {
    auto extractor = Extractor::open(mean_of_window(events(3, 0)));
    EXPECT_EQ(run(*extractor, {{1, 1}, {2, 1}, {3, hole}, {4, 13}, {5, 1}, {6, 14}}),
              (std::vector<Said>{{6, 28.0 / 3}}));
}

TEST(Windows, sessions_and_events_are_rebuilt_from_their_memory) {
    SeededRandom random(21);
    std::vector<std::pair<int, double>> rows;
    int time = 0;
    for (int i = 0; i < 300; ++i) {
        time += random.below(9) == 0 ? 12 : 1;
        rows.push_back({time, random.below(7) == 0 ? hole : 9 + 3 * random.normal()});
    }
    Window gappy_events = events(6, 2);
    gappy_events.max_gap = seconds{5};
    for (const Window& window : {sessions(), events(6, 2), gappy_events}) {
        for (std::size_t cut = 1; cut < rows.size(); cut += 7) {
            auto running = Extractor::open(mean_of_window(window));
            run(*running, {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(cut)});
            auto fresh = Extractor::open(mean_of_window(window));
            const std::size_t kept = std::min(cut, running->memory().rows);
            run(*fresh, {rows.begin() + static_cast<std::ptrdiff_t>(cut - kept),
                         rows.begin() + static_cast<std::ptrdiff_t>(cut)});
            const std::vector<std::pair<int, double>> rest(
                rows.begin() + static_cast<std::ptrdiff_t>(cut), rows.end());
            ASSERT_EQ(run(*running, rest), run(*fresh, rest)) << "cut at " << cut;
        }
    }
}

TEST(Windows, what_makes_no_sense_is_refused_by_name) {
    const auto refusal = [](Window window) {
        const auto outcome = check(mean_of_window(window));
        return outcome ? std::string("accepted") : outcome.error().message;
    };
    Window endless = sessions();
    endless.max_gap = {};
    EXPECT_EQ(refusal(endless), "window.max_gap: a session ends with a pause; say how long one is");
    EXPECT_EQ(refusal(events(4, 3)),
              "window.trigger.after: must leave two rows of the window before it");
    Window stranger = events(4, 0);
    stranger.trigger.input = 1;
    EXPECT_EQ(refusal(stranger), "window.trigger: there is no such input");
}

struct GridRow {
    std::int64_t at;
    double value;
    Quality quality;
    bool operator==(const GridRow&) const = default;
};

std::vector<GridRow> gridded(ResampleOptions options,
                             const std::vector<std::pair<std::int64_t, double>>& points) {
    Resampler resampler(1, options);
    std::vector<GridRow> out;
    for (const auto& [at, value] : points) {
        resampler.add({{at}, {&value, 1}, {}});
        while (const auto row = resampler.next())
            out.push_back(
                {row->time.ns, std::isnan(row->values[0]) ? -1 : row->values[0], row->quality[0]});
    }
    return out;
}

TEST(Resampler, draws_straight_lines_onto_the_grid) {
    const auto good = Quality::good();
    EXPECT_EQ(gridded({nanoseconds{10}, Fill::linear, nanoseconds{50}},
                      {{5, 0}, {15, 10}, {20, 7}, {44, 31}}),
              (std::vector<GridRow>{{10, 5, good}, {20, 7, good}, {30, 17, good}, {40, 27, good}}));
}

TEST(Resampler, holds_with_uncertain_quality_and_not_too_long) {
    const auto stale = Quality::uncertain(Reason::stale);
    EXPECT_EQ(gridded({nanoseconds{10}, Fill::hold, nanoseconds{15}},
                      {{5, 1}, {14, 2}, {21, hole}, {31, hole}, {40, 3}}),
              (std::vector<GridRow>{{10, 1, stale},
                                    {20, 2, stale},
                                    {30, -1, Quality::bad(Reason::not_a_number)},
                                    {40, 3, Quality::good()}}));
}

TEST(Resampler, a_long_pause_has_no_rows_and_times_before_1970_have_a_grid_too) {
    const auto rows =
        gridded({nanoseconds{10}, Fill::linear, nanoseconds{20}}, {{-15, 1}, {-5, 2}, {1000, 3}});
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0], (GridRow{-10, 1.5, Quality::good()}));
    EXPECT_EQ(rows[1], (GridRow{1000, 3, Quality::good()}));
}

TEST(Resampler, without_a_grid_rows_pass_as_they_are) {
    EXPECT_EQ(gridded({}, {{3, 1}, {7, 2}}).size(), 2U);
}

}  // namespace
}  // namespace mw::features
