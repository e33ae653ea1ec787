// rollout start, list, status, pause, resume, abort, rollback.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/artifacts.h"

namespace mw::ctl {
namespace {

struct StartArguments {
    std::string name, artifact, selector, mode = "replace", waves = "1,100%", soak = "1h";
    std::string use_case, on_inconclusive, pre_period, install_within;
    std::vector<std::string> stratify_by, guardrails, approval;
    bool firmware = false, no_approval = false;
    int looks = 0;
    double alpha = 0, min_power_effect = 0;
};

// "3,50%,100%": devices or percent, in all.
Result<JsonArray> waves_of(const std::string& text, const std::string& soak) {
    JsonArray waves;
    for (std::size_t from = 0; from <= text.size();) {
        const auto comma = std::min(text.find(',', from), text.size());
        std::string part = text.substr(from, comma - from);
        from = comma + 1;
        const bool percent = part.ends_with('%');
        if (percent) part.pop_back();
        const auto number = parse_json(part);
        if (!number || !number->is_number())
            return Error{Errc::invalid_input, "--waves: '" + part +
                                                  "' is not a number of devices or a percentage; "
                                                  "want something like 3,50%,100%"};
        waves.emplace_back(JsonObject{{percent ? "percent" : "count", *number}, {"soak", soak}});
    }
    return waves;
}

// "metric<=max", "metric+by", or the name alone; "kpi:NAME" for a KPI of the use case.
Result<Json> guardrail_of(std::string text) {
    JsonObject guardrail;
    for (const auto& [mark, key] : {std::pair{"<=", "max"}, std::pair{"+", "worse_by"}}) {
        const auto at = text.find(mark);
        if (at == std::string::npos) continue;
        const auto limit = parse_json(text.substr(at + std::string_view(mark).size()));
        if (!limit || !limit->is_number())
            return Error{Errc::invalid_input,
                         "--guardrail: want METRIC<=MAX or METRIC+WORSE_BY, such as "
                         "latency_us_p99<=500 or fallback_rate+0.05, not '" +
                             text + "'"};
        guardrail[key] = *limit;
        text.resize(at);
        break;
    }
    if (text.starts_with("kpi:")) {
        guardrail["kpi"] = text.substr(4);
        text = "kpi";
    }
    guardrail["metric"] = text;
    // These two have a limit that suits most.
    if (guardrail.size() == 1 && text == "crash_loop") guardrail["max"] = 2;
    if (guardrail.size() == 1 && text == "install_failures") guardrail["max"] = 0.1;
    return guardrail;
}

Result<Json> spec_of(const StartArguments& a) {
    TRY(const VersionName artifact, parse_version(a.artifact).context("--artifact"));
    JsonObject spec;
    spec["artifact"] = {{"kind", a.firmware ? "Firmware" : "ModelVersion"},
                        {"name", artifact.resource()}};
    spec["mode"] = a.mode;
    TRY(spec["waves"], waves_of(a.waves, a.soak));
    const std::pair<const char*, const std::string*> texts[] = {
        {"selector", &a.selector},
        {"use_case", &a.use_case},
        {"on_inconclusive", &a.on_inconclusive},
        {"pre_period", &a.pre_period},
        {"install_within", &a.install_within}};
    for (const auto& [key, text] : texts)
        if (!text->empty()) spec[key] = *text;
    JsonArray strata, guardrails, roles;
    for (const auto& label : a.stratify_by) strata.emplace_back(label);
    for (const auto& text : a.guardrails) {
        TRY(Json guardrail, guardrail_of(text));
        guardrails.push_back(std::move(guardrail));
    }
    for (const auto& role : a.approval) roles.emplace_back(role);
    if (!strata.empty()) spec["stratify_by"] = std::move(strata);
    if (!guardrails.empty()) spec["guardrails"] = std::move(guardrails);
    if (!roles.empty() || a.no_approval) spec["approval"] = std::move(roles);
    if (a.looks > 0) spec["looks"] = a.looks;
    if (a.alpha > 0) spec["alpha"] = a.alpha;
    if (a.min_power_effect > 0) spec["min_power_effect"] = a.min_power_effect;
    return spec;
}

std::string wave_text(const Json& rollout) {
    const Json* waves = find(rollout, "spec.waves");
    const auto number = find_integer(rollout, "status.wave").value_or(0);
    return std::to_string(number) + "/" +
           std::to_string(waves && waves->is_array() ? waves->get_array().size() : 0);
}

std::int64_t count(const Json& rollout, const char* key) {
    return find_integer(rollout, std::string("status.counts.") + key).value_or(0);
}

std::string devices_text(const Json& rollout) {
    return std::to_string(count(rollout, "applied")) + "/" +
           std::to_string(count(rollout, "assigned")) + " of " +
           std::to_string(count(rollout, "devices"));
}

std::string state_text(const Json& rollout) {
    return find_string(rollout, "status.state").value_or("waiting_approval");
}

// One line of progress: what is known to move.
std::string progress_line(const Json& rollout) {
    std::string line =
        state_text(rollout) + "  wave " + wave_text(rollout) + "  runs " + devices_text(rollout);
    for (const char* key : {"pending", "failed", "left_alone"})
        if (const auto n = count(rollout, key); n > 0)
            line += ", " + std::to_string(n) +
                    (key == std::string("left_alone") ? " left alone" : " " + std::string(key));
    const auto problem = find_string(rollout, "status.problem");
    const auto reason = find_string(rollout, "status.reason");
    if (problem)
        line += "  ! " + *problem;
    else if (reason)
        line += "  " + *reason;
    return line;
}

bool has_ended(const Json& rollout) {
    const std::string at = state_text(rollout);
    return at == "completed" || at == "rolled_back" || at == "aborted";
}

std::string next_step(const Json& rollout) {
    const std::string name = cell(rollout, "name"), at = state_text(rollout);
    if (at == "waiting_approval") return "millwright approve rollout " + name + " --role releaser";
    if (at == "inconclusive")
        return "millwright rollout resume " + name + "   (or: millwright rollout abort " + name +
               ")";
    if (at == "paused") return "millwright rollout resume " + name;
    if (!has_ended(rollout)) return "millwright rollout status " + name + " --watch";
    return "";
}

void print_readings(const Json& rollout) {
    const Json* readings = find(rollout, "status.readings");
    if (!readings || !readings->is_array() || readings->get_array().empty()) return;
    Table table{{"GUARDRAIL", "VERDICT", "EFFECT", "P", "LIMIT", "E", "POWER", "SAYS"}, {}};
    for (const Json& r : readings->get_array())
        table.rows.push_back({cell(r, "guardrail"), cell(r, "verdict"), cell(r, "figures.effect"),
                              cell(r, "figures.p"), cell(r, "figures.p_limit"),
                              cell(r, "figures.e"), cell(r, "figures.power"), cell(r, "says")});
    std::cout << "\nlast readings:\n" << render(table, terminal_width());
}

void print_history(const Json& rollout) {
    const Json* history = find(rollout, "status.history");
    if (!history || !history->is_array()) return;
    Table table{{"AT", "EVENT", "STATE", "SAYS"}, {}};
    for (const Json& step : history->get_array())
        table.rows.push_back(
            {cell(step, "at"), cell(step, "event"), cell(step, "state"), cell(step, "says")});
    std::cout << "\nso far:\n" << render(table, terminal_width());
}

void print_failing(const Json& rollout) {
    const Json* failing = find(rollout, "status.failing");
    if (!failing || !failing->is_array() || failing->get_array().empty()) return;
    Table table{{"DEVICE", "REASON"}, {}};
    for (const Json& one : failing->get_array())
        table.rows.push_back({cell(one, "device"), cell(one, "reason")});
    std::cout << "\nnot installed on (the first of them):\n" << render(table, terminal_width());
}

Result<> start(Context& context, const StartArguments& a) {
    TRY(Json spec, spec_of(a));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    const Json body = {{"kind", "Rollout"}, {"name", a.name}, {"spec", std::move(spec)}};
    TRY(const Json made, hub->send(http::Method::post, "/v1/rollouts", body));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(made, output), Result<>{};
    const Json* roles = find(made, "spec.approval");
    const bool free = roles && roles->is_array() && roles->get_array().empty();
    std::cout << "rollouts/" << a.name << " of " << a.artifact
              << (free ? " begins\n" : " waits for its approval\n") << "Next step: "
              << (free ? "millwright rollout status " + a.name + " --watch" : next_step(made))
              << '\n';
    return {};
}

Result<> list(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const JsonArray items, list_all(*hub, "rollouts"));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(items, output), Result<>{};
    if (items.empty()) {
        std::cout << "no rollouts. Next step: millwright rollout start --help\n";
        return {};
    }
    Table table{{"NAME", "ARTIFACT", "MODE", "STATE", "WAVE", "RUNS", "FAILED", "REASON"}, {}};
    for (const Json& r : items)
        table.rows.push_back({cell(r, "name"), cell(r, "spec.artifact.name"),
                              find_string(r, "spec.mode").value_or("replace"), state_text(r),
                              wave_text(r), devices_text(r), std::to_string(count(r, "failed")),
                              cell(r, "status.reason")});
    std::cout << render(table, terminal_width());
    return {};
}

// A line whenever something moved, until it has ended.
Result<> watch(Hub& hub, const std::string& name, Output output) {
    std::string last;
    TRY(Json rollout, hub.get("/v1/rollouts/" + name));
    for (;;) {
        const std::string line = output == Output::json ? to_json(rollout) : progress_line(rollout);
        if (line != last) std::cout << line << std::endl;
        last = line;
        if (has_ended(rollout)) break;
        TRY_VOID(wait_for_change(hub, "rollouts", name, rollout));
        TRY(rollout, hub.get("/v1/rollouts/" + name));
    }
    if (state_text(rollout) == "completed") return {};
    return Error{Errc::io_failed, "rollout '" + name + "' is " + state_text(rollout) + ": " +
                                      cell(rollout, "status.reason")};
}

Result<> status(Context& context, const std::string& name, bool watching) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    if (watching) return watch(*hub, name, output);
    TRY(const Json rollout, hub->get("/v1/rollouts/" + name));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(rollout, output), Result<>{};
    std::cout << cell(rollout, "name") << "  " << cell(rollout, "spec.artifact.name") << "  "
              << find_string(rollout, "spec.mode").value_or("replace") << '\n'
              << progress_line(rollout) << '\n';
    print_failing(rollout);
    print_readings(rollout);
    print_history(rollout);
    if (const std::string next = next_step(rollout); !next.empty())
        std::cout << "\nNext step: " << next << '\n';
    return {};
}

