// Delays and false alarms over many seeded streams, how well PSI's limits hold, and the bytes of
// sketches, as one JSON line.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>

#include "base/json.h"
#include "base/random.h"
#include "device/observation/observation.h"
#include "insight/drift/drift.h"

namespace mw::drift {
namespace {

using Source = std::function<double()>;

// Gives a source of the stream; `shifted` says whether the change has come.
using Make = std::function<Source(Random&, const bool& shifted)>;

Make bernoulli(double before, double after) {
    return [=](Random& random, const bool& shifted) -> Source {
        return [&random, &shifted, before, after] {
            return random.uniform() < (shifted ? after : before) ? 1.0 : 0.0;
        };
    };
}

Make ar(double r, double shift) {
    return [=](Random& random, const bool& shifted) -> Source {
        auto x = std::make_shared<double>(random.normal());
        return [=, &random, &shifted] {
            *x = r * *x + std::sqrt(1 - r * r) * random.normal();
            return *x + (shifted ? shift : 0);
        };
    };
}

bool fires(Watch& watch, double value) { return watch.update(value).has_value(); }
template <class Detector>
bool fires(Detector& detector, double value) {
    return detector.update(value);
}

struct Delays {
    double median = 0;
    int missed = 0;  // of the runs
    int early = 0;   // alarms before the change
};

constexpr int before_change = 2000;
constexpr int after_change = 20'000;

// From the change to the first alarm after it; a missed one counts as the whole stretch.
template <class Detector>
Delays delays(const Make& make, int runs, std::uint64_t seed) {
    Delays found;
    std::vector<int> all;
    for (int run = 0; run < runs; ++run) {
        SeededRandom random(seed + static_cast<std::uint64_t>(run));
        bool shifted = false;
        const Source next = make(random, shifted);
        Detector detector;
        for (int i = 0; i < before_change; ++i) found.early += fires(detector, next());
        shifted = true;
        int delay = 1;
        while (delay <= after_change && !fires(detector, next())) ++delay;
        found.missed += delay > after_change;
        all.push_back(delay);
    }
    std::nth_element(all.begin(), all.begin() + runs / 2, all.end());
    found.median = all[static_cast<std::size_t>(runs / 2)];
    return found;
}

// Alarms per 10,000 values of a stream that does not change.
template <class Detector>
double false_alarms(const Make& make, int runs, std::uint64_t seed) {
    double alarms = 0;
    for (int run = 0; run < runs; ++run) {
        SeededRandom random(seed + static_cast<std::uint64_t>(run));
        bool shifted = false;
        const Source next = make(random, shifted);
        Detector detector;
        for (int i = 0; i < 10'000; ++i) alarms += fires(detector, next());
    }
    return alarms / runs;
}

template <class Detector>
JsonObject figures_of(int runs) {
    JsonObject figures;
    const auto put = [&](const char* name, const Delays& d) {
        figures[name] = {{"median_delay", d.median}, {"missed", d.missed}, {"early", d.early}};
    };
    put("bernoulli_20_35", delays<Detector>(bernoulli(.2, .35), runs, 1'000));
    put("ar9_shift_1sd", delays<Detector>(ar(.9, 1), runs, 2'000));
    put("ar9_shift_half_sd", delays<Detector>(ar(.9, .5), runs, 3'000));
    put("normal_shift_half_sd", delays<Detector>(ar(0, .5), runs, 4'000));
    figures["false_per_10k_ar9"] = false_alarms<Detector>(ar(.9, 0), runs, 5'000);
    figures["false_per_10k_ar5"] = false_alarms<Detector>(ar(.5, 0), runs, 5'500);
    figures["false_per_10k_ar98"] = false_alarms<Detector>(ar(.98, 0), runs, 5'700);
    figures["false_per_10k_normal"] = false_alarms<Detector>(ar(0, 0), runs, 6'000);
    figures["false_per_10k_bernoulli"] = false_alarms<Detector>(bernoulli(.2, .2), runs, 7'000);
    figures["runs"] = runs;
    return figures;
}

std::shared_ptr<const pipeline::Reference> normal_reference(std::size_t features) {
    SeededRandom random(1);
    auto reference = std::make_shared<pipeline::Reference>();
    std::vector<double> values(20'000);
    for (std::size_t i = 0; i <= features; ++i) {
        for (double& value : values) value = random.normal();
        auto made = pipeline::distribution_of("f" + std::to_string(i), values);
        if (i < features)
            reference->features.push_back(std::move(made));
        else
            reference->score = std::move(made);
    }
    return reference;
}

// Share of windows of 360 values (an hour, one each 10 s) that are said to drift at alpha .01.
double psi_alarms(double r, double shift, int runs) {
    const auto reference = normal_reference(0);
    const BinCounts trained = counts_of(*reference);
    const ShiftOptions options{.01, 0, 0};
    int alarms = 0;
    for (int run = 0; run < runs; ++run) {
        SeededRandom random(9'000 + static_cast<std::uint64_t>(run));
        const bool shifted = true;
        const Source next = ar(r, shift)(random, shifted);
        BinCounter counter(reference);
        for (int i = 0; i < 360; ++i) counter.add({}, next());
        const Column& column = counter.counts().columns[0];
        alarms +=
            judge(trained.columns[0], column, widening_of(column, trained.columns[0]), options)
                .drifts;
    }
    return static_cast<double>(alarms) / runs;
}

JsonObject psi_figures(int runs) {
    JsonObject figures;
    for (const auto& [name, r] : {std::pair{"r0", .0}, {"r5", .5}, {"r9", .9}, {"r98", .98}}) {
        figures[std::string("false_share_") + name] = psi_alarms(r, 0, runs);
        figures[std::string("found_1sd_") + name] = psi_alarms(r, 1, runs);
    }
    figures["alpha"] = .01;
    figures["runs"] = runs;
    return figures;
}

// 20 features, score and latencies, a decision every `every`; with topic.
double bytes_per_hour(nanoseconds every) {
    observation::Observer observer(normal_reference(20), std::string(64, 'a'));
    SeededRandom random(4);
    std::vector<double> row(20);
    std::size_t bytes = 0;
    for (Timestamp time; time <= Timestamp{} + hours{24}; time = time + every) {
        for (double& value : row) value = random.normal();
        observer.observe(row, random.normal(), time, 40 * std::exp(.3 * random.normal()));
        for (const auto& sketch : observer.take_closed())
            bytes += encode(sketch).size() + std::strlen("mw/v1/gateway-0001/sketch/pump-model");
    }
    return static_cast<double>(bytes) / 24;
}

JsonObject sketch_figures() {
    return {{"bytes_per_device_hour_1_per_s", bytes_per_hour(seconds{1})},
            {"bytes_per_device_hour_1_per_10_s", bytes_per_hour(seconds{10})},
            {"bytes_per_device_hour_1_per_min", bytes_per_hour(minutes{1})}};
}

}  // namespace
}  // namespace mw::drift

int main(int count, char** arguments) {
    using namespace mw::drift;
    const bool quick = count > 1 && std::strcmp(arguments[1], "--quick") == 0;
    const int runs = quick ? 60 : 1000;
    mw::JsonObject figures;
    figures["watch"] = figures_of<Watch>(runs);
    if (!quick) {
        figures["adwin"] = figures_of<Adwin>(200);
        figures["page_hinkley"] = figures_of<PageHinkley>(200);
    }
    figures["psi"] = psi_figures(quick ? 200 : 5'000);
    figures["sketch"] = sketch_figures();
    const mw::Json line = mw::JsonObject{{"bench", "drift"}, {"figures", std::move(figures)}};
    std::printf("%s\n", mw::to_json(line).c_str());
    return 0;
}
