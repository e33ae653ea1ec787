// monitor list, show, ack.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

constexpr std::size_t steps_shown = 12;

struct MonitorArguments {
    std::string name;
    bool alerting = false;
};

std::string monitor_state(const Json& monitor) {
    return find_string(monitor, "status.state").value_or("waiting");
}

std::string share_at(const Json& value, const char* path) {
    const auto share = find_number(value, path);
    return share ? std::to_string(static_cast<int>(*share * 100 + .5)) + " %" : "-";
}

// "1200 EUR (800 to 1900)", "unpriced", or nothing where no alert stands.
std::string loss_of(const Json& alert) {
    const Json* loss = find(alert, "loss_per_week");
    if (!loss) return "-";
    if (!loss->is_object()) return cell(loss);
    return cell(*loss, "estimate") + " " + cell(*loss, "currency") + " (" + cell(*loss, "low") +
           " to " + cell(*loss, "high") + ")";
}

Result<> list_monitors(Context& context, const MonitorArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const JsonArray all, list_all(*hub, "monitors"));
    JsonArray items;
    for (const Json& monitor : all)
        if (!a.alerting || monitor_state(monitor) == "alerting") items.push_back(monitor);
    if (output != Output::table) return print_json_or_yaml(items, output), Result<>{};
    if (items.empty()) {
        std::cout << (a.alerting ? "no monitor alerts\n"
                                 : "no monitors. Next step: millwright apply -f monitor.yaml\n");
        return {};
    }
    Table table{{"NAME", "STATE", "USE CASE", "MODEL", "DEVICES", "DRIFTING", "LOSS/WEEK", "SAYS"},
                {}};
    for (const Json& monitor : items) {
        const Json* alert = find(monitor, "status.alert");
        table.rows.push_back({cell(monitor, "name"), monitor_state(monitor),
                              cell(monitor, "spec.use_case"), cell(monitor, "spec.model"),
                              cell(monitor, "status.reading.devices"),
                              share_at(monitor, "status.reading.breadth"),
                              alert ? loss_of(*alert) : "-", cell(monitor, "status.says")});
    }
    std::cout << render(table, terminal_width());
    return {};
}

void print_alert(const Json& alert) {
    std::cout << "\nAlert since " << cell(alert, "raised_at") << ": " << cell(alert, "says")
              << '\n';
    const auto line = [](const char* what, const std::string& text) {
        std::cout << "  " << what << text << '\n';
    };
    if (const Json* kpi = find(alert, "kpi"); kpi && kpi->is_object())
        line("KPI at risk  ", cell(*kpi, "name") + ", " + cell(*kpi, "distance") + " " +
                                  cell(*kpi, "unit") + " from its target");
    std::string loss = loss_of(alert);
    if (loss == "unpriced") loss += ": " + cell(alert, "unpriced_because");
    line("Loss a week  ", loss);
    line("Owner        ", cell(alert, "owner"));
    line("Sponsor      ", cell(alert, "sponsor"));
    line("Next step    ", cell(alert, "next_action"));
}

void print_strata(const Json& reading) {
    const Json* strata = find(reading, "strata");
    const Json* contributors = find(reading, "contributors");
    Table table{{"STRATUM", "DEVICES", "DRIFTS", "WORST PSI", "CHANCE", "VALUES", "WORTH"}, {}};
    if (strata && strata->is_array())
        for (const Json& one : strata->get_array())
            table.rows.push_back({cell(one, "stratum"), cell(one, "devices"), cell(one, "drifts"),
                                  cell(one, "worst.psi"), cell(one, "worst.limit"),
                                  cell(one, "worst.n"), cell(one, "worst.n_effective")});
    if (!table.rows.empty()) std::cout << '\n' << render(table, terminal_width());
    Table parts{{"COLUMN", "PSI", "CHANCE", "SHARE", "STRATUM"}, {}};
    if (contributors && contributors->is_array())
        for (const Json& one : contributors->get_array())
            parts.rows.push_back({cell(one, "column"), cell(one, "psi"), cell(one, "limit"),
                                  share_at(one, "share"), cell(one, "stratum")});
    if (!parts.rows.empty()) std::cout << '\n' << render(parts, terminal_width());
}

void print_story(const Json& monitor) {
    const Json* history = find(monitor, "status.history");
    if (!history || !history->is_array() || history->get_array().empty()) return;
    const JsonArray& steps = history->get_array();
    std::cout << "\nHow it came here:\n";
    for (std::size_t i = steps.size() > steps_shown ? steps.size() - steps_shown : 0;
         i < steps.size(); ++i)
        std::cout << "  " << cell(steps[i], "at") << "  " << cell(steps[i], "state") << ": "
                  << cell(steps[i], "says") << '\n';
}

Result<> show_monitor(Context& context, const MonitorArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json monitor, hub->get("/v1/monitors/" + a.name));
    if (output != Output::table) return print_json_or_yaml(monitor, output), Result<>{};
    std::cout << a.name << " is " << monitor_state(monitor) << ": model "
              << cell(monitor, "spec.model") << " version " << cell(monitor, "status.version")
              << " for use case " << cell(monitor, "spec.use_case") << '\n';
    const Json* alert = find(monitor, "status.alert");
    if (alert && alert->is_object()) print_alert(*alert);
    if (const Json* reading = find(monitor, "status.reading")) {
        std::cout << "\nCounts from " << cell(monitor, "status.window.from") << " to "
                  << cell(monitor, "status.window.to") << '\n';
        print_strata(*reading);
        std::cout << "\nLabels: " << cell(monitor, "status.outcomes.labels") << ", wrong "
                  << share_at(monitor, "status.outcomes.error_rate") << '\n';
    } else {
        std::cout << "no counts have come yet; gateways send them every 10 minutes of event time "
                     "(Device spec.config.sketch_every)\n";
    }
    print_story(monitor);
    return {};
}

Result<> acknowledge(Context& context, const MonitorArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Json seen, hub->send(http::Method::post, "/v1/monitors/" + a.name + "/ack", {}));
    std::cout << a.name << " is " << monitor_state(seen)
              << ". Next step: " << cell(seen, "status.alert.next_action") << '\n';
    return {};
}

}  // namespace

void add_monitor_verbs(CLI::App& app, Context& context) {
    auto* monitor = app.add_subcommand("monitor", "drift of models in operation and what it costs");
    monitor->require_subcommand(1);
    monitor->footer(
        "For example:\n  millwright monitor list --alerting\n  millwright monitor show "
        "pump-drift\n  millwright monitor ack pump-drift");

    auto* list = monitor->add_subcommand("list", "every monitor with its state and loss per week");
    auto a = std::make_shared<MonitorArguments>();
    list->add_flag("--alerting", a->alerting, "only those whose alert nobody has seen");
    add_output_option(*list, context, "table, json, yaml");
    list->callback([&context, a] { context.run([&] { return list_monitors(context, *a); }); });

    auto* show = monitor->add_subcommand("show", "what drifts where, the KPI at risk, what to do");
    auto b = std::make_shared<MonitorArguments>();
    show->add_option("name", b->name, "the Monitor")->required();
    add_output_option(*show, context, "table, json, yaml");
    show->callback([&context, b] { context.run([&] { return show_monitor(context, *b); }); });

    auto* ack = monitor->add_subcommand("ack", "say that you have seen its alert");
    auto c = std::make_shared<MonitorArguments>();
    ack->add_option("name", c->name, "the Monitor")->required();
    ack->callback([&context, c] { context.run([&] { return acknowledge(context, *c); }); });
}

}  // namespace mw::ctl
