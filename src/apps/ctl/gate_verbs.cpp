// gate run, gate report.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct GateArguments {
    std::string gate, version, report;
    bool wait = false;
};

std::string short_cell(const Json& row, std::string_view key) {
    const Json* value = find(row, key);
    if (!value || value->is_null()) return "-";
    return value->is_double() ? to_json(*value) : cell(value);
}

void print_report(const Json& report) {
    Table table{{"ROW", "MEASURED", "LIMIT", "VERDICT", "DETAIL"}, {}};
    const Json* rows = find(report, "spec.rows");
    if (rows && rows->is_array())
        for (const Json& row : rows->get_array())
            table.rows.push_back({cell(row, "row"), short_cell(row, "measured"), cell(row, "limit"),
                                  find_bool(row, "passed").value_or(false) ? "passed" : "REFUSED",
                                  cell(row, "detail")});
    std::cout << render(table, terminal_width()) << cell(report, "spec.version") << " "
              << cell(report, "spec.verdict") << " by gate " << cell(report, "spec.gate")
              << ", dataset " << cell(report, "spec.dataset") << ", report " << cell(report, "name")
              << '\n';
}

Result<> show(Context& context, const Json& report) {
    TRY(const Output output, context.output());
    if (output == Output::json || output == Output::yaml)
        print_json_or_yaml(report, output);
    else
        print_report(report);
    return {};
}

// Until the version is not being measured any more.
Result<Json> settled(Hub& hub, const std::string& version) {
    const std::string path = "/v1/model-versions/";
    TRY(Json now, hub.get(path + version));
    while (find_string(now, "status.state") == "validating") {
        TRY_VOID(wait_for_change(hub, "model-versions", version, now));
        TRY(now, hub.get(path + version));
    }
    return now;
}

Result<> run(Context& context, const GateArguments& a) {
    const auto colon = a.version.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == a.version.size())
        return Error{Errc::invalid_input, "'" + a.version + "' is not MODEL:VERSION"};
    const std::string version = a.version.substr(0, colon) + "--" + a.version.substr(colon + 1);
    TRY(Hub * hub, context.hub());
    TRY(const Json started, hub->send(http::Method::post, "/v1/gate-specs/" + a.gate + "/run",
                                      JsonObject{{"version", version}}));
    const std::string report = cell(started, "report");
    if (!a.wait) {
        std::cout << "gate-reports/" << report << " will come. Next step: millwright gate report "
                  << report << '\n';
        return {};
    }
    TRY(const Json after, settled(*hub, version));
    const auto found = hub->get("/v1/gate-reports/" + report);
    if (!found)
        return Error{Errc::io_failed, "there is no report: " + cell(after, "status.reason")};
    TRY_VOID(show(context, *found));
    if (find_string(*found, "spec.verdict") == "passed") return {};
    // Any error that is not one of the caller's: exit code 1 says refused.
    return Error{Errc::io_failed, "refused: " + cell(after, "status.reason")};
}

Result<> report(Context& context, const GateArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Json found, hub->get("/v1/gate-reports/" + a.report));
    return show(context, found);
}

}  // namespace

void add_gate_verbs(CLI::App& app, Context& context) {
    auto* gate = app.add_subcommand("gate", "measure a version against its gate");
    gate->require_subcommand(1);
    auto a = std::make_shared<GateArguments>();
    auto* run_verb = gate->add_subcommand(
        "run", "accuracy on the golden dataset, latency and memory on each device class, the card");
    run_verb->add_option("gate", a->gate, "a GateSpec")->required();
    run_verb->add_option("version", a->version, "MODEL:VERSION")->required();
    run_verb->add_flag("--wait", a->wait,
                       "wait for the verdict and print it; exit code 0 passed, 1 refused");
    add_output_option(*run_verb, context, "table, json, yaml");
    run_verb->footer("Example:\n  millwright gate run pump-gate pump:2 --wait");
    run_verb->callback([&context, a] { context.run([&] { return run(context, *a); }); });
    auto* report_verb = gate->add_subcommand("report", "what a gate measured, row by row");
    report_verb->add_option("name", a->report, "a GateReport; millwright get gate-reports")
        ->required();
    add_output_option(*report_verb, context, "table, json, yaml");
    report_verb->callback([&context, a] { context.run([&] { return report(context, *a); }); });
}

}  // namespace mw::ctl
