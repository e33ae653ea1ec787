// device import.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iostream>
#include <map>

#include "apps/ctl/command.h"
#include "apps/ctl/device_import.h"

namespace mw::ctl {
namespace {

constexpr std::size_t rows_per_call = 2'000;

struct ImportArguments {
    std::string file, domain;
    bool dry_run = false, update = false;
};

struct Tally {
    std::map<std::string, std::uint64_t> counts;
    std::vector<std::vector<std::string>> told;  // line, name, outcome, why

    void refuse(const DeviceRow& row) {
        ++counts["refused"];
        told.push_back({std::to_string(row.line), row.name, "refused", row.why});
    }
    void take(const Json& answer) {
        for (const auto& [outcome, count] : answer.at("counts").get_object())
            counts[std::string(outcome)] += count.to_number<std::uint64_t>();
        for (const Json& row : answer.at("rows").get_array())
            told.push_back({cell(row, "row"), cell(row, "name"), cell(row, "outcome"),
                            find_string(row, "why").value_or("")});
    }
};

// Those without a parent go first, so that a gateway is there before what stands behind it.
Result<Tally> send_rows(Hub& hub, std::vector<DeviceRow> rows, const ImportArguments& a) {
    Tally tally;
    std::ranges::stable_sort(rows, {}, [](const DeviceRow& row) {
        return row.why.empty() && find_string(row.device, "spec.parent").has_value();
    });
    JsonArray batch;
    const auto send = [&]() -> Result<> {
        if (batch.empty()) return {};
        TRY(const Json answer, hub.send(http::Method::post, "/v1/devices:import",
                                        JsonObject{{"dry_run", a.dry_run},
                                                   {"update", a.update},
                                                   {"devices", std::exchange(batch, {})}}));
        tally.take(answer);
        return {};
    };
    for (DeviceRow& row : rows) {
        if (!row.why.empty()) {
            tally.refuse(row);
            continue;
        }
        batch.push_back(std::move(row.device));
        if (batch.size() == rows_per_call) TRY_VOID(send());
    }
    TRY_VOID(send());
    std::ranges::stable_sort(tally.told, {}, [](const auto& row) { return std::stoull(row[0]); });
    return tally;
}

Result<> import_csv(Context& context, const ImportArguments& a) {
    TRY(const Output output, context.output());
    TRY(const std::string csv, read_file(a.file));
    TRY(auto rows, device_rows(csv, a.domain).context(a.file));
    TRY(Hub * hub, context.hub());
    TRY(const Tally tally, send_rows(*hub, std::move(rows), a));
    const auto count = [&](const char* outcome) {
        const auto at = tally.counts.find(outcome);
        return at == tally.counts.end() ? 0 : at->second;
    };
    if (output == Output::table) {
        if (!tally.told.empty())
            std::cout << render({{"line", "name", "outcome", "why"}, tally.told}, 0);
        std::cout << (a.dry_run ? "it would be: " : "") << count("created") << " created, "
                  << count("changed") << " changed, " << count("unchanged") << " unchanged, "
                  << count("refused") << " refused\n";
    } else {
        JsonArray items;
        for (const auto& row : tally.told)
            items.push_back(JsonObject{{"line", std::stoull(row[0])},
                                       {"name", row[1]},
                                       {"outcome", row[2]},
                                       {"why", row[3]}});
        JsonObject counts;
        for (const auto& [outcome, number] : tally.counts) counts[outcome] = number;
        print_json_or_yaml(
            JsonObject{
                {"dry_run", a.dry_run}, {"counts", std::move(counts)}, {"rows", std::move(items)}},
            output);
    }
    if (count("refused") == 0) return {};
    return Error{Errc::invalid_input,
                 std::to_string(count("refused")) + " lines of " + a.file +
                     " are refused; mend them and import again, what is there stays unchanged"};
}

// Other verbs of devices may be there already.
CLI::App* device_group(CLI::App& app) {
    for (CLI::App* each : app.get_subcommands(nullptr))
        if (each->get_name() == "device") return each;
    auto* group = app.add_subcommand("device", "devices");
    group->require_subcommand(1);
    return group;
}

}  // namespace

void add_device_import_verb(CLI::App& app, Context& context) {
    auto* sub = device_group(app)->add_subcommand("import", "register devices of a CSV file");
    auto a = std::make_shared<ImportArguments>();
    sub->add_option("file", a->file, "CSV with a header; - is standard input")->required();
    sub->add_option("--domain", a->domain, "of lines that name none");
    sub->add_flag("--dry-run", a->dry_run, "write nothing, and say of every line what would be");
    sub->add_flag("--update", a->update, "change devices that are there and differ");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Columns: name; domain, profile, asset, parent; label:KEY; spec.PATH (numbers, true and\n"
        "false are what they look like; a text that looks like one is written \"\"\"2\"\"\").\n"
        "Each line stands for "
        "itself: what is refused is told with its line, the others are registered. Exit code 2 if\n"
        "any is refused.\n"
        "Example:\n  name,profile,asset,label:line\n  gw-1,pump,pump-1,7\n"
        "  millwright device import devices.csv --dry-run");
    sub->callback([&context, a] { context.run([&] { return import_csv(context, *a); }); });
}

}  // namespace mw::ctl
