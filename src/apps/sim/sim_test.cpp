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

TEST(Pump, refuses_impossible_orders) {
    EXPECT_FALSE(pump_csv({.rows = 0}));
    EXPECT_FALSE(pump_csv({.rows = 10, .fault_from = 5, .fault_to = 4}));
}

}  // namespace
}  // namespace mw::sim
