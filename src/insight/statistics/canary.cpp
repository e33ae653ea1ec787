#include "insight/statistics/canary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "insight/statistics/distributions.h"
#include "insight/statistics/samples.h"
#include "insight/statistics/sequential.h"
#include "insight/statistics/words.h"

namespace mw::statistics {
namespace {

constexpr double arrangements_enumerated = 50'000;
constexpr double draws_max = 2e7;  // canaries times permutations; beyond, a t test is exact enough
constexpr double exceedances_min = 20;  // fewer drawn ones do not resolve a p-value
constexpr double power_wanted = .8;
constexpr double prior_spread = 1;  // of the e-value, in deviations of the change

// The devices of one stratum, canaries first. Values stand around the stratum's mean, so what sums
// over the canaries is what sums over the controls, negative.
struct Stratum {
    std::vector<double> pre, post;
    std::size_t canaries = 0;

    std::size_t size() const { return pre.size(); }
    std::size_t controls() const { return size() - canaries; }
    double units() const {  // a * b / (a + b): what its difference tells
        return double(canaries) * double(controls()) / double(size());
    }
};
using Strata = std::vector<Stratum>;

struct Sums {
    double pre = 0, post = 0;
};

void add(std::map<std::string_view, Stratum>& strata, std::span<const Unit> units, double sign,
         double margin) {
    for (const Unit& unit : units) {
        if (!std::isfinite(unit.pre) || !std::isfinite(unit.post)) continue;
        Stratum& stratum = strata[unit.stratum];
        stratum.pre.push_back(sign * unit.pre);
        stratum.post.push_back(sign * unit.post - margin);
    }
}

Strata strata_of(std::span<const Unit> canary, std::span<const Unit> control, double sign,
                 double margin) {
    std::map<std::string_view, Stratum> by_name;
    add(by_name, canary, sign, margin);
    for (auto& [name, stratum] : by_name) stratum.canaries = stratum.size();
    add(by_name, control, sign, 0);
    Strata strata;
    for (auto& [name, stratum] : by_name) {
        if (stratum.canaries == 0 || stratum.controls() == 0) continue;
        for (auto* values : {&stratum.pre, &stratum.post}) {
            const double centre = mean(*values);
            for (double& value : *values) value -= centre;
        }
        strata.push_back(std::move(stratum));
    }
    return strata;
}

double squares_around_mean(std::span<const double> values) {
    return values.empty() ? 0 : variance(values) * double(values.size() - 1);
}

// Spread of devices around the mean of their own arm and stratum: of all before, and of the
// controls after, which nothing was done to.
double device_deviation(const Strata& strata) {
    double squares = 0, degrees = 0;
    const auto take = [&](std::span<const double> values) {
        squares += squares_around_mean(values);
        degrees += double(values.size()) - 1;
    };
    for (const Stratum& stratum : strata) {
        take(std::span(stratum.pre).first(stratum.canaries));
        take(std::span(stratum.pre).subspan(stratum.canaries));
        take(std::span(stratum.post).subspan(stratum.canaries));
    }
    return degrees > 0 ? std::sqrt(squares / degrees) : 0;
}

// What one arrangement says: the effect above the margin, and how sure.
struct Found {
    double effect = 0;
    double error = 0;
    double units = 0;  // 1/(1/n1 + 1/n2), less what an uneven start takes away

    double t() const {
        if (error > 0) return effect / error;
        return effect == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), effect);
    }
};

// Compares post - theta * pre of canaries and controls within strata, for any choice of canaries.
// Theta is fitted within arms and strata, for each choice anew; with few devices it is 1.
class Comparison {
 public:
    explicit Comparison(const Strata& strata) : strata_(strata) {
        double devices = 0;
        for (const Stratum& stratum : strata) {
            for (std::size_t i = 0; i < stratum.size(); ++i) {
                squares_pre_ += stratum.pre[i] * stratum.pre[i];
                squares_post_ += stratum.post[i] * stratum.post[i];
                together_ += stratum.pre[i] * stratum.post[i];
            }
            units_ += stratum.units();
            devices += double(stratum.size());
            for (std::size_t i = 1; i <= stratum.canaries && arrangements_ < 1e15; ++i)
                arrangements_ *= double(stratum.controls() + i) / double(i);
        }
        arrangements_ = std::round(arrangements_);
        degrees_ = devices - 2 * double(strata.size());
        fitted_ = squares_pre_ > 0 && degrees_ > 6;
        if (fitted_) degrees_ -= 1;
    }

