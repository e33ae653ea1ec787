#include "insight/statistics/price.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "insight/statistics/samples.h"
#include "insight/statistics/words.h"

namespace mw::statistics {
namespace {

// Marsaglia and Tsang 2000; shapes below one by the power of a uniform.
double draw_gamma(double shape, Random& random) {
    if (shape <= 0) return 0;
    if (shape < 1) return draw_gamma(shape + 1, random) * std::pow(1 - random.uniform(), 1 / shape);
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = random.normal(), v = 1 + c * x;
        if (v <= 0) continue;
        const double cube = v * v * v, u = 1 - random.uniform();
        if (std::log(u) < x * x / 2 + d - d * cube + d * std::log(cube)) return d * cube;
    }
}

// A sum that the counts are compatible with: of the same mean and variance, or with one more.
double draw(const WeightedCount& count, bool one_more, Random& random) {
    const double sum = count.sum + (one_more ? count.next : 0);
    const double squares = count.squares + (one_more ? count.next * count.next : 0);
    return sum > 0 ? draw_gamma(sum * sum / squares, random) * squares / sum : 0;
}

// part / (part + rest): when one of them gets the event on the border, the other doesn't.
double draw_share(const WeightedCount& part, const WeightedCount& rest, Random& random) {
    const bool to_part = random.below(2) == 0;
    const double a = draw(part, to_part, random), b = draw(rest, !to_part, random);
    return a + b > 0 ? a / (a + b) : 0;
}

double share(const WeightedCount& part, const WeightedCount& rest) {
    const double all = part.sum + rest.sum;
    return all > 0 ? part.sum / all : 0;
}

// How many equally weighted windows would say as much.
double effective(const WeightedCount& a, const WeightedCount& b) {
    const double sum = a.sum + b.sum, squares = a.squares + b.squares;
    return squares > 0 ? sum * sum / squares : 0;
}

MeanInterval percentile_interval(double estimate, const std::vector<double>& draws,
                                 double confidence) {
    const double tail = (1 - confidence) / 2;
    return {quantile(draws, tail), estimate, quantile(draws, 1 - tail)};
}

// How many more labels until `have` effective ones are `wanted`, at the pace so far; before there
// are any, at the pace of a random choice.
double labels_to(double wanted, double have, std::size_t labels, double by_chance) {
    if (have >= wanted) return 0;
    const double pace = (have + 1) / (double(labels) + 1 / by_chance);
    return std::ceil((wanted - have) / pace);
}

struct Missing {
    double events_now = 0, events_at_gate = 0;  // effective ones that there are
    double quiet_now = 0, quiet_at_gate = 0;
    double labels = 0;
    bool gate_lacks = false;
};

Missing missing_of(const Outcomes& now, const Outcomes& at_gate, const Stakes& stakes,
                   const PriceOptions& options) {
    Missing missing;
    const double events =
        std::clamp(stakes.events_per_week / stakes.windows_per_week, 1e-6, 1 - 1e-6);
    const auto look = [&](const Outcomes& outcomes, double& eventful, double& quiet) {
        eventful = effective(outcomes.missed, outcomes.caught);
        quiet = effective(outcomes.false_alarm, outcomes.quiet);
        double labels = 0;
        if (stakes.cost_of_miss > 0 && stakes.events_per_week > 0)
            labels = labels_to(options.events_min, eventful, outcomes.labels, events);
        if (stakes.cost_of_false_alarm > 0)
            labels =
                std::max(labels, labels_to(options.quiet_min, quiet, outcomes.labels, 1 - events));
        missing.labels += labels;
        return labels > 0;
    };
    look(now, missing.events_now, missing.quiet_now);
    missing.gate_lacks = look(at_gate, missing.events_at_gate, missing.quiet_at_gate);
    return missing;
}

std::string rates_text(const PriceReading& reading) {
    return "misses " + percent(reading.miss_rate_now.estimate) + " of events, " +
           percent(reading.miss_rate_at_gate.estimate) + " at the gate; " +
           figure(reading.false_alarms_now.estimate) + " false alarms a week, " +
           figure(reading.false_alarms_at_gate.estimate) + " at the gate";
}

}  // namespace

