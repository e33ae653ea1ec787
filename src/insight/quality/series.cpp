#include "insight/quality/series.h"

#include <algorithm>

namespace mw::quality {
namespace {

// A longer pause tells of a clock that was wrong, not of points that are missing.
constexpr std::int64_t longest_gap_ns = 366LL * 24 * 3600 * 1'000'000'000;
constexpr std::uint64_t longest_plain_step = std::uint64_t{1} << 56;  // two years
constexpr std::int64_t level_lasts = 8;  // expected intervals until a level is stale

constexpr std::array<Quality, fault_count> codes = {
    Quality::bad(Reason::not_a_number),
    Quality::bad(Reason::source_bad),
    Quality::bad(Reason::unit),
    Quality::bad(Reason::type),
    Quality::bad(Reason::range),
    Quality::uncertain(Reason::source_uncertain),
    Quality::uncertain(Reason::counter_reset),
    Quality::uncertain(Reason::spike),
    Quality::uncertain(Reason::rate_of_change),
    Quality::uncertain(Reason::stuck),
    Quality::uncertain(Reason::noise),
    Quality::uncertain(Reason::clock),
    Quality::uncertain(Reason::late),
    Quality::uncertain(Reason::duplicate),
    Quality::uncertain(Reason::undeclared),
};

unsigned source_faults(Quality source) {
    if (source.is_good()) return 0;
    if (!source.is_bad()) return bit(Fault::source_uncertain);
    return source.reason() == Reason::not_a_number ? bit(Fault::not_a_number)
                                                   : bit(Fault::source_bad);
}

bool are_good(std::span<const Quality> codes) {
    std::uint8_t lowest = Quality::good().code;
    for (const Quality quality : codes) lowest = std::min(lowest, quality.code);
    return Quality{lowest}.is_good();
}

}  // namespace

Doubts count_doubts(std::span<const Quality> codes) {
    Doubts doubts;
    if (are_good(codes)) return doubts;
    for (const Quality quality : codes) {
        doubts.uncertain += quality.is_uncertain();
        doubts.bad += quality.is_bad();
    }
    return doubts;
}

Quality code_of(unsigned faults, Quality source) {
    if (faults == 0) [[likely]]
        return source;
    const Quality code = codes[static_cast<std::size_t>(std::countr_zero(faults))];
    const bool stale = source == Quality::bad(Reason::stale);
    return stale && code == Quality::bad(Reason::source_bad) ? source : code;
}

double mark_of(std::string_view text) {
    constexpr std::uint64_t payload = 0x0000'ffff'ffff'ffff;
    return std::bit_cast<double>(text_box_bits | (std::hash<std::string_view>{}(text)&payload));
}

double LatenessSketch::quantile_ms(double q) const {
    std::uint64_t total = 0;
    for (const auto count : buckets_) total += count;
    if (total == 0) return 0;
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(total - 1));
    std::uint64_t below = 0;
    std::size_t index = 0;
    while (below + buckets_[index] <= rank) below += buckets_[index++];
    if (index == 0) return 0;
    const auto octave = static_cast<int>((index - 1) / 2);
    const double from = std::ldexp((index - 1) % 2 == 0 ? 1.0 : 1.5, octave + 16);
    const double width = std::ldexp(0.5, octave + 16);
    return (from + width / 2) * 1e-6;
}

void Series::use(const SignalRules& now, bool is_declared, std::uint64_t epoch) {
    rules = &now;
    declared = is_declared;
    rules_epoch = epoch;
    has_states = !rules->values.empty() || rules->wants_texts() ||
                 rules->type == ValueType::integer || rules->type == ValueType::boolean;
    wants_numbers = rules->wants_numbers();
    max_rate_per_ns = rules->max_rate * 1e-9;
    judges_change = rules->spike > 0 || rules->noise > 0 || rules->counter ||
                    rules->stuck_after.count() > 0 || std::isfinite(rules->max_rate);
}

unsigned Series::common_faults(const Run& run) const {
    unsigned found = declared ? 0 : bit(Fault::undeclared);
    if (!run.unit.empty() && !rules->unit.empty() && run.unit != rules->unit)
        found |= bit(Fault::unit);
    return found;
}

inline void Series::count(unsigned found, Quality source) {
    for (unsigned rest = found; rest != 0; rest &= rest - 1)
        ++faults[static_cast<std::size_t>(std::countr_zero(rest))];
    ++classes[code_of(found, source).code >> 6];
}

unsigned Series::judge(Timestamp time, double value, Quality source, unsigned common,
                       const Moment& moment, Episode& gap) {
    unsigned found = common | source_faults(source);
    if (!std::isfinite(value)) [[unlikely]]
        found |= bit(Fault::not_a_number);
    else if (value < rules->min || value > rules->max)
        found |= bit(Fault::range);
    else if (has_states)
        found |= faults_of_state(value);
    const unsigned timely = judge_timeliness(time, moment);
    found |= timely;
    // A point from the future would make everything after it look out of order.
    if ((timely & bit(Fault::clock)) == 0) {
        const bool advances = !started || time > last;
        found |= judge_order(time, value, gap);
        if (advances && (found & bad_faults) == 0) {
            if (judges_change) found |= judge_change(time, value);
            last_value = value;
            value_time = time;
            has_value = true;
        }
    }
    count(found, source);
    return found;
}

