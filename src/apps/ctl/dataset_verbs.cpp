// dataset freeze, export.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <iostream>

#include "apps/ctl/artifacts.h"
#include "apps/ctl/command.h"
#include "data/datasets/datasets.h"

#include "base/number.h"

namespace mw::ctl {
namespace {

struct FreezeArguments {
    std::string name, product, from, to, label_signal, as_of, description;
    std::string purpose = "training";
    std::vector<std::string> devices, signals;
    std::vector<std::string> split_at, shares;
    std::string group_by = "device", window, gap;
    std::uint64_t seed = 1;
    bool no_answers = false, allow_leaks = false;
};

Json list_of(const std::vector<std::string>& texts) {
    JsonArray list;
    for (const auto& text : texts) list.emplace_back(text);
    return list;
}

// "train=0.8"
Result<JsonObject> share_of(const std::string& text) {
    const auto equals = text.find('=');
    double share = 0;
    if (equals == std::string::npos || !read_number(text.substr(equals + 1), share))
        return Error{Errc::invalid_input,
                     "--share " + text + ": want NAME=SHARE, such as train=0.8"};
    return JsonObject{{"name", text.substr(0, equals)}, {"share", share}};
}

// One boundary: train, test; two: train, validate, test. Other parts: apply -f.
Result<JsonObject> splits_of(const FreezeArguments& a) {
    JsonObject splits;
    if (a.split_at.size() > 2)
        return Error{Errc::invalid_input,
                     "--split-at: want one or two times; more parts: millwright apply -f"};
    if (!a.split_at.empty()) {
        JsonArray parts{JsonObject{{"name", "train"}, {"to", a.split_at[0]}}};
        if (a.split_at.size() == 2)
            parts.push_back(JsonObject{{"name", "validate"}, {"to", a.split_at[1]}});
        parts.push_back(JsonObject{{"name", "test"}});
        splits["by_time"] = std::move(parts);
    }
    JsonArray groups;
    for (const auto& text : a.shares) {
        TRY(JsonObject share, share_of(text));
        groups.push_back(std::move(share));
    }
    if (!groups.empty())
        splits["by_group"] =
            JsonObject{{"of", a.group_by}, {"seed", a.seed}, {"parts", std::move(groups)}};
    if (!a.window.empty()) splits["window"] = a.window;
    if (!a.gap.empty()) splits["gap"] = a.gap;
    return splits;
}

Result<Json> spec_of(const FreezeArguments& a) {
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
    if (a.allow_leaks) spec["allow_leaks"] = true;
    TRY(JsonObject splits, splits_of(a));
    if (!splits.empty()) spec["splits"] = std::move(splits);
    return Json(std::move(spec));
}

bool is_settled(const Json& dataset) {
    const auto state = find_string(dataset, "status.state");
    return state == "frozen" || state == "failed";
}

Result<> freeze(Context& context, const FreezeArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json spec, spec_of(a));
    const Json resource = {{"kind", "Dataset"}, {"name", a.name}, {"spec", spec}};
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
    if (const Json* splits = find(dataset, "status.splits")) {
        Table table{{"SPLIT", "ROWS", "DEVICES", "LABELLED", "ANOMALOUS"}, {}};
        for (const Json& split : splits->get_array())
            table.rows.push_back({cell(split, "name"), cell(split, "rows"), cell(split, "devices"),
                                  cell(split, "labelled_rows"), cell(split, "anomalous_rows")});
        std::cout << render(table, terminal_width());
    }
    if (find(dataset, "status.leaks.told"))
        std::cout << "with " << cell(dataset, "status.leaks.number")
                  << " leaks, as allow_leaks says: millwright get dataset " << a.name
                  << " -o yaml\n";
    return {};
}

struct ExportArguments {
    std::string name, out;
};

Result<> export_dataset(Context& context, const ExportArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Json found, hub->get("/v1/datasets/" + a.name));
    TRY(const Resource dataset, resource_from_json(found));
    TRY(const Json card, datasets::data_card(dataset));
    TRY(const std::string bytes, download_dataset(*hub, found));
    TRY(const auto content, datasets::read_dataset(bytes));
    std::error_code failed;
    const auto folder = std::filesystem::absolute(a.out, failed);
    if (!failed) std::filesystem::create_directories(folder, failed);
    if (failed) return Error{Errc::io_failed, "cannot make '" + a.out + "': " + failed.message()};
    const auto path = [&](const char* name) { return (folder / name).string(); };
    TRY_VOID(write_file(path("dataset.csv"), bytes));
    TRY_VOID(datasets::write_parquet(content, path("dataset.parquet")));
    TRY_VOID(write_file(path("card.json"), to_pretty_json(card) + "\n"));
    TRY_VOID(write_file(path("card.md"), datasets::card_markdown(card)));
    std::cout << "datasets/" << a.name << " written to " << a.out
              << ": dataset.parquet, dataset.csv (sha256 " << cell(found, "status.sha256")
              << "), card.md, card.json\n";
    return {};
}

void add_split_options(CLI::App& sub, FreezeArguments& a) {
    sub.add_option("--split-at", a.split_at,
                   "a time: train is before it, test after; two: validate is between")
        ->delimiter(',');
    sub.add_option("--share", a.shares, "parts of whole groups, as train=0.8,test=0.2")
        ->delimiter(',');
    sub.add_option("--group-by", a.group_by, "what a group is: device or asset")
        ->check(CLI::IsMember({"device", "asset"}));
    sub.add_option("--seed", a.seed, "draws the groups");
    sub.add_option("--window", a.window, "how far back a model looks, such as 60s");
    sub.add_option("--gap", a.gap, "rows so soon after a boundary in time are in no part");
    sub.add_flag("--allow-leaks", a.allow_leaks, "freeze although a leak is found; it is kept");
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
    add_split_options(*sub, *a);
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Example:\n  millwright dataset freeze valves-1 --product pump-house --purpose golden \\\n"
        "    --from 2026-03-09T10:00:00Z --to 2026-03-09T12:00:00Z --labels-signal anomaly");
    sub->callback([&context, a] { context.run([&] { return freeze(context, *a); }); });
    sub = dataset->add_subcommand("export", "Parquet, CSV and a data card, in a folder");
    auto e = std::make_shared<ExportArguments>();
    sub->add_option("name", e->name, "a frozen Dataset")->required();
    sub->add_option("-o,--out", e->out, "the folder; it is made")->required();
    sub->footer("Example:\n  millwright dataset export valves-1 -o valves-1");
    sub->callback([&context, e] { context.run([&] { return export_dataset(context, *e); }); });
}

}  // namespace mw::ctl
