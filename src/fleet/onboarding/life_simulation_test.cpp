#include <gtest/gtest.h>

#include "fleet/onboarding/life_simulation_run.h"

namespace mw::onboarding {
namespace {

// bench/lifecycle_trials plays a thousand gateways; here it is enough to see that it holds.
TEST(LifeSimulation, nobody_is_locked_out_or_let_in_against_policy) {
    life::Plan plan;
    plan.gateways = 10;
    const life::Tally tally = life::Simulation(plan).run();
    EXPECT_EQ(tally.locked_out, 0u) << tally.first_wrong;
    EXPECT_EQ(tally.let_in, 0u) << tally.first_wrong;
    EXPECT_GT(tally.renewals, 200u);
    EXPECT_GT(tally.late_renewals, 0u);
    EXPECT_GT(tally.jumps, 0u);
    EXPECT_EQ(tally.rollovers, 2u);
}

}  // namespace
}  // namespace mw::onboarding
