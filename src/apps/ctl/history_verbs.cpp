// history stats, compact, verify, delete: the points that the hub stores.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/ctl/history_text.h"

namespace mw::ctl {
namespace {

struct HistoryArguments {
    std::string device, from, to;
    bool yes = false;
};

Result<> print_figures(const Json& figures, Output output) {
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(figures, output), Result<>{};
    std::cout << render(history_tables(figures), terminal_width()) << history_summary(figures);
    return {};
}

Result<> show_stats(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json figures, hub->get("/v1/history/stats"));
    return print_figures(figures, output);
}

Result<> compact(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    Json figures;
    do {
        TRY(figures,
            hub->send(http::Method::post, "/v1/history/compact", JsonObject{}, {{"wait", "60"}}));
    } while (!find_bool(figures, "finished").value_or(true));
    return print_figures(figures, output);
}

Result<> verify(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json report, hub->send(http::Method::post, "/v1/history/verify", JsonObject{}));
    const bool sound = find_bool(report, "sound").value_or(false);
    if (output == Output::json || output == Output::yaml)
        print_json_or_yaml(report, output);
    else
        std::cout << verdict_text(report, terminal_width());
    if (sound) return {};
    return Error{Errc::corrupt, "stored history is damaged; what is not named can be read"};
}

Result<> delete_points(Context& context, const HistoryArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    if (!a.yes)
        return Error{Errc::invalid_input,
                     "this deletes points and decisions of " + a.device +
                         " for good; backups keep theirs. Next step: the same with --yes"};
    JsonObject body{{"device", a.device}};
    if (!a.from.empty()) body["from"] = a.from;
    if (!a.to.empty()) body["to"] = a.to;
    TRY(const Json done, hub->send(http::Method::post, "/v1/history/delete", std::move(body)));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(done, output), Result<>{};
    std::cout << "deleted " << cell(done, "points") << " points and " << cell(done, "decisions")
              << " decisions of " << a.device << "\n";
    return {};
}

}  // namespace

void add_history_verbs(CLI::App& app, Context& context) {
    auto* history = app.add_subcommand(
        "history", "stored points: how many, compact, verify, delete, import, export");
    history->require_subcommand(1);
    auto* stats = history->add_subcommand("stats", "files, rows and bytes, and what is in memory");
    add_output_option(*stats, context, "table, json, yaml");
    stats->footer("For example:\n  millwright history stats");
    stats->callback([&context] { context.run([&] { return show_stats(context); }); });

    auto* compacting =
        history->add_subcommand("compact", "seal what is in memory and merge files of a day, now");
    add_output_option(*compacting, context, "table, json, yaml");
    compacting->footer(
        "The hub does so by itself, a few hours after points came. For example:\n  millwright "
        "history compact");
    compacting->callback([&context] { context.run([&] { return compact(context); }); });

    auto* verifying = history->add_subcommand(
        "verify", "read every file: is each still what was written? exit 1 when not");
    add_output_option(*verifying, context, "table, json, yaml");
    verifying->footer(
        "Queries that name other devices or times go on working while a file is damaged.\nFor "
        "example:\n  millwright history verify");
    verifying->callback([&context] { context.run([&] { return verify(context); }); });

    auto* deleting =
        history->add_subcommand("delete", "delete what a device sent; an audit fact says who did");
    auto a = std::make_shared<HistoryArguments>();
    deleting->add_option("--device", a->device, "its name")->required();
    deleting->add_option("--from", a->from, "only from this event time on, ISO 8601");
    deleting->add_option("--to", a->to, "only up to this event time");
    deleting->add_flag("--yes", a->yes, "really");
    add_output_option(*deleting, context, "table, json, yaml");
    deleting->footer(
        "Points and decisions are gone from memory and files when it ends; a query that runs "
        "reads on. What the device sends afterwards is stored.\nFor example:\n  millwright history "
        "delete --device gw-1 --yes\n  millwright history delete --device gw-1 --from 2026-01-01 "
        "--to 2026-01-31T23:59:59.999999999 --yes");
    deleting->callback([&context, a] { context.run([&] { return delete_points(context, *a); }); });
    add_import_verb(*history, context);
    add_export_verb(*history, context);
}

}  // namespace mw::ctl
