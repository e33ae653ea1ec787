#include "insight/features/plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace mw::features {
namespace {

constexpr std::string_view statistic_names[] = {"last",
                                                "mean",
                                                "min",
                                                "max",
                                                "range",
                                                "deviation",
                                                "rms",
                                                "crest",
                                                "skewness",
                                                "kurtosis",
                                                "slope",
                                                "median",
                                                "quantile",
                                                "zero_crossings",
                                                "band",
                                                "spectral_kurtosis",
                                                "envelope",
                                                "lag",
                                                "ewma",
                                                "rate",
                                                "autocorrelation",
                                                "correlation",
                                                "difference",
                                                "product",
                                                "ratio",
                                                "hour_of_week"};

Error bad(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

std::string indexed(std::string_view list, std::size_t index) {
    return std::string(list) + "[" + std::to_string(index) + "]";
}

Result<void> check_extent(const Extent& extent, std::string_view name) {
    const std::string path(name);
    if (extent.rows > 0 && extent.time.count() != 0)
        return bad(path + ": give rows or a duration, not both");
    if (extent.rows == 0 && extent.time.count() <= 0)
        return bad(path + ": must be at least one row or a positive duration");
    return {};
}

bool sized_by_pause(const Window& window) { return window.kind == WindowKind::session; }

Result<void> check_kind(const Window& window, std::size_t inputs) {
    if (sized_by_pause(window)) {
        if (!window.length.empty())
            return bad("window: a session is as long as it lasts; leave rows and time out");
        if (window.max_gap.count() <= 0)
            return bad("window.max_gap: a session ends with a pause; say how long one is");
        return {};
    }
    TRY_VOID(check_extent(window.length, "window.length"));
    if (window.kind != WindowKind::event) return {};
    if (!window.length.by_rows()) return bad("window: an event window is measured in rows");
    if (window.trigger.input >= inputs) return bad("window.trigger: there is no such input");
    if (!std::isfinite(window.trigger.above))
        return bad("window.trigger.above: must be a finite number");
    if (window.trigger.after + 2 > window.length.rows)
        return bad("window.trigger.after: must leave two rows of the window before it");
    return {};
}

Result<void> check_window(const Window& window, std::size_t inputs) {
    TRY_VOID(check_kind(window, inputs));
    if (window.kind == WindowKind::sliding) {
        TRY_VOID(check_extent(window.every, "window.every"));
        if (window.every.by_rows() != window.length.by_rows())
            return bad("window.every: must be in " +
                       std::string(window.length.by_rows() ? "rows" : "time") +
                       ", as window.length is");
    }
    const std::uint32_t rows = window.length.by_rows() ? window.length.rows : window.max_rows;
    if (rows == 0 || rows > max_window_rows)
        return bad("window: must hold 1 to " + std::to_string(max_window_rows) + " rows, not " +
                   std::to_string(rows));
    if (rows * inputs > max_window_cells)
        return bad("window: " + std::to_string(rows) + " rows of " + std::to_string(inputs) +
                   " inputs are more than " + std::to_string(max_window_cells) + " values");
    if (window.min_rows > rows)
        return bad("window.min_rows: " + std::to_string(window.min_rows) +
                   " is more than the window holds");
    if (window.max_gap.count() < 0) return bad("window.max_gap: must not be negative");
    return {};
}

Result<void> check_band(double low, double high, const std::string& path) {
    if (std::isfinite(low) && std::isfinite(high) && low >= 0 && high > low) return {};
    return bad(path + ": want two frequencies in Hz, the lower one first");
}

Result<void> check_detail(const Feature& feature, const Plan& plan, const std::string& path) {
    const Detail& detail = feature.detail;
    const Statistic statistic = feature.statistic;
    if (needs_other(statistic) && detail.other >= plan.inputs.size())
        return bad(path + ".with: there is no such input");
    if (needs_lag(statistic)) {
        const std::uint32_t least = statistic == Statistic::correlation ? 0 : 1;
        const Extent& length = feature.over.empty() ? plan.window.length : feature.over;
        const std::uint32_t rows = length.by_rows() ? length.rows : plan.window.max_rows;
        if (detail.lag < least || detail.lag >= rows)
            return bad(path + ".lag: must be " + std::to_string(least) + " to " +
                       std::to_string(rows - 1) + " rows, less than the window has");
    }
    if (statistic == Statistic::quantile && !(detail.share >= 0 && detail.share <= 1))
        return bad(path + ".share: must be 0 to 1");
    if (statistic == Statistic::ewma && !(detail.weight > 0 && detail.weight <= 1))
        return bad(path + ".weight: must be above 0 and at most 1");
    if (needs_band(statistic)) TRY_VOID(check_band(detail.low, detail.high, path + ".band"));
    if (statistic == Statistic::envelope)
        TRY_VOID(check_band(detail.modulation_low, detail.modulation_high, path + ".modulation"));
    if (std::abs(detail.utc_offset_minutes) > 24 * 60)
        return bad(path + ".utc_offset: must be within a day");
    return {};
}

Result<void> check_feature(const Feature& feature, const Plan& plan, const std::string& path) {
    if (feature.name.empty()) return bad(path + ".name: is missing");
    if (feature.input >= plan.inputs.size()) return bad(path + ".input: there is no such input");
    if (!std::isfinite(feature.center)) return bad(path + ".center: must be a finite number");
    if (!std::isfinite(feature.scale) || feature.scale == 0)
        return bad(path + ".scale: must be a finite number other than 0");
    TRY_VOID(check_detail(feature, plan, path));
    if (feature.over.empty()) return {};
    TRY_VOID(check_extent(feature.over, path + ".over"));
    if (sized_by_pause(plan.window)) return {};
    const Extent& length = plan.window.length;
    if (feature.over.by_rows() != length.by_rows())
        return bad(path + ".over: must be measured as window.length is");
    if (feature.over.rows > length.rows || feature.over.time > length.time)
        return bad(path + ".over: longer than the window");
    return {};
}

template <class List, class NameOf>
Result<void> check_names(const List& list, std::string_view what, NameOf name_of) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (name_of(list[i]).empty()) return bad(indexed(what, i) + ".name: is missing");
        names.push_back(name_of(list[i]));
    }
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end())
        return bad(std::string(what) + ": '" + std::string(*twice) + "' stands twice");
    return {};
}

}  // namespace

