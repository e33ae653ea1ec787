#include "apps/sim/sim.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mw::sim {
namespace {

TEST(Pump, the_same_seed_gives_the_same_bytes) {
    EXPECT_EQ(*pump_csv({.rows = 50}), *pump_csv({.rows = 50}));
    EXPECT_NE(*pump_csv({.rows = 50, .seed = 2}), *pump_csv({.rows = 50}));
}

TEST(Pump, marks_the_rows_in_which_the_valve_is_closed) {
    const std::string csv = *pump_csv({.rows = 400, .fault_from = 200, .fault_to = 300, .seed = 3});
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 401);
    std::size_t marked = 0;
    for (std::size_t at = 0; (at = csv.find(";1.0\n", at)) != std::string::npos; ++at) ++marked;
    EXPECT_GT(marked, 80u);
    EXPECT_LT(marked, 101u);
}

std::size_t count_of(const std::string& text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
    return found;
}

TEST(Pump, repeats_the_fault_when_asked) {
    PumpOptions once{.rows = 1000, .fault_from = 100, .fault_to = 200};
    PumpOptions thrice = once;
    thrice.fault_every = 300;
    EXPECT_EQ(count_of(*pump_csv(thrice), ";1.0\n"), 3 * count_of(*pump_csv(once), ";1.0\n"));
}

TEST(Pump, rows_are_an_interval_apart) {
    const std::string csv = *pump_csv({.rows = 3, .interval_ms = 20});
    EXPECT_NE(csv.find("\n2026-01-05T08:00:00.02"), std::string::npos) << csv;
    EXPECT_NE(csv.find("\n2026-01-05T08:00:00.04"), std::string::npos) << csv;
}

TEST(Pump, a_season_is_warmer_and_nothing_else) {
    const std::string cold = *pump_csv({.rows = 1}), warm = *pump_csv({.rows = 1, .season = 3});
    const auto column = [](const std::string& csv, int index) {
        std::size_t at = csv.find('\n') + 1;
        for (int i = 0; i < index; ++i) at = csv.find(';', at) + 1;
        return std::stod(csv.substr(at));
    };
    EXPECT_NEAR(column(warm, 6) - column(cold, 6), 3, 1e-3);
    EXPECT_EQ(column(warm, 8), column(cold, 8));
}

TEST(Pump, refuses_impossible_orders) {
    EXPECT_FALSE(pump_csv({.rows = 10, .interval_ms = 0}));
    EXPECT_FALSE(pump_csv({.rows = 10, .fault_from = 1, .fault_to = 9, .fault_every = 2}));
    EXPECT_FALSE(pump_csv({.rows = 10, .shift = -1}));
    EXPECT_FALSE(pump_csv({.rows = 0}));
    EXPECT_FALSE(pump_csv({.rows = 10, .fault_from = 5, .fault_to = 4}));
}

}  // namespace
}  // namespace mw::sim
