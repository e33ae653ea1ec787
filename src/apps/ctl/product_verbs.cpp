// product export, import, diff, check, policy, scorecard: data products as contracts.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <iostream>

#include "apps/ctl/command.h"
#include "data/products/products.h"
#include "data/registry/registry.h"

namespace mw::ctl {
namespace {

struct ProductArguments {
    std::string name, file, out;
    products::ImportOptions as;
    bool dry_run = false, print = false;
    int days = 7;
};

// What stands in a file: a contract of the standard, or a DataProduct of ours.
Result<products::Imported> product_in(const std::string& file,
                                      const products::ImportOptions& options) {
    TRY(const std::string text, read_file(file));
    TRY(const JsonArray documents, parse_yaml(text).context("reading '" + file + "'"));
    if (documents.size() != 1)
        return Error{Errc::invalid_input, "'" + file + "' has " + std::to_string(documents.size()) +
                                              " documents, want one contract or DataProduct"};
    if (products::is_contract(documents[0]))
        return products::import_contract(documents[0], options).context(file);
    products::Imported found;
    TRY(found.product, resource_from_json(documents[0]).context(file));
    if (found.product.kind != "DataProduct")
        return Error{Errc::invalid_input,
                     file + ": kind: want DataContract or DataProduct, not " + found.product.kind};
    TRY_VOID(registry::check(found.product).context(file));
    return found;
}

void tell_what_is_kept(const products::Imported& imported) {
    for (const auto& note : imported.notes) std::cerr << "note: " << note << '\n';
    if (imported.kept.empty()) return;
    std::cerr << "kept and exported again, but it means nothing here:\n";
    for (const auto& path : imported.kept) std::cerr << "  " << path << '\n';
}

Json manifest_of(const Resource& product) {
    JsonObject labels;
    for (const auto& [key, value] : product.labels) labels[key] = value;
    JsonObject manifest{{"kind", product.kind}, {"name", product.name}, {"domain", product.domain}};
    if (!labels.empty()) manifest["labels"] = std::move(labels);
    manifest["spec"] = product.spec;
    return manifest;
}

Result<> export_product(Context& context, const ProductArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json contract, hub->get("/v1/data-products/" + a.name + "/contract"));
    const std::string text =
        output == Output::json ? to_pretty_json(contract) + "\n" : to_yaml(contract);
    if (a.out.empty()) return std::cout << text, Result<>{};
    return write_file(a.out, text);
}

// A contract doesn't know which devices are meant here.
Result<> keep_selection(Hub& hub, Resource& product) {
    if (find(product.spec, "select")) return {};
    const auto stored = hub.get("/v1/data-products/" + product.name);
    if (!stored && stored.error().code == Errc::not_found) return {};
    if (!stored) return stored.error();
    if (const Json* select = find(*stored, "spec.select"))
        product.spec.get_object()["select"] = *select;
    return {};
}

Result<> import_product(Context& context, const ProductArguments& a) {
    TRY(auto imported, product_in(a.file, a.as));
    tell_what_is_kept(imported);
    if (a.print) return std::cout << to_yaml(manifest_of(imported.product)), Result<>{};
    TRY(Hub * hub, context.hub());
    TRY_VOID(keep_selection(*hub, imported.product));
    return apply_resource(*hub, manifest_of(imported.product), a.dry_run);
}

Result<> check_product(Context&, const ProductArguments& a) {
    TRY(const auto imported, product_in(a.file, a.as));
    tell_what_is_kept(imported);
    TRY(const Json contract, products::export_contract(imported.product));
    const Json* signals = find(imported.product.spec, "signals");
    std::cout << a.file << ": contract " << imported.product.name << " "
              << cell(contract, "version") << " (" << cell(contract, "status") << ") is valid, "
              << (signals ? signals->get_array().size() : 0) << " signals\n";
    return {};
}

std::string names_of(const Json& list) {
    std::string text;
    for (const Json& name : list.get_array())
        text += (text.empty() ? "" : ", ") + std::string(name.get_string());
    return text.empty() ? "-" : text;
}

// A whole signal in a cell helps nobody.
std::string short_cell(const Json& value, std::string_view path) {
    constexpr std::size_t shown = 40;
    auto text = cell(value, path);
    if (text.size() > shown) text = text.substr(0, shown) + "...";
    return text;
}

void print_comparison(const Json& comparison) {
    Table table{{"EFFECT", "PATH", "FROM", "TO", "BREAKS", "WHY"}, {}};
    for (const Json& change : find(comparison, "changes")->get_array())
        table.rows.push_back({cell(change, "effect"), cell(change, "path"),
                              short_cell(change, "from"), short_cell(change, "to"),
                              names_of(*find(change, "breaks")), cell(change, "why")});
    if (table.rows.empty()) {
        std::cout << "no difference\n";
        return;
    }
    std::cout << render(table, terminal_width()) << "version " << cell(comparison, "from") << " -> "
              << cell(comparison, "to");
    const auto next = find_string(comparison, "next_version").value_or("");
    if (!next.empty() && cell(comparison, "needs") != "nothing")
        std::cout << "; the changes need a new " << cell(comparison, "needs")
                  << " version, at least " << next;
    std::cout << '\n';
}

Result<> diff_product(Context& context, const ProductArguments& a) {
    TRY(auto imported, product_in(a.file, a.as));
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY_VOID(keep_selection(*hub, imported.product));
    const Json body{{"spec", imported.product.spec}, {"domain", imported.product.domain}};
    TRY(const Json comparison,
        hub->send(http::Method::post, "/v1/data-products/" + imported.product.name + "/diff",
                  body));
    const auto refused = find_string(comparison, "refused").value_or("");
    if (output == Output::json || output == Output::yaml)
        print_json_or_yaml(comparison, output);
    else
        print_comparison(comparison);
    if (refused.empty()) return {};
    auto why = refused.substr(0, refused.find('\n'));
    if (why.ends_with(':')) why.pop_back();  // the changes are in the table
    return Error{Errc::conflict, "the hub would refuse it: " + why};
}

Result<> show_policy(Context& context, const ProductArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json policy, hub->get("/v1/data-products/" + a.name + "/policy"));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(policy, output), Result<>{};
    Table table{{"RULE", "HOLDS", "FROM"}, {}};
    for (const Json& line : find(policy, "lines")->get_array())
        table.rows.push_back(
            {cell(line, "rule"), cell(line, "value"), names_of(*find(line, "from"))});
    if (table.rows.empty()) std::cout << "no policy binds " << a.name << '\n';
    if (!table.rows.empty()) std::cout << render(table, terminal_width());
    for (const auto& [key, title] : {std::pair{"overruled", "without effect, for it is laxer"},
                                     std::pair{"faults", "the product asks for what it may not"}}) {
        const auto& told = find(policy, key)->get_array();
        if (!told.empty()) std::cout << title << ":\n";
        for (const Json& one : told) std::cout << "  " << std::string(one.get_string()) << '\n';
    }
    return {};
}

