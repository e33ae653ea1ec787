// login, logout, whoami, device (its life), enroll (token, list, approve, deny), token.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/ctl/oidc_login.h"
#include "platform/files/files.h"

namespace mw::ctl {
namespace {

struct LoginArguments {
    std::string hub, token_file, ca;
    bool oidc = false, browser = false;
};

// The hub and its root: as told, or of the login that there was.
Result<Login> hub_to_log_in_to(const Context& context, const LoginArguments& a) {
    if (!context.data_directory.empty()) return login_of_data_directory(context.data_directory);
    Login login;
    if (a.hub.empty() && a.ca.empty()) {
        auto before = load_login(login_path());
        if (before) return before;
    }
    if (a.hub.empty() || a.ca.empty())
        return Error{Errc::invalid_input, "want --hub URL and --ca FILE; or --data DIR"};
    login.hub = a.hub;
    TRY(login.ca, read_file(a.ca));
    return login;
}

Result<> login(Context& context, const LoginArguments& a) {
    Login login;
    if (a.oidc || a.browser) {
        if (!a.token_file.empty())
            return Error{Errc::invalid_input, "--oidc and --token-file: choose one"};
        TRY(login, hub_to_log_in_to(context, a));
        TRY(login, login_with_provider(std::move(login), a.browser));
    } else if (!context.data_directory.empty()) {
        TRY(login, login_of_data_directory(context.data_directory));
    } else {
        if (a.hub.empty() || a.token_file.empty() || a.ca.empty())
            return Error{Errc::invalid_input,
                         "want --hub URL, --token-file FILE and --ca FILE; or --data DIR"};
        login.hub = a.hub;
        TRY(login.token, read_file(a.token_file));
        while (!login.token.empty() && login.token.back() == '\n') login.token.pop_back();
        TRY(login.ca, read_file(a.ca));
    }
    TRY(auto hub, Hub::open(login));
    TRY(const Json who, hub->get("/v1/whoami"));
    TRY_VOID(save_login(login_path(), login));
    std::cout << "logged in to " << login.hub << " as " << cell(who, "name") << "\n";
    const Json* roles = find(who, "roles");
    if (login.provider && roles && roles->is_array() && roles->get_array().empty())
        std::cout << "You have no roles there. Next step: ask who runs the hub to name one of your "
                     "groups in oidc.roles.\n";
    return {};
}

// The file goes in any case; what the provider could not be told is an error.
Result<> logout() {
    const auto path = login_path();
    TRY(const Login login, load_login(path));
    const auto told = end_login(login);
    files::RealFiles files;
    TRY_VOID(files.remove(path));
    std::cout << "logged out of " << login.hub << '\n';
    if (!login.provider)
        std::cout << "The token itself is good until it ends. Next step, if others may have it: "
                     "millwright user revoke NAME\n";
    if (!told)
        return Error{told.error().code,
                     "forgotten here, but the provider could not be told: " + told.error().message +
                         ". Next step: end the session on the provider's own page"};
    return {};
}

Result<> whoami(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Json who, hub->get("/v1/whoami"));
    TRY(const Output output, context.output());
    if (output != Output::table) return print_json_or_yaml(who, output), Result<>{};
    std::cout << cell(who, "name") << "  roles " << cell(who, "roles") << '\n';
    return {};
}

Result<> enroll_token(Context& context, const std::string& group) {
    TRY(Hub * hub, context.hub());
    TRY(const Json answer,
        hub->send(http::Method::post, "/v1/enrollment-groups/" + group + "/token", JsonObject{}));
    TRY(const Output output, context.output());
    if (output != Output::table) return print_json_or_yaml(answer, output), Result<>{};
    std::cout << cell(answer, "token") << '\n';
    return {};
}

Result<> list_enrollments(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Json answer, hub->get("/v1/enrollments"));
    TRY(const Output output, context.output());
    if (output != Output::table) return print_json_or_yaml(answer, output), Result<>{};
    Table table{{"DEVICE", "GROUP", "STATE", "FROM", "SINCE", "KEY", "BY"}, {}};
    for (const Json& each : answer.at("items").as_array())
        table.rows.push_back({cell(each, "device"), cell(each, "group"), cell(each, "state"),
                              cell(each, "from"), cell(each, "since"),
                              cell(each, "key").substr(0, 16), cell(each, "by")});
    std::cout << render(table, terminal_width());
    return {};
}

Result<> decide_enrollment(Context& context, const std::string& device, const char* verb) {
    TRY(Hub * hub, context.hub());
    TRY(const Json answer,
        hub->send(http::Method::post, "/v1/enrollments/" + device + "/" + verb, JsonObject{}));
    std::cout << cell(answer, "device") << " is " << cell(answer, "state") << '\n';
    return {};
}