// As a number is judged, but for its change.
unsigned Series::judge_text(Timestamp time, std::string_view text, Quality source, unsigned common,
                            const Moment& moment, Episode& gap) {
    const double mark = mark_of(text);
    const unsigned timely = judge_timeliness(time, moment);
    unsigned found = common | source_faults(source) | faults_of_text(text) | timely;
    if ((timely & bit(Fault::clock)) == 0) {
        const bool advances = !started || time > last;
        found |= judge_order(time, mark, gap);
        if (advances && (found & bad_faults) == 0) {
            last_value = mark;
            value_time = time;
            has_value = true;
        }
    }
    count(found, source);
    return found;
}

bool Series::judge_plain(std::span<const Timestamp> times, std::span<const double> values,
                         std::span<const Quality> source, unsigned common, const Moment& moment) {
    if (common != 0 || judges_change || has_states || !started) return false;
    if (!are_good(source) || !in_range(values) || !in_step(times)) return false;
    if (moment.judge_time && !note_timely(times, moment)) return false;
    classes[3] += values.size();
    last = value_time = times.back();
    last_value = values.back();
    has_value = true;
    return true;
}

// Finite and between the limits.
bool Series::in_range(std::span<const double> values) const {
    constexpr double most = std::numeric_limits<double>::max();
    const double from = std::max(rules->min, -most), to = std::min(rules->max, most);
    std::uint64_t outside = 0;  // as wide as a value, so that the loop becomes one of vectors
    for (const double value : values)
        outside |= static_cast<std::uint64_t>(!(value >= from)) |
                   static_cast<std::uint64_t>(!(value <= to));
    return outside == 0;
}

// One after the other, without a gap.
bool Series::in_step(std::span<const Timestamp> times) const {
    // As many steps as there may be stay below half of the range of times, so none passes its end
    // unseen: a time before the one before it looks like too long a step, or the last one shows it.
    static_assert(plain_rows_max * longest_plain_step < std::uint64_t{1} << 63);
    const auto every = static_cast<std::uint64_t>(rules->every.count());
    const std::uint64_t longest =
        every > 0 ? std::min(every + every / 2, longest_plain_step) : longest_plain_step;
    const auto too_long = [&](Timestamp time, Timestamp before) -> std::uint64_t {
        const std::uint64_t step =
            static_cast<std::uint64_t>(time.ns) - static_cast<std::uint64_t>(before.ns);
        return step - 1 >= longest;
    };
    std::uint64_t wrong = too_long(times.front(), last);
    for (std::size_t i = 1; i < times.size(); ++i) wrong |= too_long(times[i], times[i - 1]);
    return wrong == 0 && times.back() > last;
}

// Counts how late points in order of time are, if none is too late or too early.
bool Series::note_timely(std::span<const Timestamp> times, const Moment& moment) {
    const std::int64_t most = minus(moment.arrival, times.front());
    const std::int64_t least = minus(moment.arrival, times.back());
    const std::int64_t late_after = rules->late_after.count();
    if (least < -moment.ahead_tolerance.count() || (late_after > 0 && most > late_after))
        return false;
    if (LatenessSketch::alike(most, least)) {
        usual_lateness = lateness.add(least, static_cast<std::uint32_t>(times.size()));
        return true;
    }
    for (const Timestamp time : times) usual_lateness = lateness.add(minus(moment.arrival, time));
    return true;
}

// Of a number that is in its range.
unsigned Series::faults_of_state(double value) const {
    const bool fits = rules->type == ValueType::boolean   ? value == 0 || value == 1
                      : rules->type == ValueType::integer ? value == std::trunc(value)
                                                          : !rules->wants_texts();
    if (!fits) return bit(Fault::type);
    const auto& values = rules->values;
    const bool known = values.empty() || std::binary_search(values.begin(), values.end(), value);
    return known ? 0 : bit(Fault::range);
}

unsigned Series::faults_of_text(std::string_view text) const {
    if (wants_numbers) return bit(Fault::type);
    const auto& texts = rules->texts;
    const bool known = texts.empty() || std::binary_search(texts.begin(), texts.end(), text);
    const bool fits = !rules->pattern || rules->pattern->matches(text);
    return known && fits ? 0 : bit(Fault::range);
}

