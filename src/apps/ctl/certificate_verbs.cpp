// certificate list, show, revoke.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"

namespace mw::ctl {
namespace {

struct CertificateArguments {
    std::string serial, device, user, subject, state, reason = "unspecified", why;
    std::size_t limit = 100;
};

std::string subject_of(const CertificateArguments& a) {
    if (!a.device.empty()) return "device:" + a.device;
    if (!a.user.empty()) return "user:" + a.user;
    return a.subject;
}

Result<> list_certificates(Context& context, const CertificateArguments& a) {
    TRY(const Output output, context.output());
    TRY(Hub * hub, context.hub());
    std::vector<std::pair<std::string, std::string>> query{{"limit", std::to_string(a.limit)}};
    if (const auto subject = subject_of(a); !subject.empty())
        query.emplace_back("subject", subject);
    if (!a.state.empty()) query.emplace_back("state", a.state);
    TRY(const Json answer, hub->get("/v1/certificates", std::move(query)));
    if (output != Output::table) return print_json_or_yaml(answer, output), Result<>{};
    Table table{{"serial", "subject", "state", "issued", "ends", "reason"}, {}};
    for (const Json& each : answer.at("items").get_array())
        table.rows.push_back({cell(each, "serial"), cell(each, "subject"), cell(each, "state"),
                              cell(each, "issued"), cell(each, "not_after"), cell(each, "reason")});
    std::cout << render(table, terminal_width());
    return {};
}

Result<> show_certificate(Context& context, const CertificateArguments& a) {
    TRY(const Output output, context.output());
    TRY(Hub * hub, context.hub());
    TRY(const Json one, hub->get("/v1/certificates/" + a.serial));
    if (output != Output::table) return print_json_or_yaml(one, output), Result<>{};
    Table table{{"field", "value"}, {}};
    for (const auto& [key, value] : one.get_object()) table.rows.push_back({key, cell(&value)});
    std::cout << render(table, 0);
    return {};
}

Result<> revoke_certificate(Context& context, const CertificateArguments& a) {
    const int named = !a.serial.empty() + !a.device.empty() + !a.user.empty();
    if (named != 1)
        return Error{Errc::invalid_input,
                     "want one of: a serial number, --device NAME, --user NAME"};
    TRY(const Output output, context.output());
    TRY(Hub * hub, context.hub());
    JsonObject body{{"reason", a.reason}, {"why", a.why}};
    if (a.serial.empty())
        body["subject"] = subject_of(a);
    else
        body["serial"] = a.serial;
    TRY(const Json done, hub->send(http::Method::post, "/v1/certificates:revoke", std::move(body)));
    if (output != Output::table) return print_json_or_yaml(done, output), Result<>{};
    for (const Json& each : done.at("revoked").get_array())
        std::cout << "revoked " << cell(each, "serial") << " of " << cell(each, "subject") << ", "
                  << a.reason << "\n";
    std::cout << "sessions ended: " << cell(done, "sessions_ended") << "\n";
    return {};
}

}  // namespace

void add_certificate_verbs(CLI::App& app, Context& context) {
    auto* group = app.add_subcommand("certificate", "certificates of devices and users");
    group->require_subcommand(1);

    auto* list = group->add_subcommand("list", "which there are, newest first");
    auto a = std::make_shared<CertificateArguments>();
    list->add_option("--device", a->device, "of this device only");
    list->add_option("--user", a->user, "of this user only");
    list->add_option("--subject", a->subject, "as device:gw-1, user:ada, signing:release");
    list->add_option("--state", a->state, "good, revoked or expired");
    list->add_option("--limit", a->limit, "at most so many");
    add_output_option(*list, context, "table, json, yaml");
    list->callback([&context, a] { context.run([&] { return list_certificates(context, *a); }); });

    auto* show = group->add_subcommand("show", "all that is known of one");
    auto b = std::make_shared<CertificateArguments>();
    show->add_option("serial", b->serial, "its serial number, hex")->required();
    add_output_option(*show, context, "table, json, yaml");
    show->callback([&context, b] { context.run([&] { return show_certificate(context, *b); }); });

    auto* revoke = group->add_subcommand("revoke", "make it good for nothing, now");
    auto c = std::make_shared<CertificateArguments>();
    revoke->add_option("serial", c->serial, "of one certificate, hex");
    revoke->add_option("--device", c->device, "all certificates of this device instead");
    revoke->add_option("--user", c->user, "all certificates of this user instead");
    revoke->add_option("--reason", c->reason,
                       "key-compromise, ca-compromise, affiliation-changed, superseded, "
                       "cessation-of-operation, privilege-withdrawn, unspecified");
    revoke->add_option("--why", c->why, "in a person's words; it stays in the audit log");
    add_output_option(*revoke, context, "table, json, yaml");
    revoke->footer(
        "Sessions with it end on every listener before this returns, and the lists of revoked\n"
        "certificates have it. There is no way back: a device enrols again with a token. Its key\n"
        "is refused too, if the reason is key-compromise.\n"
        "Example:\n  millwright certificate revoke --device gw-7 --reason key-compromise --why "
        "'gateway stolen'");
    revoke->callback(
        [&context, c] { context.run([&] { return revoke_certificate(context, *c); }); });
}

}  // namespace mw::ctl