Outcomes outcomes_of(std::span<const LabelledWindow> windows) {
    struct Sums {
        double of[2][2] = {};  // by event and decision
    };
    Outcomes outcomes;
    outcomes.labels = windows.size();
    WeightedCount* const counts[2][2] = {{&outcomes.quiet, &outcomes.false_alarm},
                                         {&outcomes.missed, &outcomes.caught}};
    const auto add = [&](const Sums& sums) {
        for (int event = 0; event < 2; ++event)
            for (int decision = 0; decision < 2; ++decision) {
                const double sum = sums.of[event][decision];
                counts[event][decision]->sum += sum;
                counts[event][decision]->squares += sum * sum;
            }
    };
    std::map<std::uint64_t, Sums> clusters;
    double weights[2] = {}, squares[2] = {};  // by decision
    for (const LabelledWindow& window : windows) {
        ASSERT(window.propensity > 0 && window.propensity <= 1);
        const double weight = 1 / window.propensity;
        weights[window.decision] += weight;
        squares[window.decision] += weight * weight;
        Sums own;
        Sums& sums = window.cluster == 0 ? own : clusters[window.cluster];
        sums.of[window.event][window.decision] += weight;
        if (window.cluster == 0) add(own);
    }
    for (const auto& [cluster, sums] : clusters) add(sums);
    // One more of a kind is as heavy as those that there are, or, while they are few, as the
    // windows with that decision: a label stands for as many of them as its weight says.
    const double either =
        weights[0] + weights[1] > 0 ? (squares[0] + squares[1]) / (weights[0] + weights[1]) : 1;
    for (int decision = 0; decision < 2; ++decision) {
        const double usual = weights[decision] > 0 ? squares[decision] / weights[decision] : either;
        for (auto& by_event : counts) {
            WeightedCount& count = *by_event[decision];
            count.next = (count.squares + usual * usual) / (count.sum + usual);
        }
    }
    return outcomes;
}

Outcomes outcomes_of_counts(std::size_t missed, std::size_t caught, std::size_t false_alarms,
                            std::size_t quiet) {
    const auto whole = [](std::size_t n) { return WeightedCount{double(n), double(n), 1}; };
    return {whole(missed), whole(caught), whole(false_alarms), whole(quiet),
            missed + caught + false_alarms + quiet};
}

PriceReading price_loss(const Outcomes& now, const Outcomes& at_gate, const Stakes& stakes,
                        const PriceOptions& options) {
    ASSERT(stakes.windows_per_week > 0 && stakes.events_per_week >= 0);
    ASSERT(stakes.cost_of_miss >= 0 && stakes.cost_of_false_alarm >= 0);
    ASSERT(options.confidence > .5 && options.confidence < 1 && options.draws >= 100);
    const double quiet_per_week = std::max(0.0, stakes.windows_per_week - stakes.events_per_week);
    const auto loss = [&](double miss_now, double miss_then, double alarms_now,
                          double alarms_then) {
        return stakes.events_per_week * (miss_now - miss_then) * stakes.cost_of_miss +
               (alarms_now - alarms_then) * stakes.cost_of_false_alarm;
    };
    SeededRandom random(options.seed);
    std::vector<double> losses, misses[2], alarms[2];
    const Outcomes* const both[2] = {&now, &at_gate};
    for (int i = 0; i < options.draws; ++i) {
        for (int k = 0; k < 2; ++k) {
            misses[k].push_back(draw_share(both[k]->missed, both[k]->caught, random));
            alarms[k].push_back(draw_share(both[k]->false_alarm, both[k]->quiet, random) *
                                quiet_per_week);
        }
        losses.push_back(
            loss(misses[0].back(), misses[1].back(), alarms[0].back(), alarms[1].back()));
    }
    const auto miss_rate = [&](int k) {
        return percentile_interval(share(both[k]->missed, both[k]->caught), misses[k],
                                   options.confidence);
    };
    const auto alarm_rate = [&](int k) {
        return percentile_interval(share(both[k]->false_alarm, both[k]->quiet) * quiet_per_week,
                                   alarms[k], options.confidence);
    };
    PriceReading reading;
    reading.miss_rate_now = miss_rate(0);
    reading.miss_rate_at_gate = miss_rate(1);
    reading.false_alarms_now = alarm_rate(0);
    reading.false_alarms_at_gate = alarm_rate(1);
    const Missing missing = missing_of(now, at_gate, stakes, options);
    if (missing.labels > 0) {
        reading.labels_missing = static_cast<std::size_t>(missing.labels);
        reading.gate_lacks = missing.gate_lacks;
        reading.says = "unpriced: about " + std::to_string(reading.labels_missing) +
                       " more labels are needed (labelled events count as " +
                       figure(missing.events_now) + " now and " + figure(missing.events_at_gate) +
                       " at the gate, windows without event as " + figure(missing.quiet_now) +
                       " and " + figure(missing.quiet_at_gate) + ")";
        return reading;
    }
    const MeanInterval priced = percentile_interval(
        loss(reading.miss_rate_now.estimate, reading.miss_rate_at_gate.estimate,
             reading.false_alarms_now.estimate, reading.false_alarms_at_gate.estimate),
        losses, options.confidence);
    reading.loss_per_week = priced;
    reading.claimed = priced.low > 0 && quantile(losses, options.claim_level) > 0;
    const std::string interval = " (" + figure(100 * options.confidence) + " % interval " +
                                 figure(priced.low) + " to " + figure(priced.high) + "): ";
    reading.says = (reading.claimed ? "loses " + figure(priced.estimate) + " a week"
                                    : "no loss shown, " + figure(priced.estimate) + " a week") +
                   interval + rates_text(reading);
    return reading;
}

}  // namespace mw::statistics
