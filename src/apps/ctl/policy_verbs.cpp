// can-i, who-can.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct PolicyArguments {
    std::string verb, kind, name, domain, as;
    std::vector<std::string> labels;
};

std::vector<std::pair<std::string, std::string>> policy_query(const PolicyArguments& a) {
    std::vector<std::pair<std::string, std::string>> query{{"verb", a.verb}, {"kind", a.kind}};
    for (const auto& [key, value] :
         {std::pair{"name", a.name}, std::pair{"domain", a.domain}, std::pair{"as", a.as}})
        if (!value.empty()) query.emplace_back(key, value);
    std::string labels;
    for (const auto& label : a.labels) labels += (labels.empty() ? "" : ",") + label;
    if (!labels.empty()) query.emplace_back("labels", labels);
    return query;
}

// "no" is an answer and not a failure, but scripts ask by the exit code: 4, as a denied deed.
Result<> ask_can_i(Context& context, const PolicyArguments& a) {
    TRY(const Output output, context.output());
    TRY(Hub * hub, context.hub());
    TRY(const Json answer, hub->get("/v1/policy/can-i", policy_query(a)));
    const bool allowed = find_bool(answer, "allowed").value_or(false);
    if (output != Output::table)
        print_json_or_yaml(answer, output);
    else if (allowed)
        std::cout << "yes: " << cell(answer, "why") << "\n";
    if (allowed) return {};
    return Error{Errc::denied, "no: " + cell(answer, "why")};
}

Result<> ask_who_can(Context& context, const PolicyArguments& a) {
    TRY(const Output output, context.output());
    TRY(Hub * hub, context.hub());
    TRY(const Json answer, hub->get("/v1/policy/who-can", policy_query(a)));
    if (output != Output::table) return print_json_or_yaml(answer, output), Result<>{};
    const auto& items = answer.at("items").get_array();
    if (items.empty()) {
        std::cout << "nobody may " << cell(answer, "verb") << " " << cell(answer, "kind")
                  << " in domain " << cell(answer, "domain") << "\n";
        return {};
    }
    Table table{{"who", "may", "why"}, {}};
    for (const Json& each : items)
        table.rows.push_back({cell(each, "who"),
                              find_bool(each, "allowed").value_or(false) ? "yes" : "no",
                              cell(each, "why")});
    std::cout << render(table, terminal_width());
    return {};
}

void add_question(CLI::App& sub, const std::shared_ptr<PolicyArguments>& a) {
    sub.add_option("verb", a->verb,
                   "get, list, watch, create, replace, patch, delete, query, enroll, token, label, "
                   "approve")
        ->required();
    sub.add_option("kind", a->kind,
                   "a kind of resources, or History, Blob, Alarm, AuditFact, "
                   "Certificate, MqttClient, MqttMessage, Quarantine, Backup")
        ->required();
    sub.add_option("name", a->name, "one resource; its domain and labels count");
    sub.add_option("--domain", a->domain, "instead of a name; default: default");
    sub.add_option("--label", a->labels, "instead of a name, as site=north; again for more")
        ->allow_extra_args(false);
}

}  // namespace

void add_policy_verbs(CLI::App& app, Context& context) {
    auto* can = app.add_subcommand("can-i", "may I do this, and which role says so");
    auto a = std::make_shared<PolicyArguments>();
    add_question(*can, a);
    can->add_option("--as", a->as, "for this user; you must be allowed to read users");
    add_output_option(*can, context, "table, json, yaml");
    can->footer(
        "Exit code 0: yes, 4: no.\n"
        "Example:\n  millwright can-i approve rollout pump-2 --as ada");
    can->callback([&context, a] { context.run([&] { return ask_can_i(context, *a); }); });

    auto* who = app.add_subcommand("who-can", "everybody who may do this, and why");
    auto b = std::make_shared<PolicyArguments>();
    add_question(*who, b);
    add_output_option(*who, context, "table, json, yaml");
    who->footer("Example:\n  millwright who-can delete device --label site=north");
    who->callback([&context, b] { context.run([&] { return ask_who_can(context, *b); }); });
}

}  // namespace mw::ctl