std::string_view to_string(Statistic statistic) {
    return statistic_names[static_cast<std::size_t>(statistic)];
}

Result<Statistic> parse_statistic(std::string_view text) {
    std::string known;
    for (std::size_t i = 0; i < std::size(statistic_names); ++i) {
        if (statistic_names[i] == text) return static_cast<Statistic>(i);
        known += (known.empty() ? "" : ", ") + std::string(statistic_names[i]);
    }
    return bad("'" + std::string(text) + "' is no statistic; known are " + known);
}

bool needs_other(Statistic statistic) {
    return statistic >= Statistic::correlation && statistic <= Statistic::ratio;
}

bool needs_lag(Statistic statistic) {
    return statistic == Statistic::lag || statistic == Statistic::autocorrelation ||
           statistic == Statistic::correlation;
}

bool needs_band(Statistic statistic) {
    return statistic >= Statistic::band && statistic <= Statistic::envelope;
}

Result<void> check(const Plan& plan) {
    if (plan.inputs.empty() || plan.inputs.size() > max_inputs)
        return bad("inputs: give 1 to " + std::to_string(max_inputs));
    if (plan.features.empty() || plan.features.size() > max_features)
        return bad("features: give 1 to " + std::to_string(max_features));
    const auto itself = [](const std::string& name) -> std::string_view { return name; };
    const auto feature_name = [](const Feature& f) -> std::string_view { return f.name; };
    TRY_VOID(check_names(plan.inputs, "inputs", itself));
    TRY_VOID(check_names(plan.features, "features", feature_name));
    TRY_VOID(check_window(plan.window, plan.inputs.size()));
    for (std::size_t i = 0; i < plan.features.size(); ++i)
        TRY_VOID(check_feature(plan.features[i], plan, indexed("features", i)));
    if (plan.on_bad == OnBad::hold && plan.hold_rows == 0)
        return bad("on_bad.hold_rows: must be at least 1 where values are held");
    if (plan.hold_rows > max_window_rows)
        return bad("on_bad.hold_rows: at most " + std::to_string(max_window_rows));
    return {};
}

}  // namespace mw::features
