// apply, get, describe, delete, watch.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/columns.h"
#include "apps/ctl/command.h"
#include "apps/ctl/diff.h"
#include "apps/ctl/story.h"

namespace mw::ctl {
namespace {

Table table_of(const std::string& plural, const JsonArray& items, bool wide) {
    Table table;
    table.header = {"NAME", "DOMAIN"};
    for (const Column& column : columns_of(plural)) table.header.emplace_back(column.title);
    if (wide) table.header.insert(table.header.end(), {"LABELS", "UPDATED", "REVISION"});
    for (const Json& item : items) {
        std::vector<std::string> row = {cell(item, "name"), cell(item, "domain")};
        for (const Column& column : columns_of(plural)) row.push_back(cell(item, column.path));
        if (wide)
            for (const char* path : {"labels", "updated", "revision"})
                row.push_back(cell(item, path));
        table.rows.push_back(std::move(row));
    }
    return table;
}

struct ApplyArguments {
    std::vector<std::string> files;
    bool dry_run = false;
};

// What people write: everything but what the hub fills in.
Json written_part(const Json& resource) {
    JsonObject part;
    for (const char* key : {"labels", "spec"})
        if (const Json* value = find(resource, key)) part[key] = *value;
    part["domain"] = find_string(resource, "domain").value_or("default");
    return part;
}

using Query = std::vector<std::pair<std::string, std::string>>;

// A device's status moves by itself and takes the revision along: what counts as somebody else's
// change is a new generation.
Result<> replace_spec(Hub& hub, const std::string& path, Json resource, Json before,
                      const Query& query) {
    const auto generation = find_integer(before, "generation");
    for (int tries = 5;; --tries) {
        set(resource, "revision", *find(before, "revision"));
        auto replaced = hub.send(http::Method::put, path, resource, query);
        if (replaced) return {};
        if (replaced.error().code != Errc::conflict || tries == 0)
            return std::move(replaced).error();
        TRY(before, hub.get(path));
        if (find_integer(before, "generation") != generation) return std::move(replaced).error();
    }
}

Result<> apply(Context& context, const ApplyArguments& a) {
    TRY(Hub * hub, context.hub());
    for (const auto& file : a.files) {
        TRY(const std::string text, read_file(file));
        TRY(JsonArray documents, parse_yaml(text).context("reading '" + file + "'"));
        if (documents.empty()) return Error{Errc::invalid_input, "'" + file + "' has no document"};
        for (std::size_t i = 0; i < documents.size(); ++i)
            TRY_VOID(apply_resource(*hub, std::move(documents[i]), a.dry_run)
                         .context(file + ", document " + std::to_string(i + 1)));
    }
    return {};
}

struct GetArguments {
    std::string kind, name, selector, fields;
};

Result<> get(Context& context, const GetArguments& a) {
    TRY(const std::string plural, plural_of(a.kind));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    JsonArray items;
    if (!a.name.empty()) {
        TRY(Json item, hub->get("/v1/" + plural + "/" + a.name));
        if (output == Output::json || output == Output::yaml)
            return print_json_or_yaml(item, output), Result<>{};
        items.push_back(std::move(item));
    } else {
        TRY(items, list_all(*hub, plural, a.selector, a.fields));
    }
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(items, output), Result<>{};
    if (items.empty()) {
        std::cout << "no " << plural << '\n';
        return {};
    }
    std::cout << render(table_of(plural, items, output == Output::wide), terminal_width());
    return {};
}

Result<> describe(Context& context, const GetArguments& a) {
    TRY(const std::string plural, plural_of(a.kind));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Story story, story_of(*hub, plural, a.name));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(json_of(story), output), Result<>{};
    std::cout << tell(story);
    return {};
}

Result<> remove(Context& context, const GetArguments& a) {
    TRY(const std::string plural, plural_of(a.kind));
    TRY(Hub * hub, context.hub());
    TRY_VOID(hub->send(http::Method::del, "/v1/" + plural + "/" + a.name, nullptr));
    std::cout << plural << "/" << a.name << " deleted\n";
    return {};
}

Result<> watch(Context& context, const GetArguments& a) {
    TRY(const std::string plural, plural_of(a.kind));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    const auto print = [&](const http::ServerEvent& event) {
        const auto change = parse_json(event.data);
        if (!change) return true;
        if (output == Output::json || output == Output::ndjson) {
            std::cout << to_json(*change) << std::endl;
            return true;
        }
        const Json* resource = find(*change, "resource");
        std::cout << (event.event.empty() ? cell(*change, "what") : event.event) << "  "
                  << cell(resource ? *resource : *change, "name");
        for (const Column& column : columns_of(plural))
            std::cout << "  " << column.title << "="
                      << cell(resource ? *resource : *change, column.path);
        std::cout << std::endl;
        return true;
    };
    return hub->follow("/v1/" + plural, {{"watch", "1"}}, print);
}

CLI::App* add_verb(CLI::App& app, Context& context, const char* name, const char* help,
                   bool name_required, Result<> (*verb)(Context&, const GetArguments&)) {
    auto* sub = app.add_subcommand(name, help);
    auto a = std::make_shared<GetArguments>();
    sub->add_option("kind", a->kind, "devices, sites, models, ...")->required();
    auto* option = sub->add_option("name", a->name, "one of them");
    if (name_required) option->required();
    if (std::string_view(name) == "get") {
        sub->add_option("-l,--selector", a->selector, "labels, as site=north,tier!=test");
        sub->add_option("--fields", a->fields, "fields, as spec.asset=pump-1");
    }
    add_output_option(*sub, context, "table, wide, json, yaml");
    sub->callback([&context, a, verb] { context.run([&] { return verb(context, *a); }); });
    return sub;
}

}  // namespace

