// energy savings: what a measure saved, against a baseline of time of week and temperature.
#include "insight/energy/energy.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "apps/ctl/artifacts.h"
#include "apps/ctl/recordings.h"
#include "base/sql_text.h"

namespace mw::ctl {
namespace {

struct SavingsArguments {
    std::string product = "points", device, load, temperature, before, after;
    double utc_offset_hours = 0;
    double confidence = 0.9;
};

struct Period {
    Timestamp from, to;
};

Result<Period> parse_period(const std::string& text, const char* option) {
    const auto bar = text.find("..");
    if (bar == std::string::npos)
        return Error{Errc::invalid_input, std::string(option) + ": '" + text +
                                              "' is not FROM..TO, two times in ISO 8601"};
    Period period;
    TRY(period.from, parse_iso8601(text.substr(0, bar)));
    TRY(period.to, parse_iso8601(text.substr(bar + 2)));
    return period;
}

// Hourly means; an hour counts where both signals have one.
Result<std::vector<energy::Hour>> hours_of(Hub& hub, const SavingsArguments& a,
                                           const Period& period) {
    const std::string hour = "time_bucket(INTERVAL 1 HOUR, time)";
    const std::string sql =
        "SELECT epoch_ns(" + hour +
        ") AS t, device, signal, avg(value) AS value, 192 AS quality "
        "FROM " +
        sql_name(a.product) +
        " WHERE text IS NULL AND quality >= 64 AND device = " + sql_text(a.device) +
        " AND signal IN (" + sql_text(a.load) + ", " + sql_text(a.temperature) +
        ") AND time >= make_timestamp_ns(" + std::to_string(period.from.ns) +
        ") AND time < make_timestamp_ns(" + std::to_string(period.to.ns) +
        ") GROUP BY ALL ORDER BY device, t";
    TRY(const std::string csv, query_csv(hub, sql));
    TRY(const auto recordings, recordings_from_csv(csv, {a.load, a.temperature}));
    std::vector<energy::Hour> hours;
    const auto shift = static_cast<std::int64_t>(a.utc_offset_hours * 3600) * 1'000'000'000;
    for (const auto& recording : recordings)
        for (std::size_t i = 0; i < recording.rows(); ++i) {
            const double load = recording.values[2 * i], at = recording.values[2 * i + 1];
            if (std::isnan(load) || std::isnan(at)) continue;
            hours.push_back({(recording.times[i].ns + shift) / 3'600'000'000'000, load, at});
        }
    return hours;
}

Result<> savings(Context& context, const SavingsArguments& a) {
    TRY(const Period before, parse_period(a.before, "--before"));
    TRY(const Period after, parse_period(a.after, "--after"));
    TRY(Hub * hub, context.hub());
    TRY(const auto baseline, hours_of(*hub, a, before));
    TRY(const auto reporting, hours_of(*hub, a, after));
    TRY(const energy::Savings s, energy::savings_of(baseline, reporting, {a.confidence}));
    TRY(const Output output, context.output());
    const Json value = {{"saved_share", s.share},
                        {"low", s.low},
                        {"high", s.high},
                        {"confidence", a.confidence},
                        {"measured", s.measured},
                        {"expected", s.expected},
                        {"cv_rmse", s.cv_rmse},
                        {"dependence", s.dependence},
                        {"hours_baseline", baseline.size()},
                        {"hours_reporting", reporting.size()},
                        {"outside_weather", s.outside},
                        {"verdict", s.verdict}};
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(value, output), Result<>{};
    char line[256];
    std::snprintf(line, sizeof line,
                  "saved %.1f %% (%.0f %% interval %.1f to %.1f): measured %.6g, expected %.6g\n"
                  "baseline: %zu hours, errs by %.1f %% of the load on weeks it has not seen\n",
                  100 * s.share, 100 * a.confidence, 100 * s.low, 100 * s.high, s.measured,
                  s.expected, baseline.size(), 100 * s.cv_rmse);
    std::cout << line << "verdict: " << s.verdict << "\n";
    return {};
}

}  // namespace

void add_energy_verbs(CLI::App& app, Context& context) {
    auto* verbs = app.add_subcommand("energy", "what a measure saved");
    verbs->require_subcommand(1);
    auto* sub = verbs->add_subcommand(
        "savings", "measured use against a baseline of time of week and temperature");
    auto a = std::make_shared<SavingsArguments>();
    sub->add_option("--product", a->product, "data product or table to read");
    sub->add_option("--device", a->device, "the meter's device")->required();
    sub->add_option("--load", a->load, "signal of power or of use per hour")->required();
    sub->add_option("--temperature", a->temperature, "signal of the weather")->required();
    sub->add_option("--before", a->before, "baseline period, FROM..TO")->required();
    sub->add_option("--after", a->after, "reporting period, FROM..TO")->required();
    sub->add_option("--utc-offset", a->utc_offset_hours,
                    "hours ahead of UTC, of the plant's clock");
    sub->add_option("--confidence", a->confidence, "of the interval")
        ->check(CLI::Range(0.5, 0.999));
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Example:\n  millwright energy savings --device meter-1 --load power --temperature outside"
        " \\\n    --before 2025-01-01T00:00:00Z..2026-01-01T00:00:00Z "
        "--after 2026-02-01T00:00:00Z..2026-09-01T00:00:00Z");
    sub->callback([&context, a] { context.run([&] { return savings(context, *a); }); });
}

}  // namespace mw::ctl
