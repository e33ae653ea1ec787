// canary_trials [--quick]: how often the canary verdict is wrong and how often it sees a bad
// version, over many simulated fleets. A device has its own level (deviation 1), a shift of its own
// between before and after (.15), and minutes of AR(.9) noise (deviation .5); canaries rise by .3.
// Prints one JSON line per fleet and at last {"bench":"canary","figures":...}.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "insight/statistics/statistics.h"

namespace mw::statistics {
namespace {

constexpr int looks = 5;
constexpr double persistence = .9, noise_deviation = .5, shift_deviation = .15;

struct Fleet {
    const char* name;
    int canaries, controls;
    int minutes;        // before, and after
    double innovation;  // deviation of the noise's steps
    bool heavy_tails;   // shifts by a Student's t with 3 degrees instead of a normal
    int sites;          // strata; a change at a site hits all its devices
    int runs, quick_runs;
};

// The noise's stationary deviation is .5, or its steps' is: then it takes a day to average out.
const double steps_of_stationary = noise_deviation * std::sqrt(1 - persistence * persistence);
const Fleet fleets[] = {
    {"5_vs_45", 5, 45, 240, steps_of_stationary, false, 1, 10'000, 200},
    {"5_vs_45_day_long", 5, 45, 1440, noise_deviation, false, 1, 2'000, 0},
    {"5_vs_45_heavy_tails", 5, 45, 240, steps_of_stationary, true, 1, 2'000, 100},
    {"6_vs_42_three_sites", 6, 42, 240, steps_of_stationary, false, 3, 2'000, 100},
    {"20_vs_20", 20, 20, 240, steps_of_stationary, false, 1, 2'000, 0},
    {"3_vs_9", 3, 9, 240, steps_of_stationary, false, 1, 2'000, 200},
};

// Exact sums of a first-order process over `minutes`, two normal numbers each: the innovations'
// part of the sum and of the last value have known variances and covariance.
class Noise {
 public:
    Noise(int minutes, double innovation) : minutes_(minutes) {
        double sums = 0, ends = 0, both = 0;
        for (int left = 0; left < minutes; ++left) {
            const double end = std::pow(persistence, left);
            const double sum = (1 - end * persistence) / (1 - persistence);
            sums += sum * sum;
            ends += end * end;
            both += sum * end;
        }
        decay_ = std::pow(persistence, minutes);
        carry_ = persistence * (1 - decay_) / (1 - persistence);
        end_deviation_ = innovation * std::sqrt(ends);
        slope_ = both / ends;
        rest_deviation_ = innovation * std::sqrt(std::max(0.0, sums - both * both / ends));
    }
    double mean(double& state, Random& random) const {
        const double end = end_deviation_ * random.normal();
        const double sum = carry_ * state + slope_ * end + rest_deviation_ * random.normal();
        state = decay_ * state + end;
        return sum / minutes_;
    }

 private:
    int minutes_;
    double decay_, carry_, end_deviation_, slope_, rest_deviation_;
};

double shift_of(const Fleet& fleet, Random& random) {
    const double normal = random.normal();
    if (!fleet.heavy_tails) return shift_deviation * normal;
    double squares = 0;
    for (int i = 0; i < 3; ++i) {
        const double part = random.normal();
        squares += part * part;
    }
    return shift_deviation * normal / std::sqrt(squares);  // deviation 3 times a third: the same
}

// Every device's state at each look: [look][device], canaries first.
std::vector<std::vector<Unit>> simulate(const Fleet& fleet, double effect, Random& random) {
    const Noise before(fleet.minutes, fleet.innovation);
    const Noise part(fleet.minutes / looks, fleet.innovation);
    std::vector<double> site_shift;
    for (int site = 0; site < fleet.sites; ++site)
        site_shift.push_back(fleet.sites > 1 ? random.normal() : 0);
    std::vector<std::vector<Unit>> seen(looks);
    for (int device = 0; device < fleet.canaries + fleet.controls; ++device) {
        const bool canary = device < fleet.canaries;
        const auto site = static_cast<std::size_t>(device % fleet.sites);
        const double level = random.normal();
        double state =
            fleet.innovation / std::sqrt(1 - persistence * persistence) * random.normal();
        Unit unit{"site-" + std::to_string(site), level + before.mean(state, random), 0};
        const double after =
            level + shift_of(fleet, random) + site_shift[site] + (canary ? effect : 0);
        double sum = 0;
        for (int look = 0; look < looks; ++look) {
            sum += part.mean(state, random);
            unit.post = after + sum / (look + 1);
            seen[static_cast<std::size_t>(look)].push_back(unit);
        }
    }
    return seen;
}

struct Tally {
    double final_worse = 0, final_both_ways = 0, looks_worse = 0, e_value = 0, any = 0;
    double raw_worse = 0, stopped_at = 0, harmless = 0, inconclusive = 0;
};

Tally play(const Fleet& fleet, double effect, int runs, std::uint64_t seed) {
    SeededRandom random(seed);
    Tally tally;
    const auto canaries = static_cast<std::size_t>(fleet.canaries);
    for (int run = 0; run < runs; ++run) {
        const auto seen = simulate(fleet, effect, random);
        CanaryOptions options;
        options.looks = looks;
        options.seed = static_cast<std::uint64_t>(run) + 1;
        int stopped = 0;
        bool betting = false;
        for (int look = 1; look <= looks; ++look) {
            const std::span<const Unit> all = seen[static_cast<std::size_t>(look - 1)];
            const auto reading =
                judge_look(all.first(canaries), all.subspan(canaries), look, options);
            if (reading.verdict == CanaryVerdict::worse && stopped == 0) stopped = look;
            betting = betting || reading.e_value >= 1 / options.alpha;
        }
        std::vector<Unit> last = seen.back();
        const auto last_reading = [&] {
            const std::span<const Unit> all = last;
            return judge_final(all.first(canaries), all.subspan(canaries), options);
        };
        const auto verdict = last_reading().verdict;
        options.both_ways = true;
        const bool both_ways = last_reading().verdict == CanaryVerdict::worse;
        options.both_ways = false;
        for (Unit& unit : last) unit.pre = 0;  // what comes of not looking at before
        const bool raw = last_reading().verdict == CanaryVerdict::worse;
        tally.final_worse += verdict == CanaryVerdict::worse;
        tally.harmless += verdict == CanaryVerdict::harmless;
        tally.inconclusive += verdict == CanaryVerdict::inconclusive;
        tally.final_both_ways += both_ways;
        tally.raw_worse += raw;
        tally.looks_worse += stopped > 0;
        tally.stopped_at += stopped;
        tally.e_value += betting;
        tally.any += betting || stopped > 0;
    }
    if (tally.looks_worse > 0) tally.stopped_at /= tally.looks_worse;
    for (double* count :
         {&tally.final_worse, &tally.final_both_ways, &tally.looks_worse, &tally.e_value,
          &tally.any, &tally.raw_worse, &tally.harmless, &tally.inconclusive})
        *count /= runs;
    return tally;
}

std::string json_of(const Tally& tally) {
    char text[400];
    std::snprintf(text, sizeof text,
                  "{\"final\":%.4f,\"five_looks\":%.4f,\"mean_look\":%.2f,\"e_value\":%.4f,"
                  "\"looks_or_e_value\":%.4f,\"final_both_ways\":%.4f,\"without_before\":%.4f,"
                  "\"final_harmless\":%.4f,\"final_inconclusive\":%.4f}",
                  tally.final_worse, tally.looks_worse, tally.stopped_at, tally.e_value, tally.any,
                  tally.final_both_ways, tally.raw_worse, tally.harmless, tally.inconclusive);
    return text;
}

void run(bool quick) {
    constexpr double effect = .3;
    std::string figures;
    for (const Fleet& fleet : fleets) {
        const int runs = quick ? fleet.quick_runs : fleet.runs;
        if (runs == 0) continue;
        const std::string line = "\"" + std::string(fleet.name) +
                                 "\":{\"runs\":" + std::to_string(runs) +
                                 ",\"false_positive\":" + json_of(play(fleet, 0, runs, 1)) +
                                 ",\"power\":" + json_of(play(fleet, effect, runs, 2)) + "}";
        std::printf("{%s}\n", line.c_str());
        std::fflush(stdout);
        figures += (figures.empty() ? "" : ",") + line;
    }
    std::printf("{\"bench\":\"canary\",\"figures\":{%s}}\n", figures.c_str());
}

}  // namespace
}  // namespace mw::statistics

int main(int argc, char** argv) {
    mw::statistics::run(argc > 1 && std::strcmp(argv[1], "--quick") == 0);
    return 0;
}