Result<> apply_resource(Hub& hub, Json resource, bool dry_run) {
    TRY(const std::string kind, want_string(resource, "kind"));
    TRY(const std::string name, want_string(resource, "name"));
    TRY(const std::string plural, plural_of_kind(kind));
    const std::string path = "/v1/" + plural + "/" + name;
    Query query;
    if (dry_run) query.emplace_back("dryRun", "1");
    auto before = hub.get(path);
    if (!before && before.error().code != Errc::not_found) return std::move(before).error();
    const std::string suffix = dry_run ? " (dry run)\n" : "\n";
    if (!before) {
        TRY(const Json created, hub.send(http::Method::post, "/v1/" + plural, resource, query));
        std::cout << plural << "/" << name << " created" << suffix;
        return {};
    }
    if (!find(resource, "labels")) set(resource, "labels", JsonObject{});
    const auto changes = differences(written_part(*before), written_part(resource));
    if (changes.empty()) {
        std::cout << plural << "/" << name << " unchanged" << suffix;
        return {};
    }
    TRY_VOID(replace_spec(hub, path, std::move(resource), std::move(*before), query));
    std::cout << plural << "/" << name << " changed" << suffix;
    for (const auto& line : changes) std::cout << "  " << line << '\n';
    return {};
}

void add_resource_verbs(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand("apply", "create or change resources to what files say");
    auto a = std::make_shared<ApplyArguments>();
    sub->add_option("-f,--file", a->files, "YAML or JSON, several documents; - reads them")
        ->required();
    sub->add_flag("--dry-run", a->dry_run, "check and show what would change, write nothing");
    sub->footer(
        "Example:\n  printf 'kind: Site\\nname: north\\nspec: {description: Pump house}\\n' | "
        "millwright apply -f -");
    sub->callback([&context, a] { context.run([&] { return apply(context, *a); }); });

    add_verb(app, context, "get", "list resources, or show one", false, get)
        ->footer("Example:\n  millwright get devices -l line=a -o wide");
    add_verb(app, context, "describe", "one resource: what it says, and its story in order", true,
             describe)
        ->footer("Example:\n  millwright describe rollout pump-2");
    add_verb(app, context, "delete", "remove a resource", true, remove);
    add_verb(app, context, "watch", "show changes as they happen", false, watch);
}

}  // namespace mw::ctl