unsigned Series::judge_timeliness(Timestamp time, const Moment& moment) {
    if (!moment.judge_time) return 0;
    const std::int64_t late_by = minus(moment.arrival, time);
    usual_lateness = lateness.add(late_by);
    if (late_by < -moment.ahead_tolerance.count()) return bit(Fault::clock);
    const bool late = rules->late_after.count() > 0 && late_by > rules->late_after.count();
    return late ? bit(Fault::late) : 0;
}

unsigned Series::judge_order(Timestamp time, double value, Episode& gap) {
    if (!started) {
        started = true;
        first = last = time;
        return 0;
    }
    const std::int64_t step = minus(time, last);
    if (step > 0) [[likely]] {
        const std::int64_t every = rules->every.count();
        if (every > 0 && step - every > every / 2) note_gap(time, step, gap);
        last = time;
        return 0;
    }
    if (step == 0) {
        ++duplicates;
        const bool other =
            has_value && value_time == time &&
            std::bit_cast<std::uint64_t>(value) != std::bit_cast<std::uint64_t>(last_value);
        return other ? bit(Fault::duplicate) : 0;
    }
    ++out_of_order;
    if (time < first) first = time;
    if (missing > 0) --missing;  // it fills what looked like a gap
    return 0;
}

void Series::note_gap(Timestamp time, std::int64_t step, Episode& gap) {
    const std::int64_t every = rules->every.count();
    ++gaps;
    gap.from = last;
    gap.to = time;
    gap.points = 1;
    if (step <= longest_gap_ns) {
        const auto steps = static_cast<std::uint64_t>((step + every / 2) / every);
        gap.points = steps > 1 ? steps - 1 : 1;
        missing += gap.points;
    }
}

unsigned Series::judge_change(Timestamp time, double value) {
    unsigned found = 0;
    if (!has_value || is_box(last_value)) {  // nothing to compare a number with
        same_since = trusted_time = time;
        trusted_value = value;
        if (rules->spike > 0) spike.judge(value, rules->spike);
        return 0;
    }
    const std::int64_t step = minus(time, value_time);
    if (rules->counter && value < last_value) {
        const bool wraps = !restarts(value, nanoseconds{step});
        same_since = trusted_time = time;
        trusted_value = value;
        return wraps ? 0 : bit(Fault::counter_reset);
    }
    if (rules->noise > 0 && noise.judge(value - last_value, rules->noise))
        found |= bit(Fault::noise);
    if (rules->spike > 0) {
        const std::int64_t every = rules->every.count();
        if (every > 0 && step / level_lasts > every) spike.forget_level();
        if (spike.judge(value, rules->spike)) found |= bit(Fault::spike);
    }
    // Too fast both from the last trusted point and from the one before: so neither the way back
    // from a spike nor the second point of a new level is blamed.
    const auto too_fast = [&](double from, std::int64_t ns) {
        return std::abs(value - from) > max_rate_per_ns * static_cast<double>(ns);
    };
    if (too_fast(last_value, step) && too_fast(trusted_value, minus(time, trusted_time))) {
        found |= bit(Fault::rate_of_change);
    } else {
        trusted_value = value;
        trusted_time = time;
    }
    if (value != last_value)
        same_since = time;
    else if (rules->stuck_after.count() > 0 &&
             minus(time, same_since) >= rules->stuck_after.count())
        found |= bit(Fault::stuck);
    return found;
}

// A counter that fell: it starts anew, unless it has wrapped around by a step that it may make.
bool Series::restarts(double value, nanoseconds step) const {
    if (rules->wraps_at <= 0) return true;
    const double advance = value + rules->wraps_at - last_value;
    const double most = std::isfinite(rules->max_rate)
                            ? max_rate_per_ns * static_cast<double>(step.count())
                            : rules->wraps_at / 2;
    return advance > most;
}

Counters Series::counters() const {
    const auto of = [&](Fault fault) { return faults[static_cast<std::size_t>(fault)]; };
    return {.points = classes[0] + classes[1] + classes[2] + classes[3],
            .good = classes[3],
            .uncertain = classes[1],
            .bad = classes[0],
            .out_of_range = of(Fault::range),
            .rate_of_change = of(Fault::rate_of_change),
            .stuck = of(Fault::stuck),
            .noise = of(Fault::noise),
            .counter_resets = of(Fault::counter_reset),
            .spike = of(Fault::spike),
            .not_a_number = of(Fault::not_a_number),
            .source_bad = of(Fault::source_bad),
            .source_uncertain = of(Fault::source_uncertain),
            .unit = of(Fault::unit),
            .undeclared = of(Fault::undeclared),
            .late = of(Fault::late),
            .clock = of(Fault::clock),
            .duplicates = duplicates,
            .out_of_order = out_of_order,
            .missing = missing,
            .gaps = gaps};
}

double Series::completeness() const {
    const std::uint64_t points = classes[0] + classes[1] + classes[3];
    const double seen = static_cast<double>(points - std::min(points, duplicates));
    return missing == 0 ? 1 : seen / (seen + static_cast<double>(missing));
}

}  // namespace mw::quality
