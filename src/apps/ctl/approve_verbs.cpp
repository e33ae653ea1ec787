// approve: a person's yes or no, in one of their roles.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iostream>

#include "apps/ctl/command.h"
#include "base/id.h"
#include "base/random.h"

namespace mw::ctl {
namespace {

struct ApproveArguments {
    std::string kind, name, what, role, reason;
    bool reject = false;
};

// What is usually asked of a kind.
std::string usual_purpose(const Json& subject) {
    const auto kind = cell(subject, "kind");
    if (kind == "Rollout") return "rollout";
    if (kind == "UseCase") return "stage:" + find_string(subject, "spec.stage").value_or("idea");
    return "override";
}

// A name of its own: of a person's words the newest counts, so none replaces another.
std::string approval_name(const ApproveArguments& a) {
    SystemRandom random;
    auto id = make_ulid(RealClock().now().ns / 1'000'000, random);
    std::ranges::transform(id, id.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return a.name.substr(0, 36) + "-" + id;
}

Result<> approve(Context& context, const ApproveArguments& a) {
    TRY(const std::string plural, plural_of(a.kind));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json subject, hub->get("/v1/" + plural + "/" + a.name));
    const auto what = a.what.empty() ? usual_purpose(subject) : a.what;
    JsonObject spec{{"subject", JsonObject{{"kind", cell(subject, "kind")}, {"name", a.name}}},
                    {"what", what},
                    {"role", a.role},
                    {"verdict", a.reject ? "reject" : "approve"},
                    {"generation", *find(subject, "generation")},
                    {"reason", a.reason}};
    const Json wanted = JsonObject{
        {"name", approval_name(a)}, {"domain", cell(subject, "domain")}, {"spec", std::move(spec)}};
    TRY(const Json given, hub->send(http::Method::post, "/v1/approvals", wanted));
    if (output != Output::table) return print_json_or_yaml(given, output), Result<>{};
    std::cout << plural << "/" << a.name << " generation " << cell(subject, "generation") << ": "
              << what << (a.reject ? " rejected" : " approved") << " as " << a.role << " by "
              << cell(given, "status.by") << " (approvals/" << cell(given, "name") << ")\n";
    return {};
}

}  // namespace

void add_approve_verbs(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand("approve", "say yes or no to a rollout, a version or a stage");
    auto a = std::make_shared<ApproveArguments>();
    sub->add_option("kind", a->kind, "rollout, model-version, firmware or use-case")->required();
    sub->add_option("name", a->name, "one of them")->required();
    sub->add_option("--what", a->what,
                    "rollout, override, or stage:NAME; default: what the kind is usually asked");
    sub->add_option("--role", a->role, "the role in which you say it; you must hold it")
        ->required();
    sub->add_flag("--reject", a->reject, "no");
    sub->add_option("--reason", a->reason, "why; it stays in the audit log")->required();
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "It is about the resource as it is now: when its spec changes, it has to be said again.\n"
        "Example:\n  millwright approve rollout pump-2 --role releaser --reason 'gate report "
        "read'");
    sub->callback([&context, a] { context.run([&] { return approve(context, *a); }); });
}

}  // namespace mw::ctl
