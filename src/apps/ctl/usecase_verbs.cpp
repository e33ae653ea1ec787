// usecase list, rank, kpi, stage.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/ctl/usecase_tables.h"

namespace mw::ctl {
namespace {

struct UseCaseArguments {
    std::string name, stage;
    bool now = false;
};

const JsonArray& items_of(const Json& answer, std::string_view key) {
    static const JsonArray none;
    const Json* items = find(answer, key);
    return items && items->is_array() ? items->get_array() : none;
}

// "2 of 3 reached, 1500 a year"
std::string kpis_in_short(const Json& use_case) {
    const auto& kpis = items_of(use_case, "status.kpis");
    if (kpis.empty()) return "-";
    std::size_t reached = 0;
    for (const auto& kpi : kpis) reached += find_string(kpi, "reached") == "yes";
    return std::to_string(reached) + " of " + std::to_string(kpis.size()) + " reached";
}

Result<> list_use_cases(Context& context, const UseCaseArguments&) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const JsonArray items, list_all(*hub, "use-cases"));
    if (output != Output::table) return print_json_or_yaml(items, output), Result<>{};
    if (items.empty()) {
        std::cout << "no use cases; see: millwright explain UseCase\n";
        return {};
    }
    Table table{{"NAME", "STAGE", "OWNER", "SPONSOR", "MODEL", "KPIS", "HYPOTHESIS"}, {}};
    for (const auto& item : items)
        table.rows.push_back({cell(item, "name"), find_string(item, "spec.stage").value_or("idea"),
                              cell(item, "spec.business_owner"),
                              cell(item, "spec.executive_sponsor"), cell(item, "spec.model"),
                              kpis_in_short(item), cell(item, "spec.hypothesis")});
    std::cout << render(table, terminal_width());
    return {};
}

Result<> rank(Context& context, const UseCaseArguments&) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json answer, hub->get("/v1/use-cases:rank"));
    const auto& items = items_of(answer, "items");
    if (output != Output::table) return print_json_or_yaml(items, output), Result<>{};
    std::cout << ranking_text(items, terminal_width());
    return {};
}

Result<> show_kpis(Context& context, const UseCaseArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    JsonArray kpis;
    if (a.now) {
        TRY(const Json answer,
            hub->send(http::Method::post, "/v1/use-cases/" + a.name + "/kpis", JsonObject{}));
        kpis = items_of(answer, "kpis");
    } else {
        TRY(const Json use_case, hub->get("/v1/use-cases/" + a.name));
        kpis = items_of(use_case, "status.kpis");
    }
    if (output != Output::table) return print_json_or_yaml(kpis, output), Result<>{};
    std::cout << kpi_table(kpis, terminal_width());
    return {};
}

Result<> review(Hub& hub, Output output, const std::string& name) {
    TRY(const Json answer, hub.get("/v1/use-cases/" + name + "/review"));
    if (output != Output::table) return print_json_or_yaml(answer, output), Result<>{};
    std::cout << review_text(answer);
    if (!find_bool(answer, "sign_off.given").value_or(true))
        std::cout << "Next step: millwright approve usecase " << name
                  << " --what stage:" << cell(answer, "stage") << " --role ROLE --reason WHY\n";
    return {};
}

Result<> move_stage(Context& context, const UseCaseArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    if (a.stage.empty()) return review(*hub, output, a.name);
    const Json patch = JsonObject{{"spec", JsonObject{{"stage", a.stage}}}};
    TRY(const Json changed, hub->send(http::Method::patch, "/v1/use-cases/" + a.name, patch));
    if (output != Output::table) return print_json_or_yaml(changed, output), Result<>{};
    std::cout << "use-cases/" << a.name << " is in stage " << cell(changed, "spec.stage") << "\n";
    return {};
}

CLI::App* add_use_case_verb(CLI::App& group, Context& context, const char* name, const char* help,
                            Result<> (*verb)(Context&, const UseCaseArguments&)) {
    auto* sub = group.add_subcommand(name, help);
    auto a = std::make_shared<UseCaseArguments>();
    const std::string_view which(name);
    if (which == "kpi" || which == "stage")
        sub->add_option("name", a->name, "a UseCase")->required();
    if (which == "kpi") sub->add_flag("--now", a->now, "compute them first, whatever is due");
    if (which == "stage")
        sub->add_option("stage", a->stage,
                        "idea, prototype, pilot, scale or retired; without it: what is missing");
    add_output_option(*sub, context, "table, json, yaml");
    sub->callback([&context, a, verb] { context.run([&] { return verb(context, *a); }); });
    return sub;
}

}  // namespace

void add_usecase_verbs(CLI::App& app, Context& context) {
    auto* group =
        app.add_subcommand("usecase", "why the models exist: KPIs, stages, the portfolio");
    group->require_subcommand(1);
    add_use_case_verb(*group, context, "list", "the use cases", list_use_cases);
    add_use_case_verb(*group, context, "rank", "the portfolio by expected value, and why", rank);
    add_use_case_verb(*group, context, "kpi", "its KPIs: baseline, now, target, money", show_kpis)
        ->footer("Example:\n  millwright usecase kpi pump-stops --now");
    add_use_case_verb(*group, context, "stage", "what its stage needs, or move it", move_stage)
        ->footer("Example:\n  millwright usecase stage pump-stops pilot");
}

}  // namespace mw::ctl