Result<> patch(Context& context, const std::string& name, JsonObject spec, const char* said) {
    TRY(Hub * hub, context.hub());
    Json body = JsonObject{};
    body.get_object()["spec"] = std::move(spec);
    TRY_VOID(hub->send(http::Method::patch, "/v1/rollouts/" + name, body));
    std::cout << "rollouts/" << name << ' ' << said << '\n';
    return {};
}

// What it waits for: a pause to end, or a person's word after an inconclusive wave.
Result<> resume(Context& context, const std::string& name) {
    TRY(Hub * hub, context.hub());
    TRY(const Json rollout, hub->get("/v1/rollouts/" + name));
    const std::string at = state_text(rollout);
    if (at == "inconclusive") {
        const auto before = find_integer(rollout, "spec.resume_after_inconclusive").value_or(0);
        return patch(context, name, {{"resume_after_inconclusive", before + 1}},
                     "goes on: the wave passes on your word");
    }
    if (find_bool(rollout, "spec.paused").value_or(false))
        return patch(context, name, {{"paused", false}}, "goes on");
    return Error{Errc::conflict, "rollout '" + name + "' is " + at +
                                     ": it is neither paused nor inconclusive. Next step: "
                                     "millwright rollout status " +
                                     name};
}

Result<> give_up(Context& context, const std::string& name) {
    TRY(Hub * hub, context.hub());
    TRY(const Json rollout, hub->get("/v1/rollouts/" + name));
    if (has_ended(rollout))
        return Error{Errc::conflict,
                     "rollout '" + name + "' is " + state_text(rollout) +
                         ": it has ended. Next step: bring the former version back by a rollout "
                         "of its own, millwright rollout start NAME --artifact MODEL:VERSION "
                         "--waves 100%"};
    return patch(context, name, {{"abort", true}}, "goes back: every device to what it ran");
}