    double degrees() const { return degrees_; }
    double arrangements() const { return arrangements_; }

    // From the sums over each stratum's canaries.
    Found of(std::span<const Sums> sums) const {
        double pre = 0, post = 0;
        double squares_pre = squares_pre_, squares_post = squares_post_, together = together_;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const double units = strata_[i].units();
            pre += sums[i].pre;
            post += sums[i].post;
            squares_pre -= sums[i].pre * sums[i].pre / units;
            squares_post -= sums[i].post * sums[i].post / units;
            together -= sums[i].pre * sums[i].post / units;
        }
        const bool fitted = fitted_ && squares_pre > rounding * squares_pre_;
        const double theta = fitted ? together / squares_pre : 1;
        Found found;
        const double whole = squares_post_ + theta * theta * squares_pre_;
        found.effect = (post - theta * pre) / units_;
        if (found.effect * found.effect * units_ <= rounding * whole) found.effect = 0;
        found.units = 1 / (1 / units_ + (fitted ? pre * pre / (units_ * units_ * squares_pre) : 0));
        const double rest = squares_post - 2 * theta * together + theta * theta * squares_pre;
        if (degrees_ > 0 && rest > rounding * whole)
            found.error = std::sqrt(rest / degrees_ / found.units);
        return found;
    }

    Found as_it_is() const {
        std::vector<Sums> sums(strata_.size());
        for (std::size_t s = 0; s < strata_.size(); ++s)
            for (std::size_t i = 0; i < strata_[s].canaries; ++i) {
                sums[s].pre += strata_[s].pre[i];
                sums[s].post += strata_[s].post[i];
            }
        return of(sums);
    }

 private:
    static constexpr double rounding = 1e-20;  // squares below this share are subtraction's

    const Strata& strata_;
    double squares_pre_ = 0, squares_post_ = 0, together_ = 0, units_ = 0;
    double degrees_ = 0, arrangements_ = 1;
    bool fitted_ = false;
};

// Counts, over all arrangements within strata, those whose t is at least `t`.
class Enumeration {
 public:
    Enumeration(const Strata& strata, const Comparison& comparison, double t)
        : strata_(strata), comparison_(comparison), t_(t), sums_(strata.size()) {
        from(0, 0, strata[0].canaries);
    }
    double share() const { return double(reached_) / double(all_); }

 private:
    void from(std::size_t stratum, std::size_t device, std::size_t wanted) {
        const Stratum& here = strata_[stratum];
        if (wanted > 0) {
            const Sums before = sums_[stratum];
            for (std::size_t i = device; i + wanted <= here.size(); ++i) {
                sums_[stratum] = {before.pre + here.pre[i], before.post + here.post[i]};
                from(stratum, i + 1, wanted - 1);
            }
            sums_[stratum] = before;
        } else if (stratum + 1 < strata_.size()) {
            from(stratum + 1, 0, strata_[stratum + 1].canaries);
        } else {
            ++all_;
            if (comparison_.of(sums_).t() >= t_) ++reached_;
        }
    }

    const Strata& strata_;
    const Comparison& comparison_;
    double t_;
    std::vector<Sums> sums_;
    std::uint64_t all_ = 0, reached_ = 0;
};

