// dataset freeze.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct FreezeArguments {
    std::string name, product, from, to, label_signal, as_of, description;
    std::string purpose = "training";
    std::vector<std::string> devices, signals;
    bool no_answers = false;
};

Json list_of(const std::vector<std::string>& texts) {
    JsonArray list;
    for (const auto& text : texts) list.emplace_back(text);
    return list;
}

Json spec_of(const FreezeArguments& a) {
    JsonObject labels{{"answers", !a.no_answers}};
    if (!a.label_signal.empty()) labels["signal"] = a.label_signal;
    if (!a.as_of.empty()) labels["as_of"] = a.as_of;
    JsonObject spec{{"product", a.product},
                    {"purpose", a.purpose},
                    {"from", a.from},
                    {"to", a.to},
                    {"labels", std::move(labels)}};
    if (!a.devices.empty()) spec["devices"] = list_of(a.devices);
    if (!a.signals.empty()) spec["signals"] = list_of(a.signals);
    if (!a.description.empty()) spec["description"] = a.description;
    return spec;
}

bool is_settled(const Json& dataset) {
    const auto state = find_string(dataset, "status.state");
    return state == "frozen" || state == "failed";
}

Result<> freeze(Context& context, const FreezeArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    const Json resource = {{"kind", "Dataset"}, {"name", a.name}, {"spec", spec_of(a)}};
    TRY(Json dataset, hub->send(http::Method::post, "/v1/datasets", resource));
    while (!is_settled(dataset)) {
        TRY_VOID(wait_for_change(*hub, "datasets", a.name, dataset));
        TRY(dataset, hub->get("/v1/datasets/" + a.name));
    }
    if (find_string(dataset, "status.state") == "failed")
        return Error{Errc::io_failed, "dataset '" + a.name + "' could not be frozen: " +
                                          cell(dataset, "status.reason") +
                                          ". Next step: millwright delete dataset " + a.name};
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(dataset, output), Result<>{};
    std::cout << "datasets/" << a.name << " frozen: " << cell(dataset, "status.rows") << " rows of "
              << cell(dataset, "status.devices") << " devices, "
              << cell(dataset, "status.labelled_rows") << " with a label, "
              << cell(dataset, "status.anomalous_rows") << " anomalous, sha256 "
              << cell(dataset, "status.sha256") << '\n';
    return {};
}

}  // namespace

void add_dataset_verbs(CLI::App& app, Context& context) {
    auto* dataset = app.add_subcommand("dataset", "freeze rows and labels under their hash");
    dataset->require_subcommand(1);
    auto* sub = dataset->add_subcommand("freeze", "rows of a data product, once and for all");
    auto a = std::make_shared<FreezeArguments>();
    sub->add_option("name", a->name, "its name")->required();
    sub->add_option("--product", a->product, "the data product")->required();
    sub->add_option("--from", a->from, "event time of the first row, ISO 8601")->required();
    sub->add_option("--to", a->to, "before this event time")->required();
    sub->add_option("--devices", a->devices, "only these devices")->delimiter(',');
    sub->add_option("--signals", a->signals, "only these signals, in this order")->delimiter(',');
    sub->add_option("--labels-signal", a->label_signal,
                    "a signal that carries the truth: above .5 is anomalous");
    sub->add_flag("--no-answers", a->no_answers, "answers to label tasks do not count");
    sub->add_option("--as-of", a->as_of, "answers given later do not count; default: now");
    sub->add_option("--purpose", a->purpose, "golden (judges) or training (is fitted on)")
        ->check(CLI::IsMember({"golden", "training"}));
    sub->add_option("--description", a->description, "for people");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Example:\n  millwright dataset freeze valves-1 --product pump-house --purpose golden \\\n"
        "    --from 2026-03-09T10:00:00Z --to 2026-03-09T12:00:00Z --labels-signal anomaly");
    sub->callback([&context, a] { context.run([&] { return freeze(context, *a); }); });
}

}  // namespace mw::ctl
