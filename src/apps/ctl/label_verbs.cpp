// label next, set, skip, adjudicate, agreement, import, list, count.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>

#include "apps/ctl/command.h"
#include "apps/ctl/shift_log.h"

#include "base/sql_text.h"

namespace mw::ctl {
namespace {

constexpr std::size_t chart_height = 4;
constexpr std::size_t chart_width = 80;
constexpr std::int64_t context_windows = 3;  // shown before and after the window

struct LabelArguments {
    std::string use_case, task, answer, file, from, to, why, model, state = "open";
    double confidence = 0;
    bool plot = false;
};

std::string state_of(const Json& task) {
    return find_string(task, "status.state").value_or("open");
}

// Oldest first; state "all": any.
Result<std::vector<Json>> tasks_of(Hub& hub, const LabelArguments& a, const std::string& state) {
    std::string fields = a.use_case.empty() ? "" : "spec.use_case=" + a.use_case;
    if (state != "all") fields += (fields.empty() ? "status.state=" : ",status.state=") + state;
    TRY(const JsonArray items, list_all(hub, "label-tasks", "", fields));
    std::vector<Json> tasks(items.begin(), items.end());
    std::stable_sort(tasks.begin(), tasks.end(), [](const Json& x, const Json& y) {
        return cell(x, "created") < cell(y, "created");
    });
    return tasks;
}

// The signals of the device around the window, each as a small chart; marks at its ends.
Result<> plot_window(Hub& hub, const Json& task) {
    TRY(const Timestamp from, parse_iso8601(cell(task, "spec.from")));
    TRY(const Timestamp to, parse_iso8601(cell(task, "spec.to")));
    const nanoseconds around =
        std::max<nanoseconds>((to - from) * context_windows, nanoseconds{seconds{10}});
    const Timestamp begin = from - around, end = to + around;
    const auto instant = [](Timestamp time) {
        return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
    };
    const std::string sql = "SELECT signal, epoch_ns(time), value FROM points WHERE device = " +
                            sql_text(cell(task, "spec.device")) + " AND time BETWEEN " +
                            instant(begin) + " AND " + instant(end) + " ORDER BY signal, time";
    TRY(const Json answer,
        hub.send(http::Method::post, "/v1/query",
                 JsonObject{{"sql", sql}, {"limits", {{"time", "30s"}, {"rows", 200'000}}}}));
    const Json* rows = find(answer, "rows");
    std::map<std::string, std::vector<std::pair<double, double>>> signals;
    const double span = static_cast<double>((end - begin).count());
    if (rows && rows->is_array())
        for (const Json& row : rows->get_array()) {
            const auto& cells = row.get_array();
            if (!cells[1].is_number() || !cells[2].is_number()) continue;
            const double place =
                (cells[1].to_number<double>() - static_cast<double>(begin.ns)) / span;
            signals[cell(&cells[0])].emplace_back(place, cells[2].to_number<double>());
        }
    if (signals.empty()) {
        std::cout << "no points are stored around the window\n";
        return {};
    }
    const std::size_t width = terminal_width() > 20 ? terminal_width() : chart_width;
    const double marks[] = {static_cast<double>((from - begin).count()) / span,
                            static_cast<double>((to - begin).count()) / span};
    for (const auto& [signal, points] : signals) {
        std::vector<double> values(2 * width, NAN);
        for (const auto& [place, value] : points)
            values[std::min(values.size() - 1,
                            static_cast<std::size_t>(place * double(values.size())))] = value;
        // A column without a point continues the one before: between samples nothing is known.
        for (std::size_t i = 1; i < values.size(); ++i)
            if (std::isnan(values[i])) values[i] = values[i - 1];
        std::cout << signal << '\n' << chart(values, width, chart_height, marks);
    }
    return {};
}

void print_task(const Json& task) {
    std::cout << "task        " << cell(task, "name") << '\n'
              << "device      " << cell(task, "spec.device") << "  asset "
              << cell(task, "spec.asset") << '\n'
              << "model       " << cell(task, "spec.model") << ":" << cell(task, "spec.version")
              << "  use case " << cell(task, "spec.use_case") << '\n'
              << "window      " << cell(task, "spec.from") << " to " << cell(task, "spec.to")
              << '\n'
              << "it said     "
              << (find_bool(task, "spec.decision").value_or(false) ? "an event" : "normal")
              << ", score " << cell(task, "spec.score") << '\n'
              << "why asked   " << cell(task, "spec.why") << ", propensity "
              << cell(task, "spec.propensity") << '\n';
}

Result<> next(Context& context, const LabelArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const auto tasks, tasks_of(*hub, a, "open"));
    const auto found = tasks.begin();
    if (found == tasks.end())
        return Error{Errc::not_found,
                     "no label task is open" +
                         (a.use_case.empty() ? std::string() : " for '" + a.use_case + "'")};
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(*found, output), Result<>{};
    print_task(*found);
    if (a.plot) TRY_VOID(plot_window(*hub, *found));
    std::cout << "Was it an event? Next step: millwright label set " << cell(*found, "name")
              << " yes|no, or millwright label skip " << cell(*found, "name") << '\n';
    return {};
}

Result<> answer(Context& context, const LabelArguments& a, Json label) {
    TRY(Hub * hub, context.hub());
    JsonObject body{{"label", std::move(label)}};
    if (a.confidence != 0) body["confidence"] = a.confidence;
    TRY(const Json task,
        hub->send(http::Method::post, "/v1/label-tasks/" + a.task + "/answer", body));
    std::cout << "label-tasks/" << a.task << " " << cell(task, "status.state") << ": "
              << cell(task, "status.reason") << '\n';
    return {};
}

Result<> set_label(Context& context, const LabelArguments& a) {
    if (a.answer == "skip") return answer(context, a, "skip");
    if (a.answer != "yes" && a.answer != "no")
        return Error{Errc::invalid_input, "'" + a.answer + "' is not yes, no or skip"};
    return answer(context, a, a.answer == "yes");
}

Result<> adjudicate(Context& context, const LabelArguments& a) {
    if (a.answer != "yes" && a.answer != "no")
        return Error{Errc::invalid_input, "'" + a.answer + "' is not yes or no"};
    TRY(Hub * hub, context.hub());
    TRY(const Json task, hub->send(http::Method::post, "/v1/label-tasks/" + a.task + "/adjudicate",
                                   JsonObject{{"label", a.answer == "yes"}, {"why", a.why}}));
    std::cout << "label-tasks/" << a.task << ": " << cell(task, "status.reason") << '\n';
    return {};
}

// "0.40 (0.15 to 0.65)"
std::string interval_text(const Json& pair) {
    const auto estimate = find_number(pair, "kappa.estimate");
    if (!estimate) return "-";
    char text[64];
    std::snprintf(text, sizeof text, "%.2f (%.2f to %.2f)", *estimate,
                  find_number(pair, "kappa.low").value_or(0),
                  find_number(pair, "kappa.high").value_or(0));
    return text;
}

std::string share_text(const Json& pair, const char* key) {
    const auto share = find_number(pair, key);
    if (!share) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", *share);
    return text;
}

Result<> agreement(Context& context, const LabelArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json answer,
        hub->get("/v1/labels/agreement", {{"use_case", a.use_case}, {"model", a.model}}));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(answer, output), Result<>{};
    Table table{{"USE CASE", "MODEL", "FIRST", "SECOND", "WINDOWS", "KAPPA (95 %)", "SAME",
                 "OF EVENTS", "OF NORMAL"},
                {}};
    for (const Json& pair : find(answer, "items")->get_array())
        table.rows.push_back({cell(pair, "use_case"), cell(pair, "model"), cell(pair, "first"),
                              cell(pair, "second"), cell(pair, "windows"), interval_text(pair),
                              share_text(pair, "observed"), share_text(pair, "of_events"),
                              share_text(pair, "of_normal")});
    if (table.rows.empty())
        return std::cout << "no two people have answered about the same window\n", Result<>{};
    std::cout << render(table, terminal_width());
    return {};
}

// Answers the open tasks of a period out of what the plant wrote down.
Result<> import_log(Context& context, const LabelArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const std::string csv, read_file(a.file));
    TRY(const Timestamp from, parse_iso8601(a.from).context("--from"));
    TRY(const Timestamp to, parse_iso8601(a.to).context("--to"));
    TRY(const ShiftLog log, ShiftLog::parse(csv, from, to).context(a.file));
    TRY(const auto tasks, tasks_of(*hub, a, "open"));
    std::int64_t yes = 0, no = 0, left = 0;
    for (const Json& task : tasks) {
        TRY(const Timestamp window_to, parse_iso8601(cell(task, "spec.to")));
        const auto says = log.about(cell(task, "spec.device"), window_to);
        if (says == ShiftLog::Says::nothing) {
            ++left;
            continue;
        }
        const bool event = says == ShiftLog::Says::event;
        TRY_VOID(hub->send(http::Method::post, "/v1/label-tasks/" + cell(task, "name") + "/answer",
                           JsonObject{{"label", event}}));
        ++(event ? yes : no);
    }
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(JsonObject{{"yes", yes}, {"no", no}, {"left_open", left}},
                                  output),
               Result<>{};
    std::cout << log.incidents() << " incidents answer " << yes + no << " tasks: " << yes
              << " events, " << no << " normal; " << left << " stay open, outside the period\n";
    return {};
}

Result<> list(Context& context, const LabelArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const auto tasks, tasks_of(*hub, a, a.state));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(JsonArray(tasks.begin(), tasks.end()), output), Result<>{};
    Table table{
        {"TASK", "STATE", "LABEL", "WHY", "PROPENSITY", "DEVICE", "MODEL", "SAID", "SCORE", "TO"},
        {}};
    for (const Json& task : tasks)
        table.rows.push_back(
            {cell(task, "name"), state_of(task), cell(task, "status.label"), cell(task, "spec.why"),
             cell(task, "spec.propensity"), cell(task, "spec.device"),
             cell(task, "spec.model") + ":" + cell(task, "spec.version"),
             cell(task, "spec.decision"), cell(task, "spec.score"), cell(task, "spec.to")});
    std::cout << render(table, terminal_width()) << tasks.size() << " tasks\n";
    return {};
}

Result<> count(Context& context, const LabelArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const auto tasks, tasks_of(*hub, a, "all"));
    std::map<std::string, std::int64_t> states = {
        {"open", 0}, {"answered", 0}, {"skipped", 0}, {"expired", 0}};
    for (const Json& task : tasks) ++states[state_of(task)];
    JsonObject counts;
    Table table{{"STATE", "TASKS"}, {}};
    for (const auto& [state, number] : states) {
        counts[state] = number;
        table.rows.push_back({state, std::to_string(number)});
    }
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(counts, output), Result<>{};
    std::cout << render(table, terminal_width());
    return {};
}

}  // namespace

void add_label_verbs(CLI::App& app, Context& context) {
    auto* label = app.add_subcommand("label", "answer what the models are unsure of");
    label->require_subcommand(1);
    auto a = std::make_shared<LabelArguments>();
    using Verb = Result<> (*)(Context&, const LabelArguments&);
    const auto verb = [&](const char* name, const char* help, Verb run) {
        auto* sub = label->add_subcommand(name, help);
        sub->callback([&context, a, run] { context.run([&] { return run(context, *a); }); });
        return sub;
    };
    auto* next_verb = verb("next", "the oldest open task", next);
    next_verb->add_flag("--plot", a->plot, "show the signals around the window as small charts");
    next_verb->footer("Example:\n  millwright label next --use-case valves --plot");
    auto* set_verb = verb("set", "say whether it was an event", set_label);
    set_verb->add_option("task", a->task, "a LabelTask")->required();
    set_verb->add_option("answer", a->answer, "yes, no or skip")->required();
    set_verb->add_option("--confidence", a->confidence, "how sure, above 0 and at most 1");
    set_verb->footer("Example:\n  millwright label set label-1f0c yes");
    auto* settle_verb = verb("adjudicate", "settle what others disagree about", adjudicate);
    settle_verb->add_option("task", a->task, "a LabelTask")->required();
    settle_verb->add_option("answer", a->answer, "yes or no")->required();
    settle_verb->add_option("--why", a->why, "kept with the answer")->required();
    settle_verb->footer(
        "For somebody of a role that none of those who disagree has.\nExample:\n"
        "  millwright label adjudicate label-1f0c yes --why 'the log book names the valve'");
    auto* agreement_verb =
        verb("agreement", "how far people agree about the same windows", agreement);
    agreement_verb->add_option("--model", a->model, "only of this model");
    auto* skip_verb = label->add_subcommand("skip", "say that one cannot tell");
    skip_verb->add_option("task", a->task, "a LabelTask")->required();
    skip_verb->callback(
        [&context, a] { context.run([&] { return answer(context, *a, "skip"); }); });
    auto* import_verb = verb("import", "answer open tasks out of a shift log", import_log);
    import_verb->add_option("file", a->file, "CSV with the header device,from,to; - is stdin")
        ->required();
    import_verb->add_option("--from", a->from, "since then every incident was written down")
        ->required();
    import_verb->add_option("--to", a->to, "until then")->required();
    import_verb->footer(
        "Windows of the period that end in an incident of their device are events, the others\n"
        "normal; tasks outside the period stay open.\nExample:\n"
        "  millwright label import shift.csv --from 2026-11-26T06:00:00Z "
        "--to 2026-11-26T14:00:00Z");
    auto* list_verb = verb("list", "tasks, oldest first", list);
    list_verb->add_option("--state", a->state, "open, answered, skipped, expired or all");
    auto* count_verb = verb("count", "how many tasks are in which state", count);
    for (auto* sub : {next_verb, import_verb, list_verb, count_verb, agreement_verb}) {
        sub->add_option("--use-case", a->use_case, "only tasks of this use case");
        add_output_option(*sub, context, "table, json, yaml");
    }
}

}  // namespace mw::ctl