void add_enrollment_verbs(CLI::App& enroll, Context& context) {
    auto* list = enroll.add_subcommand("list", "devices that wait to be let in");
    add_output_option(*list, context, "table, json, yaml");
    list->callback([&context] { context.run([&] { return list_enrollments(context); }); });
    for (const char* verb : {"approve", "deny"}) {
        const bool yes = std::string_view(verb) == "approve";
        auto* sub = enroll.add_subcommand(
            verb, yes ? "let a device that waits enrol" : "refuse a device that waits");
        auto device = std::make_shared<std::string>();
        sub->add_option("device", *device, "a device of 'millwright enroll list'")->required();
        sub->footer(
            "Compare the key with the device's own before you approve it:\n"
            "  openssl pkey -in KEY -pubout -outform DER | sha256sum");
        sub->callback([&context, device, verb] {
            context.run([&] { return decide_enrollment(context, *device, verb); });
        });
    }
}

struct DeviceMove {
    std::string device, why, other;
};

struct DeviceVerb {
    const char *event, *says;
    const char* other = nullptr;  // the body's key for what follows the device
    const char* other_says = "";
};
constexpr DeviceVerb device_verbs[] = {
    {"quarantine", "it may renew its certificate, and not connect"},
    {"release", "out of quarantine"},
    {"suspend", "it may do nothing; its connections end now"},
    {"resume", "as before it was suspended"},
    {"readmit", "its certificates are void, and it may enrol anew"},
    {"transfer", "to another owner: out now, and in again with their token or factory list", "to",
     "the new owner's EnrollmentGroup"},
    {"replace", "retire a broken device; another one gets its profile, asset and models", "by",
     "the device that takes its place; made if it is new"},
    {"retire", "out of service for good"}};

Result<> move_device(Context& context, const DeviceMove& move, const DeviceVerb& verb) {
    TRY(Hub * hub, context.hub());
    JsonObject body{{"event", verb.event}, {"why", move.why}};
    if (verb.other) body[verb.other] = move.other;
    TRY(const Json answer,
        hub->send(http::Method::post, "/v1/devices/" + move.device + "/life", std::move(body)));
    std::cout << move.device << " is " << cell(answer, "state") << '\n';
    return {};
}

void add_device_verbs(CLI::App& app, Context& context) {
    auto* device = app.add_subcommand("device", "the life of a device");
    device->require_subcommand(1);
    for (const DeviceVerb& verb : device_verbs) {
        auto* sub = device->add_subcommand(verb.event, verb.says);
        auto move = std::make_shared<DeviceMove>();
        sub->add_option("device", move->device, "a Device")->required();
        if (verb.other) sub->add_option(verb.other, move->other, verb.other_says)->required();
        sub->add_option("--why", move->why, "for the audit log");
        sub->callback([&context, move, &verb] {
            context.run([&] { return move_device(context, *move, verb); });
        });
    }
}

Result<> user_token(Context& context, const std::string& user) {
    TRY(Hub * hub, context.hub());
    TRY(const Json answer,
        hub->send(http::Method::post, "/v1/users/" + user + "/token", JsonObject{}));
    std::cout << cell(answer, "token") << '\n';
    return {};
}

}  // namespace

void add_login_verbs(CLI::App& app, Context& context) {
    auto* in = app.add_subcommand("login", "remember a hub and who you are there (mode 0600)");
    auto arguments = std::make_shared<LoginArguments>();
    in->add_option("--hub", arguments->hub, "the hub's API, https://host:8443");
    in->add_option("--token-file", arguments->token_file, "file with the token; - reads it");
    in->add_option("--ca", arguments->ca, "PEM of the root that vouches for the hub");
    in->add_flag("--oidc", arguments->oidc,
                 "by the hub's OpenID provider: a code to enter on any device");
    in->add_flag("--browser", arguments->browser, "the same, by a browser on this machine");
    in->footer(
        "Examples:\n"
        "  millwright login --data /var/lib/millwright      on the hub's machine\n"
        "  millwright login --oidc --hub https://hub:8443 --ca root.pem\n"
        "  millwright login --oidc                          again, at the same hub");
    in->callback(
        [&context, arguments] { context.run([&] { return login(context, *arguments); }); });

    auto* out = app.add_subcommand("logout", "forget the login, and tell its provider");
    out->callback([&context] { context.run(logout); });

    auto* who = app.add_subcommand("whoami", "the user and roles of the login");
    add_output_option(*who, context, "table, json, yaml");
    who->callback([&context] { context.run([&] { return whoami(context); }); });

    auto* enroll = app.add_subcommand("enroll", "let devices in");
    enroll->require_subcommand(1);
    auto* token =
        enroll->add_subcommand("token", "make a token of an enrollment group; shown once");
    auto group = std::make_shared<std::string>();
    token->add_option("group", *group, "an EnrollmentGroup")->required();
    add_output_option(*token, context, "table, json, yaml");
    token->footer(
        "Then, on the device:\n"
        "  millwright-edge enroll --hub https://hub:8444 --token TOKEN --pin ROOT_SPKI_SHA256 \\\n"
        "    --name gw-1 --data DIR");
    token->callback(
        [&context, group] { context.run([&] { return enroll_token(context, *group); }); });

    add_enrollment_verbs(*enroll, context);
    add_device_verbs(app, context);

    auto* user = app.add_subcommand("token", "make a token for a user; shown once");
    auto name = std::make_shared<std::string>();
    user->add_option("user", *name, "a User")->required();
    user->callback([&context, name] { context.run([&] { return user_token(context, *name); }); });
}

}  // namespace mw::ctl