std::string percent_cell(const Json& day, const char* key) {
    const auto share = find_number(day, key);
    if (!share) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", 100 * *share);
    return text;
}

Result<> show_scorecard(Context& context, const ProductArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(const Json card,
        hub->get("/v1/data-products/" + a.name + "/scorecard", {{"days", std::to_string(a.days)}}));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(card, output), Result<>{};
    Table table{{"DAY", "POINTS", "COMPLETE %", "GOOD %", "LATE %", "CONTRACT"}, {}};
    for (const Json& day : find(card, "days")->get_array()) {
        std::string broken;
        for (const Json& breach : find(day, "breaches")->get_array())
            broken += (broken.empty() ? "" : "; ") + cell(breach, "says");
        const bool whole = find_bool(day, "whole").value_or(true);
        table.rows.push_back({cell(day, "day"), cell(day, "points"),
                              percent_cell(day, "completeness"), percent_cell(day, "good"),
                              percent_cell(day, "late"),
                              !broken.empty() ? broken
                              : whole         ? "kept"
                                              : "not over"});
    }
    std::cout << render(table, terminal_width());
    if (find_string(card, "breach.says"))
        std::cout << "broken, " << cell(card, "breach.owner")
                  << " is told: " << cell(card, "breach.says") << '\n';
    return {};
}

using ProductVerb = Result<> (*)(Context&, const ProductArguments&);

std::shared_ptr<ProductArguments> finish_verb(CLI::App& sub, Context& context, ProductVerb verb,
                                              const char* example) {
    auto a = std::make_shared<ProductArguments>();
    sub.footer(std::string("Example:\n  ") + example);
    sub.callback([&context, a, verb] { context.run([&] { return verb(context, *a); }); });
    return a;
}

void add_file_options(CLI::App& sub, ProductArguments& a) {
    sub.add_option("file", a.file,
                   "a contract (Open Data Contract Standard 3) or a DataProduct; - reads it")
        ->required();
    sub.add_option("--name", a.as.name, "the data product, where the contract's name can't be one");
    sub.add_option("--domain", a.as.domain, "its domain, instead of the contract's");
    sub.add_option("--contract-version", a.as.version,
                   "MAJOR.MINOR.PATCH, where the contract's version isn't");
}

}  // namespace

void add_product_verbs(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("product", "data products as contracts, and their policies");
    group->require_subcommand(1);
    auto* sub = group->add_subcommand("export", "the contract, as the standard writes it");
    auto a = finish_verb(*sub, context, export_product,
                         "millwright product export line-7 -f line-7.odcs.yaml");
    sub->add_option("name", a->name, "a DataProduct with a version")->required();
    sub->add_option("-f,--file", a->out, "write it there");
    add_output_option(*sub, context, "yaml, json");

    sub = group->add_subcommand("import", "a contract becomes a DataProduct, or changes it");
    a = finish_verb(*sub, context, import_product,
                    "millwright product import line-7.odcs.yaml --dry-run");
    add_file_options(*sub, *a);
    sub->add_flag("--dry-run", a->dry_run, "check and show what would change, write nothing");
    sub->add_flag("--print", a->print, "print the DataProduct; no hub is asked");

    sub = group->add_subcommand("diff", "what a file would change, and whom it breaks");
    a = finish_verb(*sub, context, diff_product, "millwright product diff line-7.odcs.yaml");
    add_file_options(*sub, *a);
    add_output_option(*sub, context, "table, json, yaml");

    sub = group->add_subcommand("check", "whether a file is a valid contract; no hub is asked");
    a = finish_verb(*sub, context, check_product, "millwright product check line-7.odcs.yaml");
    add_file_options(*sub, *a);

    sub = group->add_subcommand("policy", "which rules hold for it, and from which policy each is");
    a = finish_verb(*sub, context, show_policy, "millwright product policy line-7");
    sub->add_option("name", a->name, "a DataProduct")->required();
    add_output_option(*sub, context, "table, json, yaml");

    sub = group->add_subcommand("scorecard", "how good it was, day by day, and what was promised");
    a = finish_verb(*sub, context, show_scorecard, "millwright product scorecard line-7 --days 14");
    sub->add_option("name", a->name, "a DataProduct")->required();
    sub->add_option("--days", a->days, "so many, today included; at most 90");
    add_output_option(*sub, context, "table, json, yaml");
}

}  // namespace mw::ctl
