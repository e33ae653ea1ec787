// lifecycle_trials [--quick]: five years of a thousand gateways, ten times over: outages of up to
// 200 days, clocks that jump by ten years (theirs and the hub's), lost answers, another issuing
// authority, suspensions. Prints a line per seed and at last {"bench":"lifecycle","figures":...}.
#include <cstdio>
#include <cstring>

#include "fleet/onboarding/life_simulation_run.h"

int main(int argc, char** argv) {
    using namespace mw;
    using namespace mw::onboarding::life;
    const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
    Tally all;
    for (std::uint64_t seed = 1; seed <= (quick ? 2u : 10u); ++seed) {
        Plan plan;
        plan.seed = seed;
        if (quick) plan.gateways = 50;
        const Tally one = Simulation(plan).run();
        std::printf("seed %llu: %llu renewals, %llu late, %llu locked out, %llu let in %s\n",
                    static_cast<unsigned long long>(seed),
                    static_cast<unsigned long long>(one.renewals),
                    static_cast<unsigned long long>(one.late_renewals),
                    static_cast<unsigned long long>(one.locked_out),
                    static_cast<unsigned long long>(one.let_in), one.first_wrong.c_str());
        std::fflush(stdout);
        using Count = std::uint64_t Tally::*;
        for (const Count count :
             {&Tally::connects, &Tally::renewals, &Tally::late_renewals, &Tally::lost_answers,
              &Tally::readmitted, &Tally::refused_by_policy, &Tally::rollovers, &Tally::outages,
              &Tally::jumps, &Tally::suspensions, &Tally::locked_out, &Tally::let_in})
            all.*count += one.*count;
    }
    const JsonObject figures{{"connects", all.connects},
                             {"renewals", all.renewals},
                             {"late_renewals", all.late_renewals},
                             {"lost_answers", all.lost_answers},
                             {"outages", all.outages},
                             {"clock_jumps", all.jumps},
                             {"suspensions", all.suspensions},
                             {"authority_rollovers", all.rollovers},
                             {"ended_by_policy", all.refused_by_policy},
                             {"readmitted", all.readmitted},
                             {"locked_out", all.locked_out},
                             {"let_in", all.let_in}};
    std::printf("%s\n", to_json(JsonObject{{"bench", "lifecycle"}, {"figures", figures}}).c_str());
    return all.locked_out + all.let_in == 0 ? 0 : 1;
}
