// lineage; quarantine list, release, hold, confirm, log.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/ctl/lineage_tree.h"

#include "base/sql_text.h"

namespace mw::ctl {
namespace {

constexpr std::size_t tree_width = 100;

struct LineageArguments {
    std::string what;
    bool up = false, down = false;
    std::size_t limit = 200;
};

Result<> show_lineage(Context& context, const LineageArguments& a) {
    const auto slash = a.what.find('/');
    if (slash == std::string::npos || slash + 1 == a.what.size() ||
        a.what.find('/', slash + 1) != std::string::npos)
        return Error{Errc::invalid_input, "'" + a.what +
                                              "': want KIND/NAME, such as dataset/valves or "
                                              "series/gw-1:flow"};
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    const std::string path = "/v1/lineage/" + a.what;
    JsonObject both;
    for (const auto& [direction, wanted] :
         {std::pair{"up", a.up || !a.down}, std::pair{"down", a.down || !a.up}}) {
        if (!wanted) continue;
        TRY(Json tree,
            hub->get(path, {{"direction", direction}, {"limit", std::to_string(a.limit)}}));
        if (output == Output::json || output == Output::yaml) {
            both[direction] = std::move(tree);
            continue;
        }
        const bool titled = a.up == a.down;
        if (titled)
            std::cout << (std::string_view(direction) == "up" ? "made from\n" : "used by\n");
        const std::size_t width = terminal_width();
        std::cout << lineage_tree(tree, width == 0 ? tree_width : std::min(width, tree_width));
    }
    if (!both.empty()) print_json_or_yaml(both, output);
    return {};
}

struct QuarantineArguments {
    std::string device, signal, from, to, why, state;
    std::size_t limit = 500;
};

Result<std::string> instant_of(const std::string& text, const char* option) {
    TRY(const Timestamp time, parse_iso8601(text).context(option));
    return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
}

Result<std::string> quarantine_list_sql(const QuarantineArguments& a) {
    std::string sql =
        "SELECT device, signal, reason, state, count(*) AS points, min(time) AS first, max(time) "
        "AS "
        "last, any_value(decided_by) AS decided_by, any_value(why) AS why FROM quarantine WHERE "
        "TRUE";
    if (!a.device.empty()) sql += " AND device = " + sql_text(a.device);
    if (!a.signal.empty()) sql += " AND signal = " + sql_text(a.signal);
    if (!a.state.empty()) sql += " AND state = " + sql_text(a.state);
    for (const auto& [bound, text, option] :
         {std::tuple{" >= ", a.from, "--from"}, std::tuple{" < ", a.to, "--to"}}) {
        if (text.empty()) continue;
        TRY(const std::string instant, instant_of(text, option));
        sql += std::string(" AND time") + bound + instant;
    }
    return sql + " GROUP BY device, signal, reason, state ORDER BY device, signal, reason, state";
}

Result<> list_quarantine(Context& context, const QuarantineArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const std::string sql, quarantine_list_sql(a));
    TRY(const Json answer, hub->send(http::Method::post, "/v1/query", JsonObject{{"sql", sql}}));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(answer, output), Result<>{};
    Table table{{"DEVICE", "SIGNAL", "REASON", "STATE", "POINTS", "FIRST", "LAST", "BY", "WHY"},
                {}};
    for (const Json& row : find(answer, "rows")->get_array()) {
        table.rows.emplace_back();
        for (const Json& one : row.get_array()) table.rows.back().push_back(cell(&one));
    }
    if (table.rows.empty()) return std::cout << "nothing is in quarantine\n", Result<>{};
    std::cout << render(table, terminal_width());
    return {};
}

Result<> list_decisions(Context& context, const QuarantineArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json answer,
        hub->get("/v1/quarantine", {{"device", a.device}, {"limit", std::to_string(a.limit)}}));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(answer, output), Result<>{};
    Table table{{"RECORD", "VERB", "DEVICE", "SIGNAL", "FROM", "TO", "BY", "AT", "WHY"}, {}};
    for (const Json& one : find(answer, "items")->get_array())
        table.rows.push_back({cell(one, "number"), cell(one, "verb"), cell(one, "device"),
                              cell(one, "signal"), cell(one, "from"), cell(one, "to"),
                              cell(one, "by"), cell(one, "at"), cell(one, "why")});
    std::cout << render(table, terminal_width());
    return {};
}

