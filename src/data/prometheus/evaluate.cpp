#include <algorithm>
#include <cmath>

#include "data/prometheus/series_rows.h"

namespace mw::prometheus {
namespace {

double number_of(const Json& cell) {
    if (cell.is_double()) return cell.get_double();
    if (cell.is_int64()) return static_cast<double>(cell.get_int64());
    if (cell.is_uint64()) return static_cast<double>(cell.get_uint64());
    return std::nan("");
}
std::int64_t whole_of(const Json& cell) {
    if (cell.is_int64()) return cell.get_int64();
    if (cell.is_uint64()) return static_cast<std::int64_t>(cell.get_uint64());
    return 0;
}
std::string text_in(const Json& cell) {
    return cell.is_string() ? std::string(cell.get_string()) : std::string();
}

using Buckets = std::span<const Bucket>;

// As Prometheus does it: the rise between the first and the last sample, carried on to the
// window's edges where samples come that close to them, and never below zero.
std::optional<double> increase_of(Buckets window, std::int64_t window_ns, std::int64_t end_ns) {
    double count = 0, rise = 0;
    for (std::size_t i = 0; i < window.size(); ++i) {
        count += window[i].count;
        rise += window[i].rise;
        if (i == 0) continue;
        const double before = window[i - 1].last, now = window[i].first;
        rise += now >= before ? now - before : now;
    }
    const Bucket &first = window.front(), &last = window.back();
    const double sampled = static_cast<double>(last.last_ns - first.first_ns);
    if (count < 2 || sampled <= 0) return std::nullopt;
    const double between = sampled / (count - 1), close = between * 1.1;
    double to_start = static_cast<double>(first.first_ns - (end_ns - window_ns));
    double to_end = static_cast<double>(end_ns - last.last_ns);
    if (to_start >= close) to_start = between / 2;
    if (rise > 0 && first.first >= 0) to_start = std::min(to_start, sampled * (first.first / rise));
    if (to_end >= close) to_end = between / 2;
    return rise * (sampled + to_start + to_end) / sampled;
}

std::optional<double> value_of(Function function, Buckets window, std::int64_t window_ns,
                               std::int64_t end_ns) {
    double count = 0, sum = 0, least = window[0].min, most = window[0].max;
    for (const Bucket& bucket : window) {
        count += bucket.count;
        sum += bucket.sum;
        least = std::min(least, bucket.min);
        most = std::max(most, bucket.max);
    }
    switch (function) {
        case Function::instant:
        case Function::last:
            return window.back().last;
        case Function::avg:
            return sum / count;
        case Function::min:
            return least;
        case Function::max:
            return most;
        case Function::sum:
            return sum;
        case Function::count:
            return count;
        case Function::increase:
            return increase_of(window, window_ns, end_ns);
        case Function::rate:
            if (const auto rise = increase_of(window, window_ns, end_ns))
                return *rise / (static_cast<double>(window_ns) * 1e-9);
            return std::nullopt;
    }
    return std::nullopt;
}

Curve curve_of(const Expression& expression, const Steps& steps, Track track) {
    Curve curve{std::move(track.labels), {}};
    const std::int64_t bucket = steps.bucket().count();
    const std::int64_t per_step = steps.step.count() / bucket;
    const std::int64_t per_window = steps.window.count() / bucket;
    std::size_t low = 0, high = 0;
    const auto& all = track.buckets;
    for (std::int64_t k = 0; k < steps.count; ++k) {
        const std::int64_t before = k * per_step, through = before + per_window;
        while (low < all.size() && all[low].at <= before) ++low;
        high = std::max(high, low);
        while (high < all.size() && all[high].at <= through) ++high;
        if (low == high) continue;
        const std::int64_t end = steps.start.ns + k * steps.step.count();
        const auto value = value_of(expression.function, Buckets(all).subspan(low, high - low),
                                    steps.window.count(), end);
        if (value) curve.values.push_back({k, *value});
    }
    const bool keeps_name =
        expression.function == Function::instant || expression.function == Function::last;
    if (!keeps_name) curve.labels.erase("__name__");
    return curve;
}

struct Gathered {
    double count = 0, sum = 0, least = 0, most = 0;
    void add(double value) {
        least = count == 0 ? value : std::min(least, value);
        most = count == 0 ? value : std::max(most, value);
        ++count;
        sum += value;
    }
    double as(Aggregation aggregation) const {
        switch (aggregation) {
            case Aggregation::avg:
                return sum / count;
            case Aggregation::min:
                return least;
            case Aggregation::max:
                return most;
            case Aggregation::count:
                return count;
            default:
                return sum;
        }
    }
};

std::vector<Curve> aggregate(const Expression& expression, const std::vector<Curve>& curves) {
    std::map<Labels, std::map<std::int64_t, Gathered>> groups;
    for (const auto& curve : curves) {
        Labels key;
        for (const auto& label : expression.by)
            if (const auto found = curve.labels.find(label); found != curve.labels.end())
                key.insert(*found);
        auto& group = groups[std::move(key)];
        for (const auto& [step, value] : curve.values) group[step].add(value);
    }
    std::vector<Curve> together;
    for (const auto& [labels, steps] : groups) {
        Curve curve{labels, {}};
        for (const auto& [step, gathered] : steps)
            curve.values.push_back({step, gathered.as(expression.aggregation)});
        together.push_back(std::move(curve));
    }
    return together;
}

}  // namespace

Result<std::vector<Track>> tracks_from(const Json& reply, bool counters) {
    const Json* rows = find(reply, "rows");
    if (!rows || !rows->is_array()) return Error{Errc::corrupt, "the query engine gave no rows"};
    std::vector<Track> tracks;
    std::string device, signal;
    for (const Json& each : rows->get_array()) {
        const auto& row = each.get_array();
        if (tracks.empty() || text_in(row[0]) != device || text_in(row[1]) != signal) {
            device = text_in(row[0]);
            signal = text_in(row[1]);
            tracks.push_back(
                {labels_of(device, signal, text_in(row[2]), text_in(row[3]), text_in(row[4])), {}});
        }
        Bucket bucket;
        bucket.at = whole_of(row[5]);
        bucket.count = number_of(row[6]);
        bucket.sum = number_of(row[7]);
        bucket.min = number_of(row[8]);
        bucket.max = number_of(row[9]);
        bucket.last = number_of(row[10]);
        bucket.last_ns = whole_of(row[11]);
        if (counters) {
            bucket.first = number_of(row[12]);
            bucket.first_ns = whole_of(row[13]);
            bucket.rise = number_of(row[14]);
        }
        tracks.back().buckets.push_back(bucket);
    }
    return tracks;
}

std::vector<Curve> evaluate(const Expression& expression, const Steps& steps,
                            std::vector<Track> tracks) {
    std::vector<Curve> curves;
    for (auto& track : tracks) {
        auto curve = curve_of(expression, steps, std::move(track));
        if (!curve.values.empty()) curves.push_back(std::move(curve));
    }
    if (expression.aggregation == Aggregation::none) return curves;
    return aggregate(expression, curves);
}

}  // namespace mw::prometheus
