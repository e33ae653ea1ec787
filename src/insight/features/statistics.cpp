// What a feature is made of: the extractor's window, read once and shared by the features of one
// input that follow each other.
#include <algorithm>
#include <cmath>
#include <limits>

#include "insight/features/extractor.h"

namespace mw::features {
namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t hour_ns = 3'600'000'000'000;
constexpr std::int64_t monday_hours = 3 * 24;  // 1970 began on a Thursday

double hour_of_week(Timestamp time, std::int32_t utc_offset_minutes) {
    const std::int64_t local = time.ns + utc_offset_minutes * (hour_ns / 60);
    const std::int64_t hours = local / hour_ns - (local % hour_ns < 0);
    return static_cast<double>(((hours + monday_hours) % 168 + 168) % 168);
}

}  // namespace

double Extractor::compute(const Feature& feature) {
    settle();
    const std::size_t rows = rows_over(feature.over);
    const Statistic statistic = feature.statistic;
    if (statistic == Statistic::hour_of_week)
        return hour_of_week(times_[slot_at(filled_ - 1)], feature.detail.utc_offset_minutes);
    if (statistic == Statistic::lag)
        return feature.detail.lag < rows ? at_rows_ago(feature.input, feature.detail.lag)
                                         : no_value;
    if (needs_other(statistic) || statistic == Statistic::autocorrelation)
        return of_pairs(feature, rows);
    const std::span<const double> usable = gather(feature.input, rows);
    if (usable.size() < min_rows_for(feature.over)) return no_value;
    switch (statistic) {
        case Statistic::last:
            return usable.back();
        case Statistic::mean:
            return moments_ ? moments_->mean : mean_of(usable);
        case Statistic::min:
            return extremes().min;
        case Statistic::max:
            return extremes().max;
        case Statistic::range:
            return extremes().max - extremes().min;
        case Statistic::crest:
            return crest_of(extremes(), moments());
        case Statistic::ewma:
            return ewma_of(usable, feature.detail.weight);
        case Statistic::median:
        case Statistic::quantile:
            return of_order(feature);
        case Statistic::slope:
        case Statistic::zero_crossings:
        case Statistic::rate:
            return of_times(feature, rows);
        case Statistic::band:
        case Statistic::spectral_kurtosis:
        case Statistic::envelope:
            return of_spectrum(feature, rows);
        default:
            return of_moments(statistic);
    }
}

double Extractor::of_moments(Statistic statistic) {
    switch (statistic) {
        case Statistic::deviation:
            return deviation_of(moments(), gathered_count_);
        case Statistic::rms:
            return std::sqrt(moments().mean_square);
        case Statistic::skewness:
            return skewness_of(moments());
        case Statistic::kurtosis:
            return kurtosis_of(moments());
        default:
            return no_value;
    }
}

double Extractor::of_order(const Feature& feature) {
    std::copy_n(scratch_.begin(), gathered_count_, second_scratch_.begin());
    const double share = feature.statistic == Statistic::median ? 0.5 : feature.detail.share;
    return quantile_in({second_scratch_.data(), gathered_count_}, share);
}

double Extractor::of_times(const Feature& feature, std::size_t rows) {
    const std::span<const double> values(scratch_.data(), gathered_count_);
    gather_times(feature.input, rows);
    const std::span<const double> times(second_scratch_.data(), gathered_count_);
    if (feature.statistic == Statistic::slope) return slope_of(times, values);
    const double seconds = times.back() - times.front();
    if (seconds <= 0) return 0;
    if (feature.statistic == Statistic::rate) return counted_in(values) / seconds;
    const double mean = moments_ ? moments_->mean : mean_of(values);
    return static_cast<double>(crossings_of(values, mean)) / seconds;
}

double Extractor::of_spectrum(const Feature& feature, std::size_t rows) {
    const std::span<const double> values = gather_every(feature.input, rows);
    const double seconds = seconds_over(rows);
    if (rows < 4 || seconds <= 0) return no_value;
    const double rate = static_cast<double>(rows - 1) / seconds;
    const Detail& d = feature.detail;
    const Band band{d.low, d.high};
    if (feature.statistic == Statistic::band) return spectrum_.band(values, rate, band);
    if (feature.statistic == Statistic::spectral_kurtosis)
        return spectrum_.kurtosis(values, rate, band);
    return spectrum_.envelope(values, rate, band, {d.modulation_low, d.modulation_high});
}

double Extractor::of_pairs(const Feature& feature, std::size_t rows) {
    const std::size_t count = gather_pairs(feature, rows);
    const std::size_t wanted = needs_lag(feature.statistic) ? 2 : min_rows_for(feature.over);
    if (count < wanted) return no_value;
    const std::span<double> a(scratch_.data(), count), b(second_scratch_.data(), count);
    switch (feature.statistic) {
        case Statistic::difference:
            return mean_of(a) - mean_of(b);
        case Statistic::product:
            for (std::size_t i = 0; i < count; ++i) a[i] *= b[i];
            return mean_of(a);
        case Statistic::ratio: {
            const double below = mean_of(b);
            return below != 0 ? mean_of(a) / below : no_value;
        }
        default:
            return correlation_of(a, b);
    }
}