Result<> decide_quarantine(Context& context, const QuarantineArguments& a, const char* verb) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    JsonObject body{
        {"verb", verb}, {"device", a.device}, {"from", a.from}, {"to", a.to}, {"why", a.why}};
    if (!a.signal.empty()) body["signal"] = a.signal;
    TRY(const Json record, hub->send(http::Method::post, "/v1/quarantine", body));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(record, output), Result<>{};
    std::cout << "record " << cell(record, "number") << ": " << cell(record, "verb") << " "
              << cell(record, "device") << " " << (a.signal.empty() ? "*" : a.signal) << " "
              << cell(record, "from") << " to " << cell(record, "to") << '\n';
    return {};
}

void add_lineage_verb(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand("lineage", "where data came from, and where it went");
    auto a = std::make_shared<LineageArguments>();
    sub->add_option("what", a->what,
                    "KIND/NAME: device, series (DEVICE:SIGNAL), product, dataset, "
                    "model-version")
        ->required();
    sub->add_flag("--up", a->up, "only what it was made from");
    sub->add_flag("--down", a->down, "only what uses it");
    sub->add_option("--limit", a->limit, "nodes of a tree");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer("Example:\n  millwright lineage series/gw-1:flow --down");
    sub->callback([&context, a] { context.run([&] { return show_lineage(context, *a); }); });
}

void add_decision_verb(CLI::App& group, Context& context, const char* verb, const char* help) {
    auto* sub = group.add_subcommand(verb, help);
    auto a = std::make_shared<QuarantineArguments>();
    sub->add_option("--device", a->device, "whose points")->required();
    sub->add_option("--signal", a->signal, "of this signal; default: of all");
    sub->add_option("--from", a->from, "event time of the first, ISO 8601")->required();
    sub->add_option("--to", a->to, "before this event time")->required();
    sub->add_option("--why", a->why, "kept with the record and in the audit log")->required();
    add_output_option(*sub, context, "table, json, yaml");
    sub->callback(
        [&context, a, verb] { context.run([&] { return decide_quarantine(context, *a, verb); }); });
}

void add_quarantine_verbs(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("quarantine", "points that are bad, or not trusted");
    group->require_subcommand(1);
    auto* sub = group->add_subcommand("list", "what is in it, by device, signal and reason");
    auto a = std::make_shared<QuarantineArguments>();
    sub->add_option("--device", a->device, "only of this device");
    sub->add_option("--signal", a->signal, "only of this signal");
    sub->add_option("--from", a->from, "event time of the first, ISO 8601");
    sub->add_option("--to", a->to, "before this event time");
    sub->add_option("--state", a->state, "quarantined, confirmed, released or held");
    add_output_option(*sub, context, "table, json, yaml");
    sub->callback([&context, a] { context.run([&] { return list_quarantine(context, *a); }); });
    add_decision_verb(*group, context, "release",
                      "bad points are good after all, for queries, datasets and products");
    add_decision_verb(*group, context, "hold", "points are bad although no check said so");
    add_decision_verb(*group, context, "confirm",
                      "what the checks said stands; takes a release or a hold back");
    sub = group->add_subcommand("log", "who decided what, newest first");
    auto log = std::make_shared<QuarantineArguments>();
    sub->add_option("--device", log->device, "only of this device");
    sub->add_option("--limit", log->limit, "so many");
    add_output_option(*sub, context, "table, json, yaml");
    sub->callback([&context, log] { context.run([&] { return list_decisions(context, *log); }); });
}

}  // namespace

void add_trust_verbs(CLI::App& app, Context& context) {
    add_lineage_verb(app, context);
    add_quarantine_verbs(app, context);
}

}  // namespace mw::ctl