// The same by drawing arrangements; the one that happened counts as one of them. Large p-values
// need few draws: it stops at `enough` reached ones (Besag and Clifford 1991).
double drawn_share(const Strata& strata, const Comparison& comparison, double t,
                   const CanaryOptions& options) {
    SeededRandom random(options.seed);
    std::vector<std::vector<std::size_t>> orders;
    for (const Stratum& stratum : strata) {
        orders.emplace_back(stratum.size());
        std::iota(orders.back().begin(), orders.back().end(), std::size_t{0});
    }
    std::vector<Sums> sums(strata.size());
    const int enough = std::max(20, options.permutations / 20);
    int reached = 0;
    for (int draw = 0; draw < options.permutations; ++draw) {
        for (std::size_t s = 0; s < strata.size(); ++s) {
            const Stratum& stratum = strata[s];
            auto& order = orders[s];
            const std::size_t few = std::min(stratum.canaries, stratum.controls());
            const double sign = few == stratum.canaries ? 1 : -1;
            sums[s] = {};
            for (std::size_t i = 0; i < few; ++i) {
                std::swap(order[i], order[i + random.below(order.size() - i)]);
                sums[s].pre += sign * stratum.pre[order[i]];
                sums[s].post += sign * stratum.post[order[i]];
            }
        }
        if (comparison.of(sums).t() >= t && ++reached == enough)
            return double(reached) / double(draw + 1);
    }
    return double(reached + 1) / double(options.permutations + 1);
}

// One-sided: chance of a t as large when who is canary makes no difference.
double p_of(const Strata& strata, const Comparison& comparison, double level, double alpha,
            const CanaryOptions& options) {
    const double t = comparison.as_it_is().t();
    const double by_t = comparison.degrees() > 0 ? student_cdf(-t, comparison.degrees()) : 1;
    double canaries = 0;
    for (const Stratum& stratum : strata)
        canaries += double(std::min(stratum.canaries, stratum.controls()));
    const bool enumerated = comparison.arrangements() <= arrangements_enumerated;
    if (!enumerated && canaries * options.permutations > draws_max) return by_t;
    const double reached = std::isinf(t) ? t : t - 1e-9 * (1 + std::abs(t));  // equals are equal
    const double p = enumerated ? Enumeration(strata, comparison, reached).share()
                                : drawn_share(strata, comparison, reached, options);
    // An early look asks for less than arrangements can show: the t test speaks for the tail.
    const double finest = enumerated ? 1 / comparison.arrangements()
                                     : exceedances_min / double(options.permutations + 1);
    const bool coarse = level < finest && p <= finest && 1 / comparison.arrangements() <= alpha;
    return coarse ? std::min(p, std::max(by_t, std::numeric_limits<double>::min())) : p;
}

// Chance that a t test at `level` sees `rise` (noncentral t by its normal approximation).
double power_of(const Found& found, double degrees, double rise, double level) {
    if (found.error == 0) return 1;
    const double limit = student_quantile(1 - level, degrees);
    const double shift = rise / found.error - limit * (1 - 1 / (4 * degrees));
    return normal_cdf(shift / std::sqrt(1 + limit * limit / (2 * degrees)));
}

std::string sentence(const CanaryReading& reading, double alpha, const std::string& which,
                     const CanaryOptions& options) {
    if (reading.canaries == 0)
        return "inconclusive: no stratum has both canaries and controls that reported before and "
               "after";
    const auto some = [](std::size_t n, const char* what) {
        return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
    };
    std::string text = std::string(to_string(reading.verdict)) + which + ": " +
                       some(reading.canaries, "canary device") + " changed by " +
                       (reading.effect >= 0 ? "+" : "") + figure(reading.effect) + " against " +
                       some(reading.controls, "control") + " (" + figure(reading.effect_sd) +
                       " device sd; " + percent(1 - 2 * alpha) + " interval " +
                       figure(reading.low) + " to " + figure(reading.high);
    if (options.margin > 0) text += "; margin " + figure(options.margin);
    text += "), p " + figure(reading.p_value) + ", limit " + figure(reading.p_limit);
    if (reading.verdict != CanaryVerdict::worse)
        text += "; " + figure(options.min_power_effect) + " device sd would be seen with chance " +
                figure(reading.power);
    if (reading.verdict == CanaryVerdict::inconclusive)
        text += ". Next step: more canaries, or a longer soak";
    return text;
}

double e_of(const Found& found, double degrees) {
    return degrees > 0 ? student_e_value(found.t(), degrees, found.units, prior_spread, false) : 1;
}

