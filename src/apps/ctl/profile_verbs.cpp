// profile suggest.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cmath>
#include <iostream>
#include <map>

#include "apps/ctl/command.h"
#include "base/sql_text.h"
#include "insight/quality/quality.h"

namespace mw::ctl {
namespace {

constexpr int points_most = 200'000;

struct ProfileArguments {
    std::string device, name, from, to;
};

struct Past {
    std::vector<Timestamp> times;
    std::vector<double> values;
    std::string unit;
};

// What is stored of each signal of the device, and was not bad.
Result<std::map<std::string, Past>> past_of(Hub& hub, const ProfileArguments& a) {
    std::string sql = "SELECT signal, epoch_ns(time), value, unit FROM points WHERE device = " +
                      sql_text(a.device) + " AND quality >= 64";
    for (const auto& [time, compare] : {std::pair{&a.from, " >= "}, std::pair{&a.to, " < "}}) {
        if (time->empty()) continue;
        TRY(const Timestamp at, parse_iso8601(*time));
        sql +=
            std::string(" AND time") + compare + "make_timestamp_ns(" + std::to_string(at.ns) + ")";
    }
    sql += " ORDER BY signal, time LIMIT " + std::to_string(points_most);
    TRY(const Json answer,
        hub.send(http::Method::post, "/v1/query",
                 JsonObject{{"sql", sql}, {"limits", {{"time", "60s"}, {"rows", points_most}}}}));
    std::map<std::string, Past> signals;
    const Json* rows = find(answer, "rows");
    if (!rows || !rows->is_array()) return signals;
    for (const Json& row : rows->get_array()) {
        const auto& cells = row.get_array();
        if (!cells[1].is_number() || !cells[2].is_number()) continue;
        Past& past = signals[cell(&cells[0])];
        past.times.push_back({cells[1].to_number<std::int64_t>()});
        past.values.push_back(cells[2].to_number<double>());
        if (cells[3].is_string()) past.unit = cells[3].get_string();
    }
    return signals;
}

Result<> suggest_profile(Context& context, const ProfileArguments& a) {
    TRY(Hub* const hub, context.hub());
    TRY(const auto signals, past_of(*hub, a));
    if (signals.empty())
        return Error{Errc::not_found, "no points of device '" + a.device +
                                          "' are stored in that time. Next step: millwright get "
                                          "devices, or other --from and --to"};
    JsonArray specs;
    for (const auto& [signal, past] : signals) {
        auto found = quality::suggest(past.times, past.values);
        found.rules.unit = past.unit;
        specs.push_back(quality::signal_spec(signal, found.rules));
        for (const std::string& word : found.words)
            std::cerr << signal << ": left out " << word << "\n";
    }
    std::cout << to_yaml(JsonObject{{"kind", "DeviceProfile"},
                                    {"name", a.name.empty() ? a.device : a.name},
                                    {"spec", {{"signals", std::move(specs)}}}});
    return {};
}

}  // namespace

void add_profile_verbs(CLI::App& app, Context& context) {
    auto* profile = app.add_subcommand("profile", "what devices of one make have in common");
    profile->require_subcommand(1);
    auto a = std::make_shared<ProfileArguments>();
    auto* sub = profile->add_subcommand(
        "suggest", "limits of each signal, from what a device has sent: a start for its profile");
    sub->add_option("device", a->device, "a Device whose stored points are fine")->required();
    sub->add_option("--name", a->name, "of the DeviceProfile; else the device's");
    sub->add_option("--from", a->from, "since then, such as 2026-11-26T06:00:00Z");
    sub->add_option("--to", a->to, "until then");
    sub->callback([&context, a] { context.run([&] { return suggest_profile(context, *a); }); });
    sub->footer(
        "Prints YAML to read, change and apply; a check that the past itself would have failed is\n"
        "left out, and told on standard error.\nExample:\n"
        "  millwright profile suggest gw-1 --name pump > pump.yaml && millwright apply -f "
        "pump.yaml");
}

}  // namespace mw::ctl
