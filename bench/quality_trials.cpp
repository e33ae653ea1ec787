// Faults of known truth in recorded series: how many of them the quality engine finds, and how many
// of its findings are one. Reads series from the standard input, "NAME COUNT" and COUNT lines of
// "SECONDS VALUE" each; prints one JSON line. The rules of each series are those that suggest()
// takes from its first two fifths; faults go into the rest. A check that suggest() leaves out for a
// series is not tried there, and counted.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>

#include "base/json.h"
#include "base/random.h"
#include "insight/quality/quality.h"

namespace mw::quality {
namespace {

constexpr double learned_share = .4;
constexpr std::size_t rounds = 3;          // of each kind in each series, under other seeds
constexpr std::size_t between = 150;       // points from one fault to the next, at least
constexpr std::size_t settled_after = 16;  // points that a verdict may come behind a fault

struct Recorded {
    std::string name;
    std::vector<Timestamp> times;
    std::vector<double> values;
};

struct Sent {
    Timestamp time;
    double value = 0;
    Timestamp arrival;
    std::string unit = "Cel";
    std::size_t index = 0;  // in the recording
};

struct Interval {
    std::size_t from = 0, to = 0;  // indices in the recording
};

struct Trial {
    std::vector<Sent> sent;
    std::vector<Interval> truth;
};

struct Kind {
    const char* name;
    std::vector<std::uint64_t Counters::*> counters;  // any of them says so
    double recall_bar, precision_bar;
    std::function<bool(const SignalRules&)> is_judged;
    std::function<void(const Recorded&, Random&, Trial&)> inject;
};

struct Score {
    std::size_t injected = 0, found = 0, verdicts = 0, right = 0, series = 0, not_judged = 0;
};

double uniform(Random& random, double from, double to) {
    return from + (to - from) * random.uniform();
}

// Places for faults of this many points.
std::vector<std::size_t> places(Random& random, std::size_t count, std::size_t points) {
    std::vector<std::size_t> found;
    for (std::size_t at = 20 + random.below(between); at + points + 20 < count;
         at += points + between + random.below(between))
        found.push_back(at);
    return found;
}

double step_deviation(const Recorded& recorded) {
    double sum = 0;
    for (std::size_t i = 1; i < recorded.values.size(); ++i)
        sum += std::pow(recorded.values[i] - recorded.values[i - 1], 2);
    return std::sqrt(sum / static_cast<double>(recorded.values.size() - 1));
}

using Change = std::function<void(Sent& sent, std::size_t at, std::size_t nth)>;
void each_place(Random& random, Trial& trial, std::size_t points, const Change& change) {
    std::size_t nth = 0;
    for (const std::size_t at : places(random, trial.sent.size(), points)) {
        for (std::size_t i = 0; i < points; ++i) change(trial.sent[at + i], i, nth);
        trial.truth.push_back({at, at + points - 1});
        ++nth;
    }
}

void gaps(const Recorded&, Random& random, Trial& trial) {
    std::vector<Sent> kept;
    std::size_t lost = 0;
    for (const Sent& sent : trial.sent) {
        const bool first_or_last = sent.index == 0 || sent.index + 1 == trial.sent.size();
        if (!first_or_last && random.uniform() < .3) {
            ++lost;
            continue;
        }
        if (lost > 0) trial.truth.push_back({sent.index, sent.index});  // told by who comes next
        lost = 0;
        kept.push_back(sent);
    }
    trial.sent = std::move(kept);
}

void late(const Recorded&, Random& random, Trial& trial) {
    each_place(random, trial, 20, [](Sent& sent, std::size_t, std::size_t) {
        sent.arrival = sent.time + minutes{10};
    });
    std::stable_sort(trial.sent.begin(), trial.sent.end(),
                     [](const Sent& a, const Sent& b) { return a.arrival < b.arrival; });
}

void stuck(const Recorded&, Random& random, Trial& trial) {
    double held = 0;
    each_place(random, trial, 100, [&](Sent& sent, std::size_t at, std::size_t) {
        if (at == 0) held = sent.value;
        sent.value = held;
    });
}

void spikes(const Recorded& recorded, Random& random, Trial& trial) {
    const double size = step_deviation(recorded);
    each_place(random, trial, 1, [&](Sent& sent, std::size_t, std::size_t nth) {
        sent.value += (nth % 2 == 0 ? 1 : -1) * uniform(random, 10, 20) * size;
    });
}

void noise(const Recorded& recorded, Random& random, Trial& trial) {
    const double size = 6 * step_deviation(recorded);
    each_place(random, trial, 60,
               [&](Sent& sent, std::size_t, std::size_t) { sent.value += size * random.normal(); });
}

void unit_swaps(const Recorded&, Random& random, Trial& trial) {
    each_place(random, trial, 20, [](Sent& sent, std::size_t, std::size_t) {
        sent.value = 1.8 * sent.value + 32;
        sent.unit = "[degF]";
    });
}

void clock_drift(const Recorded&, Random& random, Trial& trial) {
    each_place(random, trial, 300, [](Sent& sent, std::size_t at, std::size_t nth) {
        const auto off = static_cast<std::int64_t>(at) * milliseconds{200};
        sent.time = nth % 2 == 0 ? sent.time + off : sent.time - off;
    });
}

void duplicates(const Recorded&, Random& random, Trial& trial) {
    std::vector<Sent> sent;
    const auto chosen = places(random, trial.sent.size(), 1);
    for (const Sent& one : trial.sent) {
        sent.push_back(one);
        if (!std::binary_search(chosen.begin(), chosen.end(), one.index)) continue;
        sent.push_back(one);
        sent.back().value += random.below(2) == 0 ? 0 : 1;
        trial.truth.push_back({one.index, one.index});
    }
    trial.sent = std::move(sent);
}

// The recording becomes a counter: its sum.
void counter_resets(const Recorded& recorded, Random& random, Trial& trial) {
    const double least = *std::min_element(recorded.values.begin(), recorded.values.end());
    const auto chosen = places(random, trial.sent.size(), 1);
    double sum = 0;
    for (Sent& sent : trial.sent) {
        sum += 1 + sent.value - least;
        if (std::binary_search(chosen.begin(), chosen.end(), sent.index)) {
            sum = 0;
            trial.truth.push_back({sent.index, sent.index});
        }
        sent.value = sum;
    }
}

const auto always = [](const SignalRules&) { return true; };
const std::vector<Kind> kinds = {
    {"gap",
     {&Counters::gaps},
     .95,
     .95,
     [](const auto& rules) { return rules.every.count() > 0; },
     gaps},
    {"late", {&Counters::late}, .95, .95, always, late},
    {"stuck",
     {&Counters::stuck},
     .95,
     .95,
     [](const auto& rules) { return rules.stuck_after.count() > 0; },
     stuck},
    {"spike",
     {&Counters::spike, &Counters::out_of_range},
     .80,
     .90,
     [](const auto& rules) { return rules.spike > 0; },
     spikes},
    {"noise",
     {&Counters::noise, &Counters::out_of_range},
     .80,
     .90,
     [](const auto& rules) { return rules.noise > 0; },
     noise},
    {"unit swap", {&Counters::unit}, .95, .95, always, unit_swaps},
    {"clock drift", {&Counters::clock}, .95, .95, always, clock_drift},
    {"duplicate", {&Counters::duplicates}, .95, .95, always, duplicates},
    {"counter reset", {&Counters::counter_resets}, .95, .95, always, counter_resets},
};

Rules rules_of(SignalRules signal, const Kind& kind) {
    signal.unit = "Cel";
    signal.late_after = minutes{5};
    if (kind.counters[0] == &Counters::counter_resets) signal = {.unit = "Cel", .counter = true};
    auto rules = std::make_shared<RuleSet>();
    rules->signals["s"] = std::move(signal);
    return rules;
}

Batch batch_of(const Sent& sent) {
    Batch batch;
    batch.device.text = "d";
    batch.runs.push_back({"s", sent.unit, 0, 1});
    batch.times = {sent.time};
    batch.values = {sent.value};
    batch.quality = {Quality::good()};
    batch.arrival = sent.arrival;
    return batch;
}

Batch past_of(const Recorded& recorded, std::size_t count) {
    Batch batch;
    batch.device.text = "d";
    batch.runs.push_back({"s", "Cel", 0, static_cast<std::uint32_t>(count)});
    batch.times.assign(recorded.times.begin(),
                       recorded.times.begin() + static_cast<std::ptrdiff_t>(count));
    batch.values.assign(recorded.values.begin(),
                        recorded.values.begin() + static_cast<std::ptrdiff_t>(count));
    batch.quality.assign(count, Quality::good());
    return batch;
}

// The recording's indices at which the check held.
std::vector<std::size_t> positives(Engine& engine, const Rules& rules, const Kind& kind,
                                   const Trial& trial) {
    std::vector<std::size_t> found;
    const auto counted = [&] {
        const Scorecard card = engine.scorecard();
        std::uint64_t sum = 0;
        for (const auto counter : kind.counters)
            if (!card.empty()) sum += card[0].counters.*counter;
        return sum;
    };
    std::uint64_t before = counted();
    for (const Sent& sent : trial.sent) {
        Batch batch = batch_of(sent);
        engine.judge(batch, rules);
        const std::uint64_t now = counted();
        if (now > before) found.push_back(sent.index);
        before = now;
    }
    std::sort(found.begin(), found.end());
    return found;
}

void add(Score& score, const Trial& trial, const std::vector<std::size_t>& found, bool each_alone) {
    const auto belongs = [](const Interval& truth, std::size_t index) {
        return index >= truth.from &&
               index <= truth.to + (truth.to > truth.from ? settled_after : 0);
    };
    score.injected += trial.truth.size();
    for (const Interval& truth : trial.truth)
        score.found += std::any_of(found.begin(), found.end(),
                                   [&](std::size_t i) { return belongs(truth, i); })
                           ? 1
                           : 0;
    // Verdicts close to each other are one, where faults last.
    for (std::size_t i = 0; i < found.size();) {
        std::size_t end = i + 1;
        while (!each_alone && end < found.size() && found[end] - found[end - 1] <= settled_after)
            ++end;
        ++score.verdicts;
        score.right +=
            std::any_of(trial.truth.begin(), trial.truth.end(),
                        [&](const Interval& truth) {
                            return std::any_of(found.begin() + static_cast<std::ptrdiff_t>(i),
                                               found.begin() + static_cast<std::ptrdiff_t>(end),
                                               [&](std::size_t at) { return belongs(truth, at); });
                        })
                ? 1
                : 0;
        i = end;
    }
}

void try_series(const Recorded& recorded, std::uint64_t seed,
                std::map<std::string, Score>& scores) {
    const auto past =
        static_cast<std::size_t>(learned_share * static_cast<double>(recorded.values.size()));
    const Recorded rest{
        recorded.name,
        {recorded.times.begin() + static_cast<std::ptrdiff_t>(past), recorded.times.end()},
        {recorded.values.begin() + static_cast<std::ptrdiff_t>(past), recorded.values.end()}};
    const Suggestion suggested =
        suggest(std::span(recorded.times).first(past), std::span(recorded.values).first(past));
    for (const Kind& kind : kinds) {
        Score& score = scores[kind.name];
        if (!kind.is_judged(suggested.rules)) {
            ++score.not_judged;
            continue;
        }
        ++score.series;
        const Rules rules = rules_of(suggested.rules, kind);
        for (std::size_t round = 0; round < rounds; ++round) {
            SeededRandom random(seed * 100 + round);
            Trial trial;
            for (std::size_t i = 0; i < rest.values.size(); ++i)
                trial.sent.push_back({rest.times[i], rest.values[i],
                                      rest.times[i] + milliseconds{random.below(2'000)}, "Cel", i});
            kind.inject(rest, random, trial);
            Engine engine;
            if (kind.counters[0] != &Counters::counter_resets)
                engine.restore(past_of(recorded, past), rules);
            add(score, trial, positives(engine, rules, kind, trial),
                kind.counters[0] == &Counters::gaps || kind.counters[0] == &Counters::duplicates);
        }
    }
}

double share(std::size_t part, std::size_t all) {
    return all == 0 ? 1
                    : std::round(1e4 * static_cast<double>(part) / static_cast<double>(all)) / 1e4;
}

JsonObject figures_of(const std::map<std::string, Score>& scores) {
    JsonObject figures;
    std::fprintf(stderr, "%-14s %9s %8s %10s %8s %11s\n", "fault", "injected", "recall",
                 "precision", "series", "not judged");
    for (const Kind& kind : kinds) {
        const Score& score = scores.at(kind.name);
        const double recall = share(score.found, score.injected),
                     precision = share(score.right, score.verdicts);
        const bool met =
            recall >= kind.recall_bar && precision >= kind.precision_bar && score.injected >= 200;
        std::fprintf(stderr, "%-14s %9zu %8.3f %10.3f %8zu %11zu%s\n", kind.name, score.injected,
                     recall, precision, score.series, score.not_judged, met ? "" : "   NOT MET");
        figures[kind.name] = JsonObject{{"injected", score.injected},
                                        {"recall", recall},
                                        {"precision", precision},
                                        {"series", score.series},
                                        {"series_not_judged", score.not_judged},
                                        {"met", met}};
    }
    return figures;
}

}  // namespace

int run() {
    std::map<std::string, Score> scores;
    Recorded recorded;
    std::size_t count = 0, series = 0;
    while (std::cin >> recorded.name >> count) {
        recorded.times.clear();
        recorded.values.clear();
        for (std::size_t i = 0; i < count; ++i) {
            double at = 0, value = 0;
            if (!(std::cin >> at >> value)) return 1;
            recorded.times.push_back(
                {static_cast<std::int64_t>(std::llround(at * 1e3)) * 1'000'000});
            recorded.values.push_back(value);
        }
        try_series(recorded, ++series, scores);
    }
    if (series == 0) return 1;
    std::printf(
        "%s\n",
        to_json(JsonObject{{"bench", "quality_faults"}, {"figures", figures_of(scores)}}).c_str());
    return 0;
}

}  // namespace mw::quality

int main() { return mw::quality::run(); }
