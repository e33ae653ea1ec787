// price_plants [--quick]: do the interval of the loss and the verdict on a KPI keep their promises?
// Over many simulated plants whose true loss (or true change) is known. Prints one JSON line per
// kind of plant and at last {"bench":"price","figures":...}.
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

double between(Random& random, double low, double high) {
    return low + (high - low) * random.uniform();
}

int poisson(double mean, Random& random) {  // by counting uniform factors; large means in parts
    int count = 0;
    for (; mean > 30; mean -= 30) count += poisson(30, random);
    for (double product = random.uniform(); product > std::exp(-mean); ++count)
        product *= random.uniform();
    return count;
}

// Gamma with mean 1 and variance 1/shape, by adding exponentials (whole shapes).
double gamma_of_mean_one(int shape, Random& random) {
    double sum = 0;
    for (int i = 0; i < shape; ++i) sum -= std::log(1 - random.uniform());
    return sum / shape;
}

// ---- The price of drift

// Scores are normal around 0 without an event and around `shift` with one; above the threshold is
// an alarm. Drift moves both. Devices differ a little.
struct Model {
    double threshold, shift, background = 0;
    static constexpr double device_deviation = .15;

    double miss_rate() const {
        return normal_cdf((threshold - shift) / std::hypot(1, device_deviation));
    }
    double false_alarm_rate() const {
        return normal_cdf((background - threshold) / std::hypot(1, device_deviation));
    }
};

struct Plant {
    Model at_gate, now;
    Stakes stakes;
    double weeks = 4;
    double audit, unsure, alarms;  // chances to be asked about
    int incident = 1;              // event windows that come together
};

struct Kind {
    const char* name;
    bool drift;
    double audit_low, audit_high;
    int incident;
};
constexpr Kind kinds[] = {{"drift", true, .05, .2, 1},
                          {"no_drift", false, .05, .2, 1},
                          {"drift_incidents_of_three_windows", true, .05, .2, 3},
                          {"no_drift_incidents_of_three_windows", false, .05, .2, 3},
                          {"drift_few_labels", true, .005, .02, 1},
                          {"no_drift_few_labels", false, .005, .02, 1}};

Plant plant_of(const Kind& kind, Random& random) {
    Plant plant;
    const double threshold = normal_quantile(1 - between(random, .002, .02));
    const double miss = between(random, .03, .3);
    plant.at_gate = {threshold, threshold - normal_quantile(miss)};
    plant.now = plant.at_gate;
    if (kind.drift) {
        plant.now.shift -= between(random, .1, 1.2);
        plant.now.background += between(random, 0, .3);
    }
    plant.stakes = {between(random, 10, 60), 5'000, between(random, 500, 5'000),
                    between(random, 20, 200)};
    plant.audit = between(random, kind.audit_low, kind.audit_high);
    plant.unsure = between(random, 0, .3);
    plant.alarms = random.below(2) == 0 ? 0 : between(random, .1, .5);
    plant.incident = kind.incident;
    return plant;
}

double true_loss(const Plant& plant) {
    const Stakes& stakes = plant.stakes;
    return stakes.events_per_week * (plant.now.miss_rate() - plant.at_gate.miss_rate()) *
               stakes.cost_of_miss +
           (stakes.windows_per_week - stakes.events_per_week) *
               (plant.now.false_alarm_rate() - plant.at_gate.false_alarm_rate()) *
               stakes.cost_of_false_alarm;
}

// Windows with their decisions; each is asked about by the chances of the plant.
std::vector<LabelledWindow> label(const Plant& plant, const Model& model, int events, int quiet,
                                  bool all, Random& random) {
    std::vector<LabelledWindow> labelled;
    std::uint64_t incident = 0;
    const auto see = [&](bool event, double common, std::uint64_t cluster) {
        const double score = (event ? model.shift : model.background) + common +
                             Model::device_deviation * random.normal();
        LabelledWindow window{score > model.threshold, event, 1, cluster};
        if (!all) {
            double unasked = 1 - plant.audit;
            if (std::abs(score - model.threshold) < .5) unasked *= 1 - plant.unsure;
            if (window.decision) unasked *= 1 - plant.alarms;
            window.propensity = 1 - unasked;
            if (random.uniform() >= window.propensity) return;
        }
        labelled.push_back(window);
    };
    for (int i = 0; i < events; i += plant.incident) {
        // Windows of one incident share most of what makes its score.
        const double shared = plant.incident > 1 ? std::sqrt(.8) * random.normal() : 0;
        ++incident;
        for (int k = 0; k < plant.incident; ++k) {
            const double own =
                plant.incident > 1 ? std::sqrt(.2) * random.normal() : random.normal();
            see(true, shared + own, plant.incident > 1 ? incident : 0);
        }
    }
    for (int i = 0; i < quiet; ++i) see(false, random.normal(), 0);
    return labelled;
}

