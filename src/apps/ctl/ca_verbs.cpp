// ca init, show, request, sign, install: authorities by hand.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/hub/hub.h"

namespace mw::ctl {
namespace {

using hub::CaOrder;
using Order = std::shared_ptr<CaOrder>;

Result<> tell_authorities(Context& context, const Result<Json>& answer) {
    TRY(const Output output, context.output());
    if (!answer) return answer.error();
    if (output != Output::table) return print_json_or_yaml(*answer, output), Result<>{};
    Table table{{"authority", "name", "for", "kind", "ends", "key"}, {}};
    for (const Json& each : answer->at("items").get_array())
        table.rows.push_back({cell(each, "authority"), cell(each, "name"), cell(each, "for"),
                              cell(each, "kind"), cell(each, "ends"), cell(each, "key")});
    std::cout << render(table, 0);
    return {};
}

// "pkcs11:..." is a name, all else a file.
void take_key(CaOrder& order, const std::string& key) {
    if (key.starts_with("pkcs11:") || key.starts_with("file:"))
        order.issuing_uri = key;
    else
        order.key = key;
}

Order add_ca_verb(CLI::App& group, CLI::App*& sub, const char* name, const char* help) {
    sub = group.add_subcommand(name, help);
    return std::make_shared<CaOrder>();
}

void add_authority(CLI::App& sub, const Order& order) {
    sub.add_option("--authority", order->authority,
                   "its name in authority.issuing of DATA/hub.yaml; else the default one");
}

void want_data(CLI::App& sub, const Order& order) {
    sub.add_option("--data", order->directory, "the hub's data directory")->required();
}

void add_init(CLI::App& group, Context& context) {
    CLI::App* sub = nullptr;
    const Order order = add_ca_verb(group, sub, "init", "make the authorities of a new hub");
    want_data(*sub, order);
    auto* offline = sub->add_option("--offline-root", order->offline_root,
                                    "folder for the root's key, as of a stick that goes into a "
                                    "safe; the hub runs without it");
    sub->add_option("--root-key", order->root_uri, "the root's key in a token: pkcs11:...")
        ->excludes(offline);
    sub->add_option("--issuing-key", order->issuing_uri,
                    "the issuing authority's key in a token: pkcs11:...");
    sub->add_option("--organisation", order->organisation, "in the authorities' names");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "Keys in tokens are made by the token's tools, and reached as DATA/hub.yaml says:\n"
        "  authority: {token_module: /usr/lib/softhsm/libsofthsm2.so, token_pin_file: token.pin}\n"
        "Example:\n  millwright ca init --data DIR --offline-root /media/safe --issuing-key "
        "'pkcs11:token=plant;object=issuing'");
    sub->callback([&context, order] {
        context.run([&] { return tell_authorities(context, hub::ca_init(*order)); });
    });
}

void add_request(CLI::App& group, Context& context) {
    CLI::App* sub = nullptr;
    const Order order = add_ca_verb(group, sub, "request",
                                    "ask a root for the next issuing authority, or the first");
    want_data(*sub, order);
    add_authority(*sub, order);
    sub->add_option("--key", order->issuing_uri,
                    "pkcs11:... or file:/...; else a new one, pki/next.key");
    sub->add_option("--organisation", order->organisation, "in the authority's name");
    auto out = std::make_shared<std::string>();
    sub->add_option("--out", *out, "file for the request (PKCS#10, PEM)")->required();
    sub->callback([&context, order, out] {
        context.run([&]() -> Result<> {
            TRY(const std::string pem, hub::ca_request(*order));
            return write_file(*out, pem);
        });
    });
}

void add_sign(CLI::App& group, Context& context) {
    CLI::App* sub = nullptr;
    const Order order =
        add_ca_verb(group, sub, "sign", "sign such a request, where the root's key is");
    sub->add_option("--root", order->root_folder, "folder with root.pem and root.key, or root.uri")
        ->required();
    sub->add_option("request", order->request, "the request's file")->required();
    sub->add_option("--days", order->days, "how long the authority lives");
    sub->add_option("--token-module", order->token_module, "library of the root's token");
    sub->add_option("--token-pin-file", order->token_pin_file, "file with its PIN, mode 0600");
    auto out = std::make_shared<std::string>();
    sub->add_option("--out", *out, "file for the certificate (PEM)")->required();
    sub->callback([&context, order, out] {
        context.run([&]() -> Result<> {
            TRY(const std::string pem, hub::ca_sign(*order));
            return write_file(*out, pem);
        });
    });
}

void add_install(CLI::App& group, Context& context) {
    CLI::App* sub = nullptr;
    const Order order =
        add_ca_verb(group, sub, "install", "put a signed issuing authority in place");
    want_data(*sub, order);
    add_authority(*sub, order);
    sub->add_option("certificate", order->certificate, "its file (PEM)")->required();
    sub->add_option("--root", order->root, "the root's certificate, for a new hub");
    auto key = std::make_shared<std::string>();
    sub->add_option("--key", *key,
                    "a key of your own: a PEM file, which is copied, or file:/... or pkcs11:..., "
                    "which stays; else that of the request");
    add_output_option(*sub, context, "table, json, yaml");
    sub->footer(
        "The one before goes on being trusted until it ends. A hub that runs takes up the new one\n"
        "at SIGHUP.");
    sub->callback([&context, order, key] {
        take_key(*order, *key);
        context.run([&] { return tell_authorities(context, hub::ca_install(*order)); });
    });
}

}  // namespace

void add_ca_verbs(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("ca", "authorities by hand, where the hub's data are");
    group->require_subcommand(1);
    add_init(*group, context);
    CLI::App* show = nullptr;
    const Order order =
        add_ca_verb(*group, show, "show", "which there are and where their keys are");
    want_data(*show, order);
    add_output_option(*show, context, "table, json, yaml");
    show->callback([&context, order] {
        context.run([&] { return tell_authorities(context, hub::ca_show(*order)); });
    });
    add_request(*group, context);
    add_sign(*group, context);
    add_install(*group, context);
}

}  // namespace mw::ctl
