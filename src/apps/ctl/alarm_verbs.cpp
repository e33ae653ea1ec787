// alerts, why.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct AlertArguments {
    bool watch = false, open = false;
    std::string device, id;
};

std::vector<std::string> row_of(const Json& alarm) {
    return {cell(alarm, "id"),        cell(alarm, "severity"),   cell(alarm, "state"),
            cell(alarm, "device"),    cell(alarm, "asset"),      cell(alarm, "model"),
            cell(alarm, "raised_at"), cell(alarm, "cleared_at"), cell(alarm, "peak_score"),
            cell(alarm, "decisions")};
}

Result<> watch_alarms(Hub& hub, Output output) {
    const auto print = [output](const http::ServerEvent& event) {
        const auto alarm = parse_json(event.data);
        if (!alarm) return true;
        if (output == Output::json) {
            std::cout << to_json(*alarm) << std::endl;
            return true;
        }
        std::string line;
        for (const auto& text : row_of(*alarm)) line += text + "  ";
        std::cout << line << std::endl;
        return true;
    };
    return hub.follow("/v1/alarms", {{"watch", "1"}}, print);
}

Result<> alerts(Context& context, const AlertArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    if (a.watch) return watch_alarms(*hub, output);
    std::vector<std::pair<std::string, std::string>> query;
    if (a.open) query.emplace_back("open", "1");
    if (!a.device.empty()) query.emplace_back("device", a.device);
    TRY(const Json answer, hub->get("/v1/alarms", std::move(query)));
    const Json* items = find(answer, "items");
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(items ? *items : answer, output), Result<>{};
    if (!items || !items->is_array() || items->get_array().empty()) {
        std::cout << "no alarms\n";
        return {};
    }
    Table table{{"ID", "SEVERITY", "STATE", "DEVICE", "ASSET", "MODEL", "RAISED", "CLEARED", "PEAK",
                 "DECISIONS"},
                {}};
    for (const Json& alarm : items->get_array()) table.rows.push_back(row_of(alarm));
    std::cout << render(table, terminal_width());
    return {};
}

void print_decisions(const Json& chain) {
    const Json* decisions = find(chain, "decisions");
    if (!decisions || !decisions->is_array() || decisions->get_array().empty()) return;
    Table table{{"WINDOW FROM", "TO", "SCORE", "DECISION", "QUALITY", "FALLBACK"}, {}};
    std::vector<double> scores;
    const auto iso = [](const Json& d, const char* path) {
        const auto ns = find_integer(d, path);
        return ns ? to_iso8601({*ns}) : cell(d, path);
    };
    for (const Json& d : decisions->get_array()) {
        scores.push_back(find_number(d, "score").value_or(0));
        if (table.rows.size() < 10)
            table.rows.push_back({iso(d, "window.from"), iso(d, "window.to"), cell(d, "score"),
                                  cell(d, "decision"), cell(d, "inputs_quality"),
                                  cell(d, "fallback")});
    }
    std::cout << "\nscores of " << scores.size() << " decisions around it:\n"
              << chart(scores, 76, 6) << "\nthe first of them:\n"
              << render(table, terminal_width());
}

Result<> why(Context& context, const AlertArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Json chain, hub->get("/v1/alarms/" + a.id + "/why"));
    TRY(const Output output, context.output());
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(chain, output), Result<>{};
    std::cout << cell(chain, "summary") << '\n';
    print_decisions(chain);
    for (const char* part : {"model_version", "device", "quality", "missing"}) {
        const Json* value = find(chain, part);
        if (!value || value->is_null() || (value->is_array() && value->get_array().empty()))
            continue;
        std::cout << '\n' << part << ":\n" << to_yaml(*value);
    }
    return {};
}

}  // namespace

void add_alarm_verbs(CLI::App& app, Context& context) {
    auto* list = app.add_subcommand("alerts", "alarms: what was raised, held and cleared");
    auto a = std::make_shared<AlertArguments>();
    list->add_flag("--open", a->open, "only those not cleared");
    list->add_flag("-w,--watch", a->watch, "show changes as they happen");
    list->add_option("--device", a->device, "of one device");
    add_output_option(*list, context, "table, json, yaml");
    list->callback([&context, a] { context.run([&] { return alerts(context, *a); }); });

    auto* chain = app.add_subcommand("why", "the chain that led to an alarm");
    auto b = std::make_shared<AlertArguments>();
    chain->add_option("alarm", b->id, "an alarm's id, from millwright alerts")->required();
    add_output_option(*chain, context, "table, json, yaml");
    chain->callback([&context, b] { context.run([&] { return why(context, *b); }); });
}

}  // namespace mw::ctl