std::size_t Extractor::slot_at(std::size_t row) const {
    const std::size_t at = first_ + row;
    return at < capacity_ ? at : at - capacity_;
}

double Extractor::at_rows_ago(std::uint32_t input, std::size_t rows) const {
    return values_[input * capacity_ + slot_at(filled_ - 1 - rows)];
}

double Extractor::seconds_over(std::size_t rows) const {
    const Timestamp from = times_[slot_at(filled_ - rows)], to = times_[slot_at(filled_ - 1)];
    return static_cast<double>((to - from).count()) * 1e-9;
}

std::size_t Extractor::rows_over(const Extent& over) const {
    if (over.empty()) return filled_;
    if (over.by_rows()) return std::min<std::size_t>(over.rows, filled_);
    const Timestamp after = times_[slot_at(filled_ - 1)] - over.time;
    std::size_t rows = 0;
    while (rows < filled_ && times_[slot_at(filled_ - 1 - rows)] > after) ++rows;
    return rows;
}

// The usable values among the input's last `rows` ones, oldest first.
std::span<const double> Extractor::gather(std::uint32_t input, std::size_t rows) {
    if (gathered_rows_ != rows || gathered_input_ != input) {
        const double* ring = values_.data() + input * capacity_;
        const std::size_t begin = slot_at(filled_ - rows);
        const std::size_t before_wrap = std::min(rows, capacity_ - begin);
        std::size_t count = 0;
        const auto take = [&](const double* from, std::size_t n) {
            for (std::size_t i = 0; i < n; ++i) {
                scratch_[count] = from[i];
                count += !std::isnan(from[i]);
            }
        };
        take(ring + begin, before_wrap);
        take(ring, rows - before_wrap);
        gathered_rows_ = rows;
        gathered_input_ = input;
        gathered_count_ = count;
        moments_.reset();
        extremes_.reset();
    }
    return {scratch_.data(), gathered_count_};
}

// All rows, what is missing drawn straight between its neighbours; at the ends the nearest value.
std::span<const double> Extractor::gather_every(std::uint32_t input, std::size_t rows) {
    const double* ring = values_.data() + input * capacity_;
    for (std::size_t i = 0; i < rows; ++i) second_scratch_[i] = ring[slot_at(filled_ - rows + i)];
    for (std::size_t i = 0; i < rows; ++i) {
        if (!std::isnan(second_scratch_[i])) continue;
        std::size_t next = i;
        while (next < rows && std::isnan(second_scratch_[next])) ++next;
        if (next == rows && i == 0) break;  // nothing is known
        const double right = next < rows ? second_scratch_[next] : second_scratch_[i - 1];
        const double left = i > 0 ? second_scratch_[i - 1] : right;
        const auto steps = static_cast<double>(next - i + 1);
        for (std::size_t j = i; j < next; ++j)
            second_scratch_[j] = left + (right - left) * static_cast<double>(j - i + 1) / steps;
    }
    return {second_scratch_.data(), rows};
}

// In seconds since the window's first of these rows, of the usable values.
void Extractor::gather_times(std::uint32_t input, std::size_t rows) {
    const double* ring = values_.data() + input * capacity_;
    const Timestamp begin = times_[slot_at(filled_ - rows)];
    std::size_t count = 0;
    for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t at = slot_at(filled_ - rows + i);
        second_scratch_[count] = static_cast<double>((times_[at] - begin).count()) * 1e-9;
        count += !std::isnan(ring[at]);
        if (count == gathered_count_) break;
    }
}

// Rows where both are usable; the other one `lag` rows earlier.
std::size_t Extractor::gather_pairs(const Feature& feature, std::size_t rows) {
    const bool alone = feature.statistic == Statistic::autocorrelation;
    const std::size_t lag = needs_lag(feature.statistic) ? feature.detail.lag : 0;
    const double* ring = values_.data() + feature.input * capacity_;
    const double* other =
        values_.data() + (alone ? feature.input : feature.detail.other) * capacity_;
    gathered_rows_ = 0;  // the scratch is another one's now
    std::size_t count = 0;
    for (std::size_t i = lag; i < rows; ++i) {
        const double a = ring[slot_at(filled_ - rows + i)];
        const double b = other[slot_at(filled_ - rows + i - lag)];
        if (std::isnan(a) || std::isnan(b)) continue;
        scratch_[count] = a;
        second_scratch_[count++] = b;
    }
    return count;
}

const Moments& Extractor::moments() {
    if (!moments_) moments_ = moments_of({scratch_.data(), gathered_count_});
    return *moments_;
}

const Extremes& Extractor::extremes() {
    if (!extremes_) extremes_ = extremes_of({scratch_.data(), gathered_count_});
    return *extremes_;
}

}  // namespace mw::features
