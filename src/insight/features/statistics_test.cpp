// Every statistic against its definition in long double, by another road than the code's.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>

#include "base/random.h"
#include "insight/features/features.h"

namespace mw::features {
namespace {

using Long = long double;
using Values = std::vector<double>;

constexpr std::int64_t step_ns = 10'000'000;  // 100 Hz

Feature feature_of(Statistic statistic, Detail detail = {}) {
    return {"f", 0, statistic, {}, 0, 1, detail};
}

double computed(const Feature& feature, const Values& a, const Values& b) {
    Plan plan;
    plan.inputs = {"a", "b"};
    plan.window.length = {static_cast<std::uint32_t>(a.size()), {}};
    plan.features = {feature};
    auto extractor = Extractor::open(plan);
    EXPECT_TRUE(extractor.ok()) << (extractor.ok() ? "" : extractor.error().message);
    std::optional<Frame> frame;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double row[] = {a[i], b[i]};
        frame = extractor->push({{static_cast<std::int64_t>(i + 1) * step_ns}, row, {}});
    }
    return frame ? frame->values[0] : -1e300;
}

Long mean(const Values& v) {
    Long sum = 0;
    for (const double x : v) sum += x;
    return sum / static_cast<Long>(v.size());
}

Long central(const Values& v, int power) {
    const Long m = mean(v);
    Long sum = 0;
    for (const double x : v) sum += std::pow(x - m, static_cast<Long>(power));
    return sum / static_cast<Long>(v.size());
}

Long largest(const Values& v) {
    Long most = 0;
    for (const double x : v) most = std::max(most, std::abs(static_cast<Long>(x)));
    return most;
}

Long mean_square(const Values& v) {
    Long sum = 0;
    for (const double x : v) sum += static_cast<Long>(x) * x;
    return sum / static_cast<Long>(v.size());
}

Long quantile(Values v, Long share) {
    std::sort(v.begin(), v.end());
    const Long place = share * static_cast<Long>(v.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const Long next = v[std::min(below + 1, v.size() - 1)];
    return v[below] + (place - static_cast<Long>(below)) * (next - v[below]);
}

Long slope(const Values& v) {
    Long joint = 0, spread = 0;
    const Long middle = static_cast<Long>(v.size() - 1) / 2, m = mean(v);
    for (std::size_t i = 0; i < v.size(); ++i) {
        const Long t = (static_cast<Long>(i) - middle) * step_ns * 1e-9L;
        joint += t * (v[i] - m);
        spread += t * t;
    }
    return joint / spread;
}

Long ewma(const Values& v, Long weight) {
    Long sum = 0, total = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
        const Long w = std::pow(1 - weight, static_cast<Long>(v.size() - 1 - i));
        sum += w * v[i];
        total += w;
    }
    return sum / total;
}

Long correlation(const Values& a, const Values& b, std::size_t lag) {
    const Values left(a.begin() + static_cast<std::ptrdiff_t>(lag), a.end());
    const Values right(b.begin(), b.end() - static_cast<std::ptrdiff_t>(lag));
    const Long ma = mean(left), mb = mean(right);
    Long joint = 0;
    for (std::size_t i = 0; i < left.size(); ++i) joint += (left[i] - ma) * (right[i] - mb);
    return joint / static_cast<Long>(left.size()) / std::sqrt(central(left, 2) * central(right, 2));
}

// The definition, term by term: no fast transform.
std::vector<std::complex<Long>> spectrum(const std::vector<Long>& x, std::size_t size) {
    std::vector<std::complex<Long>> bins(size);
    for (std::size_t k = 0; k < size; ++k)
        for (std::size_t i = 0; i < x.size(); ++i)
            bins[k] += x[i] * std::polar<Long>(1, -2 * std::numbers::pi_v<Long> *
                                                      static_cast<Long>(k * i % size) /
                                                      static_cast<Long>(size));
    return bins;
}

Long band(const std::vector<Long>& values, Long low, Long high) {
    const std::size_t n = values.size(), size = std::bit_ceil(n);
    Long m = 0, power = 0;
    for (const Long v : values) m += v / static_cast<Long>(n);
    std::vector<Long> x;
    for (std::size_t i = 0; i < n; ++i)
        x.push_back((values[i] - m) *
                    (1 - std::cos(2 * std::numbers::pi_v<Long> * (static_cast<Long>(i) + .5L) /
                                  static_cast<Long>(n))) /
                    2);
    const auto bins = spectrum(x, size);
    for (std::size_t k = 0; k < size; ++k) {
        const std::size_t folded = std::min(k, size - k);
        const Long at = static_cast<Long>(folded) * 100 / static_cast<Long>(size);
        if (at >= low && at < high) power += std::norm(bins[k]);
    }
    return std::sqrt(power / (static_cast<Long>(size) * .375L * static_cast<Long>(n)));
}

struct Sample {
    const char* name;
    Values a, b;
};

std::vector<Sample> samples() {
    SeededRandom random(11);
    std::vector<Sample> all{{"noise", {}, {}}, {"far from zero", {}, {}}, {"tone", {}, {}}};
    for (int i = 0; i < 100; ++i) {
        const double n = random.normal(), t = i * 0.01;
        all[0].a.push_back(n);
        all[1].a.push_back(1e5 + n);
        all[2].a.push_back(3 + 2 * std::sin(2 * std::numbers::pi * 12 * t) + 0.1 * n);
        for (auto& sample : all) sample.b.push_back(random.normal() + 0.5 * n + 4);
    }
    return all;
}

TEST(Statistics, agree_with_their_definition_in_long_double) {
    Detail d;
    d.other = 1;
    d.lag = 3;
    d.share = 0.9;
    d.weight = 0.15;
    for (const auto& [name, a, b] : samples()) {
        Values difference, product;
        for (std::size_t i = 0; i < a.size(); ++i) difference.push_back(a[i] - b[i]);
        Long joint = 0;
        for (std::size_t i = 0; i < a.size(); ++i) joint += static_cast<Long>(a[i]) * b[i];
        const Long scale = largest(a), n = static_cast<Long>(a.size());
        const std::tuple<Statistic, Long, Long> cases[] = {
            {Statistic::mean, mean(a), scale},
            {Statistic::deviation, std::sqrt(central(a, 2) * n / (n - 1)), scale},
            {Statistic::rms, std::sqrt(mean_square(a)), scale},
            {Statistic::crest, largest(a) / std::sqrt(mean_square(a)), 1},
            {Statistic::skewness, central(a, 3) / std::pow(central(a, 2), 1.5L), 1},
            {Statistic::kurtosis, central(a, 4) / std::pow(central(a, 2), 2.0L), 1},
            {Statistic::slope, slope(a), scale},
            {Statistic::median, quantile(a, 0.5L), scale},
            {Statistic::quantile, quantile(a, Long{0.9}), scale},
            {Statistic::ewma, ewma(a, Long{0.15}), scale},
            {Statistic::lag, a[96], scale},
            {Statistic::autocorrelation, correlation(a, a, 3), 1},
            {Statistic::correlation, correlation(a, b, 3), 1},
            {Statistic::difference, mean(difference), scale},
            {Statistic::product, joint / n, scale * largest(b)},
            {Statistic::ratio, mean(a) / mean(b), scale}};
        for (const auto& [statistic, wanted, unit] : cases)
            EXPECT_NEAR(
                static_cast<double>((computed(feature_of(statistic, d), a, b) - wanted) / unit), 0,
                1e-9)
                << to_string(statistic) << " of " << name;
    }
}

TEST(Statistics, bands_agree_with_the_definition_and_share_out_the_whole_power) {
    for (const auto& [name, a, b] : samples()) {
        const std::vector<Long> x(a.begin(), a.end());
        double squares = 0;
        for (const auto& [low, high] : {std::pair{0.0, 5.0}, {5.0, 20.0}, {20.0, 60.0}}) {
            Detail d;
            d.low = low;
            d.high = high;
            const double got = computed(feature_of(Statistic::band, d), a, b);
            EXPECT_NEAR(static_cast<double>((got - band(x, low, high)) / largest(a)), 0, 1e-9)
                << name << " from " << low;
            squares += got * got;
        }
        Detail all;
        all.high = 60;
        const double whole = computed(feature_of(Statistic::band, all), a, b);
        EXPECT_NEAR(squares, whole * whole, 1e-9 * whole * whole) << name;
    }
}

TEST(Statistics, a_tone_lies_in_its_band_with_its_rms) {
    Detail in, out;
    in.low = 10, in.high = 14;
    out.low = 30, out.high = 50;
    const auto tone = samples()[2];
    EXPECT_NEAR(computed(feature_of(Statistic::band, in), tone.a, tone.b), std::sqrt(2.0), 0.05);
    EXPECT_LT(computed(feature_of(Statistic::band, out), tone.a, tone.b), 0.1);
}

TEST(Statistics, impacts_have_a_high_spectral_kurtosis_and_tones_a_low_one) {
    SeededRandom random(12);
    Values impacts, tone;
    for (int i = 0; i < 512; ++i) {
        impacts.push_back(0.1 * random.normal() + (i % 200 == 100 ? 20 : 0));
        tone.push_back(std::sin(2 * std::numbers::pi * 20 * i * 0.01));
    }
    Detail d;
    d.low = 5, d.high = 45;
    EXPECT_GT(computed(feature_of(Statistic::spectral_kurtosis, d), impacts, impacts), 2);
    d.low = 18, d.high = 22;
    EXPECT_LT(computed(feature_of(Statistic::spectral_kurtosis, d), tone, tone), -0.9);
}

// A carrier of 30 Hz, louder and quieter at 4 Hz: what a damaged bearing does.
TEST(Statistics, the_envelope_shows_the_modulation_that_the_spectrum_hides) {
    Values signal;
    for (int i = 0; i < 512; ++i) {
        const double t = i * 0.01;
        signal.push_back((1 + 0.5 * std::sin(2 * std::numbers::pi * 4 * t)) *
                         std::sin(2 * std::numbers::pi * 30 * t));
    }
    Detail d;
    d.low = 20, d.high = 40, d.modulation_low = 3, d.modulation_high = 5;
    EXPECT_NEAR(computed(feature_of(Statistic::envelope, d), signal, signal), 0.5 / std::sqrt(2.0),
                0.03);
    d.low = 3, d.high = 5;
    EXPECT_LT(computed(feature_of(Statistic::band, d), signal, signal), 0.01);
}

TEST(Statistics, counters_become_rates_also_over_a_restart) {
    EXPECT_NEAR(computed(feature_of(Statistic::rate), {10, 12, 14, 3, 5}, {0, 0, 0, 0, 0}),
                (2 + 2 + 3 + 2) / 0.04, 1e-9);
}

TEST(Statistics, zero_crossings_count_how_often_the_mean_is_crossed) {
    EXPECT_NEAR(computed(feature_of(Statistic::zero_crossings), {6, 4, 6, 4, 6}, {0, 0, 0, 0, 0}),
                4 / 0.04, 1e-9);
}

TEST(Statistics, constant_signals_give_no_noise) {
    const Values still(50, 0.1 + 0.2);
    for (const Statistic statistic :
         {Statistic::skewness, Statistic::kurtosis, Statistic::autocorrelation, Statistic::slope}) {
        Detail d;
        d.lag = 1;
        EXPECT_NEAR(computed(feature_of(statistic, d), still, still), 0, 1e-15)
            << to_string(statistic);
    }
}

TEST(Statistics, the_hour_of_the_week_starts_on_monday_in_local_time) {
    Plan plan;
    plan.inputs = {"a"};
    plan.window.length = {1, {}};
    plan.features = {feature_of(Statistic::hour_of_week)};
    plan.features[0].detail.utc_offset_minutes = 60;
    auto extractor = Extractor::open(plan);
    const double value = 0;
    const auto at = [&](const char* text) {
        return extractor->push({*parse_iso8601(text), {&value, 1}, {}})->values[0];
    };
    EXPECT_EQ(at("1969-12-28T22:30:00Z"), 167);  // a Sunday
    EXPECT_EQ(at("2026-11-22T23:00:00Z"), 0);
    EXPECT_EQ(at("2026-11-27T12:59:59Z"), 4 * 24 + 13);
}

TEST(Statistics, missing_values_are_passed_over_and_spectra_bridge_them) {
    const double gap = std::numeric_limits<double>::quiet_NaN();
    Values signal, holes;
    for (int i = 0; i < 128; ++i) {
        signal.push_back(std::sin(2 * std::numbers::pi * 3 * i * 0.01));
        holes.push_back(i % 16 == 5 ? gap : signal.back());
    }
    Detail d;
    d.low = 2, d.high = 4, d.lag = 3;
    EXPECT_NEAR(computed(feature_of(Statistic::band, d), holes, holes),
                computed(feature_of(Statistic::band, d), signal, signal), 0.01);
    EXPECT_NEAR(computed(feature_of(Statistic::autocorrelation, d), holes, holes),
                computed(feature_of(Statistic::autocorrelation, d), signal, signal), 0.03);
}

TEST(Statistics, a_detail_that_is_missing_or_wrong_is_refused_by_name) {
    const auto refusal = [](Statistic statistic, Detail detail) {
        Plan plan;
        plan.inputs = {"a"};
        plan.window.length = {10, {}};
        plan.features = {feature_of(statistic, detail)};
        const auto outcome = check(plan);
        return outcome ? std::string("accepted") : outcome.error().message;
    };
    Detail other;
    other.other = 1;
    EXPECT_EQ(refusal(Statistic::product, other), "features[0].with: there is no such input");
    EXPECT_EQ(refusal(Statistic::lag, {}),
              "features[0].lag: must be 1 to 9 rows, less than the window has");
    EXPECT_EQ(refusal(Statistic::band, {}),
              "features[0].band: want two frequencies in Hz, the lower one first");
    Detail share;
    share.share = 2;
    EXPECT_EQ(refusal(Statistic::quantile, share), "features[0].share: must be 0 to 1");
    EXPECT_EQ(refusal(Statistic::correlation, {}), "accepted");
}

}  // namespace
}  // namespace mw::features