void add_start(CLI::App& rollout, Context& context) {
    auto* sub = rollout.add_subcommand("start", "bring a version to devices in waves");
    auto a = std::make_shared<StartArguments>();
    sub->add_option("name", a->name, "what to call it")->required();
    sub->add_option("--artifact", a->artifact, "MODEL:VERSION, or PRODUCT:VERSION of a firmware")
        ->required();
    sub->add_flag("--firmware", a->firmware, "the artifact is a firmware");
    sub->add_option("-l,--selector", a->selector, "labels of the devices; none: every device");
    sub->add_option("--waves", a->waves, "devices or percent in all; the last is 100%");
    sub->add_option("--soak", a->soak, "how long each wave runs before it is judged");
    sub->add_option("--mode", a->mode, "replace, ab or shadow");
    sub->add_option("--guardrail", a->guardrails,
                    "METRIC<=MAX or METRIC+WORSE_BY; repeatable; kpi:NAME for a KPI");
    sub->add_option("--stratify-by", a->stratify_by, "labels within which devices are compared");
    sub->add_option("--use-case", a->use_case, "whom it serves");
    sub->add_option("--pre-period", a->pre_period, "how long before the wave counts as before");
    sub->add_option("--install-within", a->install_within, "later is a failure");
    sub->add_option("--looks", a->looks, "how often a wave is looked at");
    sub->add_option("--alpha", a->alpha, "chance of a false rollback");
    sub->add_option("--min-power-effect", a->min_power_effect,
                    "the effect, in device standard deviations, that must be visible");
    sub->add_option("--on-inconclusive", a->on_inconclusive, "wait or proceed");
    sub->add_option("--approval", a->approval, "roles that must approve; default releaser");
    sub->add_flag("--no-approval", a->no_approval, "nobody has to approve");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Example: millwright rollout start pump-v2 --artifact pump:2 -l line=pumps \\\n"
        "           --waves 3,50%,100% --soak 30m --guardrail fallback_rate+0.05 \\\n"
        "           --guardrail 'latency_us_p99<=500' --guardrail crash_loop");
    sub->callback([&context, a] { context.run([&] { return start(context, *a); }); });
}

