// user create, token, certificate, revoke.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "platform/files/files.h"

namespace mw::ctl {
namespace {

constexpr unsigned secret_permissions = 0600;

struct UserArguments {
    std::string name, display_name, token_file, lifetime, purpose, csr_file, out_file;
    std::vector<std::string> roles;
};

// Shown once, or kept in a file that only its owner reads.
Result<> deliver_token(Hub& hub, const UserArguments& a) {
    JsonObject wanted;
    if (!a.lifetime.empty()) wanted["lifetime"] = a.lifetime;
    if (!a.purpose.empty()) wanted["purpose"] = a.purpose;
    TRY(const Json answer,
        hub.send(http::Method::post, "/v1/users/" + a.name + "/token", std::move(wanted)));
    const auto token = cell(answer, "token");
    if (a.token_file.empty() || a.token_file == "-") {
        std::cout << token << "\n";
        return {};
    }
    files::RealFiles files;
    TRY_VOID(files::atomic_replace(files, a.token_file, bytes_of(token + "\n"), secret_permissions)
                 .context("writing the token"));
    std::cout << "a token of " << a.name << " is in " << a.token_file << ", valid until "
              << cell(answer, "expires") << "\n";
    return {};
}

Result<> create(Context& context, const UserArguments& a) {
    TRY(Hub * hub, context.hub());
    JsonArray roles;
    for (const auto& role : a.roles) roles.emplace_back(role);
    JsonObject spec{{"roles", std::move(roles)}};
    if (!a.display_name.empty()) spec["display_name"] = a.display_name;
    const Json user = JsonObject{{"name", a.name}, {"spec", std::move(spec)}};
    TRY_VOID(hub->send(http::Method::post, "/v1/users", user));
    std::cerr << "users/" << a.name << " created\n";
    if (a.token_file.empty()) return {};
    return deliver_token(*hub, a);
}

Result<> issue(Context& context, const UserArguments& a) {
    TRY(Hub * hub, context.hub());
    return deliver_token(*hub, a);
}

Result<> certify(Context& context, const UserArguments& a) {
    TRY(std::string csr, read_file(a.csr_file));
    TRY(Hub * hub, context.hub());
    JsonObject wanted{{"csr", std::move(csr)}};
    if (!a.lifetime.empty()) wanted["lifetime"] = a.lifetime;
    TRY(const Json answer,
        hub->send(http::Method::post, "/v1/users/" + a.name + "/certificate", std::move(wanted)));
    const std::string pem = find_string(answer, "certificate").value_or("");
    if (a.out_file.empty()) return std::cout << pem, Result<>{};
    files::RealFiles files;
    TRY_VOID(files::atomic_replace(files, a.out_file, bytes_of(pem), 0644)
                 .context("writing the certificate"));
    std::cout << "a certificate of " << a.name << " is in " << a.out_file << ", serial "
              << cell(answer, "serial") << ", valid until " << cell(answer, "not_after") << "\n";
    return {};
}

Result<> revoke(Context& context, const UserArguments& a) {
    TRY(Hub * hub, context.hub());
    TRY_VOID(hub->send(http::Method::del, "/v1/users/" + a.name + "/tokens", nullptr));
    std::cout << "every token of " << a.name << " is void\n";
    return {};
}

void add_token_options(CLI::App& sub, const std::shared_ptr<UserArguments>& a, const char* help) {
    sub.add_option("--token-file", a->token_file, help);
    sub.add_option("--lifetime", a->lifetime, "of the token, as 30d; at most 366d");
    sub.add_option("--purpose", a->purpose, "what it is for");
}

}  // namespace

void add_user_verbs(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("user", "people and programs that may log in");
    group->require_subcommand(1);

    auto* make = group->add_subcommand("create", "a user with roles, and a token");
    auto a = std::make_shared<UserArguments>();
    make->add_option("name", a->name, "letters, digits, . _ -")->required();
    make->add_option("--role", a->roles,
                     "admin, operator, viewer, engineer, releaser, ot, it, "
                     "business, or one of your own; repeatable")
        ->required();
    make->add_option("--display-name", a->display_name, "for people");
    add_token_options(*make, a, "make a token too and write it there (0600); - prints it");
    make->footer(
        "Example:\n  millwright user create olga --role ot --role viewer --token-file olga.token");
    make->callback([&context, a] { context.run([&] { return create(context, *a); }); });

    auto* token = group->add_subcommand("token", "a token for a user; shown once");
    auto b = std::make_shared<UserArguments>();
    token->add_option("name", b->name, "a User")->required();
    add_token_options(*token, b, "write it there (0600); default: print it");
    token->callback([&context, b] { context.run([&] { return issue(context, *b); }); });

    auto* certificate =
        group->add_subcommand("certificate", "a client certificate for a user, a program's");
    auto d = std::make_shared<UserArguments>();
    certificate->add_option("name", d->name, "a User")->required();
    certificate->add_option("--csr", d->csr_file, "a request (PKCS#10, PEM) by the program's key")
        ->required();
    certificate->add_option("--out", d->out_file, "write it there; default: print it");
    certificate->add_option("--lifetime", d->lifetime, "as 30d; 90d by default, at most 366d");
    certificate->footer(
        "The program then needs no token: it shows the certificate to the API.\n"
        "Example:\n  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "
        "/CN=erp \\\n    -keyout erp.key -out erp.csr\n  millwright user certificate erp --csr "
        "erp.csr --out erp.pem");
    certificate->callback([&context, d] { context.run([&] { return certify(context, *d); }); });

    auto* end = group->add_subcommand("revoke", "make every token of a user void");
    auto c = std::make_shared<UserArguments>();
    end->add_option("name", c->name, "a User")->required();
    end->callback([&context, c] { context.run([&] { return revoke(context, *c); }); });
}

}  // namespace mw::ctl