struct PriceTally {
    int plants = 0, unpriced = 0, covered = 0, above = 0, below = 0, claimed = 0, low_positive = 0;
    double width = 0, labels = 0;
};

std::string price(const Kind& kind, int plants, std::uint64_t seed) {
    SeededRandom random(seed);
    PriceTally tally;
    for (int i = 0; i < plants; ++i) {
        const Plant plant = plant_of(kind, random);
        const auto golden =
            label(plant, plant.at_gate, 60 + int(random.below(140)), 2'000, true, random);
        const int events =
            poisson(plant.stakes.events_per_week * plant.weeks / plant.incident, random) *
            plant.incident;
        const int windows = int(plant.stakes.windows_per_week * plant.weeks);
        const auto labels = label(plant, plant.now, events, windows - events, false, random);
        PriceOptions options;
        options.seed = static_cast<std::uint64_t>(i) + 1;
        const PriceReading reading =
            price_loss(outcomes_of(labels), outcomes_of(golden), plant.stakes, options);
        ++tally.plants;
        tally.claimed += reading.claimed;
        tally.labels += double(labels.size());
        if (!reading.loss_per_week) {
            ++tally.unpriced;
            continue;
        }
        const MeanInterval& loss = *reading.loss_per_week;
        const double truth = true_loss(plant);
        tally.covered += loss.low <= truth && truth <= loss.high;
        tally.above += truth > loss.high;
        tally.below += truth < loss.low;
        tally.low_positive += loss.low > 0;
        tally.width += loss.high - loss.low;
    }
    const double priced = std::max(1, tally.plants - tally.unpriced);
    char text[400];
    std::snprintf(text, sizeof text,
                  "\"%s\":{\"plants\":%d,\"mean_labels\":%.0f,\"unpriced\":%.4f,"
                  "\"covered\":%.4f,\"truth_above\":%.4f,\"truth_below\":%.4f,"
                  "\"low_above_zero\":%.4f,\"loss_claimed\":%.4f,\"mean_width\":%.0f}",
                  kind.name, tally.plants, tally.labels / tally.plants,
                  double(tally.unpriced) / tally.plants, tally.covered / priced,
                  tally.above / priced, tally.below / priced, tally.low_positive / priced,
                  double(tally.claimed) / tally.plants, tally.width / priced);
    return text;
}

// ---- KPIs

struct Stops {
    const char* name;
    double per_day;
    double ratio;      // now / baseline
    int spread_shape;  // of the day's own rate, a gamma's shape; 0: none
    int days;
};
constexpr Stops stops[] = {{"stops_enough", 2, .7, 0, 90},
                           {"stops_enough_overdispersed", 3, .7, 4, 120},
                           {"stops_few", .3, .7, 0, 90},
                           {"stops_very_few", .1, .7, 0, 60},
                           {"stops_enough_unchanged", 2, 1, 0, 90},
                           {"stops_few_unchanged", .3, 1, 0, 90},
                           {"stops_enough_half_way", 2, .85, 0, 90}};

std::vector<DayCount> days_of_stops(double per_day, const Stops& kind, Random& random) {
    std::vector<DayCount> days;
    for (int i = 0; i < kind.days; ++i) {
        const double hours = between(random, 16, 24);
        const double spread =
            kind.spread_shape > 0 ? gamma_of_mean_one(kind.spread_shape, random) : 1;
        days.push_back({double(poisson(per_day * hours / 20 * spread, random)), hours});
    }
    return days;
}

// Level 100 with a weekly pattern and AR(.5) days, 10 % lower now.
std::vector<double> days_of_level(double level, int days, Random& random) {
    std::vector<double> values;
    double state = random.normal();
    for (int day = 0; day < days; ++day) {
        values.push_back(level + (day % 7 >= 5 ? -20 : 8) + 10 * state);
        state = .5 * state + std::sqrt(.75) * random.normal();
    }
    return values;
}

struct KpiTally {
    int plants = 0, covered = 0, verdicts[3] = {}, better = 0;
    double power = 0, needed = 0;
    void add(const KpiReading& reading, double truth_percent) {
        ++plants;
        covered += reading.percent && reading.percent->low <= truth_percent &&
                   truth_percent <= reading.percent->high;
        ++verdicts[int(reading.verdict)];
        better += reading.better;
        power += reading.power;
        needed += reading.needed;
    }
    std::string json(const char* name) const {
        char text[400];
        std::snprintf(text, sizeof text,
                      "\"%s\":{\"plants\":%d,\"covered\":%.4f,\"reached\":%.4f,"
                      "\"not_reached\":%.4f,\"inconclusive\":%.4f,\"better\":%.4f,"
                      "\"mean_power_said\":%.3f,\"mean_needed\":%.0f}",
                      name, plants, double(covered) / plants, double(verdicts[0]) / plants,
                      double(verdicts[1]) / plants, double(verdicts[2]) / plants,
                      double(better) / plants, power / plants, needed / plants);
        return text;
    }
};

std::string stops_verdict(const Stops& kind, int plants, std::uint64_t seed) {
    SeededRandom random(seed);
    KpiTally tally;
    for (int i = 0; i < plants; ++i) {
        const auto before = days_of_stops(kind.per_day, kind, random);
        const auto after = days_of_stops(kind.per_day * kind.ratio, kind, random);
        tally.add(compare_rates(before, after, {.percent = -30}, {}), 100 * (kind.ratio - 1));
    }
    return tally.json(kind.name);
}

std::string level_verdict(const char* name, int now_days, int plants, std::uint64_t seed) {
    SeededRandom random(seed);
    KpiTally tally;
    for (int i = 0; i < plants; ++i) {
        const auto before = days_of_level(100, 84, random);
        const auto after = days_of_level(90, now_days, random);
        KpiOptions options;
        options.seed = static_cast<std::uint64_t>(i) + 1;
        options.resamples = 999;
        tally.add(compare_means(before, after, {.percent = -5}, options),
                  -100 * 10 / (100 + (5 * 8 - 2 * 20) / 7.0));
    }
    return tally.json(name);
}

void run(bool quick) {
    std::string figures;
    const auto keep = [&](const std::string& line) {
        std::printf("{%s}\n", line.c_str());
        std::fflush(stdout);
        figures += (figures.empty() ? "" : ",") + line;
    };
    // 200 plants are what the promise is about; 2,000 others show how near it is.
    for (const Kind& kind : kinds) keep(price(kind, 200, 1));
    for (const Stops& kind : stops) keep(stops_verdict(kind, 200, 1));
    keep(level_verdict("level_28_days", 28, 200, 1));
    if (!quick) {
        for (const Kind& kind : kinds) {
            const std::string name = std::string(kind.name) + "_2000";
            keep(price({name.c_str(), kind.drift, kind.audit_low, kind.audit_high, kind.incident},
                       2'000, 2));
        }
        for (const Stops& kind : stops) {
            const std::string name = std::string(kind.name) + "_2000";
            keep(stops_verdict(
                {name.c_str(), kind.per_day, kind.ratio, kind.spread_shape, kind.days}, 2'000, 2));
        }
        keep(level_verdict("level_28_days_2000", 28, 2'000, 2));
        keep(level_verdict("level_84_days_2000", 84, 2'000, 3));
    }
    std::printf("{\"bench\":\"price\",\"figures\":{%s}}\n", figures.c_str());
}

}  // namespace
}  // namespace mw::statistics

int main(int argc, char** argv) {
    mw::statistics::run(argc > 1 && std::strcmp(argv[1], "--quick") == 0);
    return 0;
}