void add_named(CLI::App& rollout, Context& context, const char* verb, const char* help,
               Result<> (*deed)(Context&, const std::string&)) {
    auto* sub = rollout.add_subcommand(verb, help);
    auto name = std::make_shared<std::string>();
    sub->add_option("name", *name, "the rollout")->required();
    sub->callback([&context, name, deed] { context.run([&] { return deed(context, *name); }); });
}

}  // namespace

void add_rollout_verbs(CLI::App& app, Context& context) {
    auto* rollout = app.add_subcommand("rollout", "versions to devices, a few first");
    rollout->require_subcommand(1);
    rollout->footer("Example: millwright rollout status pump-v2 --watch");
    add_start(*rollout, context);

    auto* all = rollout->add_subcommand("list", "every rollout and how far it is");
    add_output_option(*all, context, "table, json, yaml");
    all->callback([&context] { context.run([&] { return list(context); }); });

    auto* one = rollout->add_subcommand("status", "one rollout: counts, readings, what happened");
    auto name = std::make_shared<std::string>();
    auto watching = std::make_shared<bool>(false);
    one->add_option("name", *name, "the rollout")->required();
    one->add_flag("-w,--watch", *watching,
                  "a line per change until it ends; exit code 0 only when it was completed");
    add_output_option(*one, context, "table, json, yaml");
    one->callback([&context, name, watching] {
        context.run([&] { return status(context, *name, *watching); });
    });

    add_named(*rollout, context, "pause", "hold it where it is; guardrails still watch",
              [](Context& c, const std::string& n) {
                  return patch(c, n, {{"paused", true}}, "is held");
              });
    add_named(*rollout, context, "resume", "after a pause, or after an inconclusive wave", resume);
    add_named(*rollout, context, "abort", "every device goes back to what it ran", give_up);
    add_named(*rollout, context, "rollback", "the same as abort", give_up);
}

}  // namespace mw::ctl