// `level` is one-sided.
CanaryReading judge(std::span<const Unit> canary, std::span<const Unit> control, double level,
                    const std::string& which, const CanaryOptions& options) {
    ASSERT(options.alpha > 0 && options.alpha <= .5 && options.margin >= 0);
    ASSERT(options.permutations >= 99);
    const double sides = options.both_ways ? 2 : 1, alpha = options.alpha / sides;
    CanaryReading reading;
    reading.p_limit = std::min(1.0, level * sides);
    const Strata up = strata_of(canary, control, 1, options.margin);
    for (const Stratum& stratum : up) {
        reading.canaries += stratum.canaries;
        reading.controls += stratum.controls();
    }
    if (up.empty()) {
        reading.says = sentence(reading, alpha, which, options);
        return reading;
    }
    const Comparison comparison(up);
    const Found found = comparison.as_it_is();
    const double degrees = comparison.degrees(), deviation = device_deviation(up);
    reading.p_value = p_of(up, comparison, level, alpha, options);
    reading.e_value = e_of(found, degrees);
    if (options.both_ways) {
        const Strata down = strata_of(canary, control, -1, options.margin);
        const Comparison fall(down);
        const double p_fall = p_of(down, fall, level, alpha, options);
        reading.p_value = std::min(1.0, 2 * std::min(reading.p_value, p_fall));
        reading.e_value = (reading.e_value + e_of(fall.as_it_is(), degrees)) / 2;
    }
    const bool can_tell = degrees > 0 && 1 / comparison.arrangements() <= alpha;
    const auto half_width = [&](double tail) {
        return degrees > 0 ? found.error * student_quantile(1 - tail, degrees)
                           : std::numeric_limits<double>::infinity();
    };
    reading.effect = found.effect + options.margin;
    reading.effect_sd = deviation > 0 ? reading.effect / deviation : 0;
    reading.low = reading.effect - half_width(alpha);
    reading.high = reading.effect + half_width(alpha);
    if (can_tell)
        reading.power = power_of(found, degrees, options.min_power_effect * deviation, level);

    const double sure = half_width(level);  // inside the margin for certain, at this look
    const bool inside = reading.effect + sure <= options.margin &&
                        (!options.both_ways || reading.effect - sure >= -options.margin);
    if (reading.p_value <= reading.p_limit)
        reading.verdict = CanaryVerdict::worse;
    else if (can_tell && (inside || reading.power >= power_wanted))
        reading.verdict = CanaryVerdict::harmless;
    reading.says = sentence(reading, alpha, which, options);
    return reading;
}

}  // namespace

CanaryReading judge_look(std::span<const Unit> canary, std::span<const Unit> control, int look,
                         const CanaryOptions& options) {
    ASSERT(look >= 1 && look <= options.looks);
    const auto bounds = obrien_fleming_bounds(options.looks, options.alpha, options.both_ways);
    const double level = normal_cdf(-bounds[static_cast<std::size_t>(look - 1)]);
    return judge(canary, control, level,
                 " at look " + std::to_string(look) + " of " + std::to_string(options.looks),
                 options);
}

CanaryReading judge_final(std::span<const Unit> canary, std::span<const Unit> control,
                          const CanaryOptions& options) {
    return judge(canary, control, options.alpha / (options.both_ways ? 2 : 1), "", options);
}

double sample_ratio_p(std::size_t canary, std::size_t control, double expected_canary_share) {
    ASSERT(expected_canary_share > 0 && expected_canary_share < 1);
    const double k = double(canary), n = k + double(control);
    if (n == 0) return 1;
    // Binomial tails by the beta distribution; twice the smaller.
    const double at_most = control == 0 ? 1 : 1 - beta_cdf(expected_canary_share, k + 1, n - k);
    const double at_least = canary == 0 ? 1 : beta_cdf(expected_canary_share, k, n - k + 1);
    return std::min(1.0, 2 * std::min(at_most, at_least));
}

std::string_view to_string(CanaryVerdict verdict) {
    switch (verdict) {
        case CanaryVerdict::harmless:
            return "harmless";
        case CanaryVerdict::worse:
            return "worse";
        case CanaryVerdict::inconclusive:
            return "inconclusive";
    }
    return "unknown";
}

}  // namespace mw::statistics
