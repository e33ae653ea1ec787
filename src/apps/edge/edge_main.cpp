// millwright-edge: the program of a gateway.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/edge/edge.h"

namespace {

struct Arguments {
    mw::edge::EnrollArguments enroll;
    mw::edge::RunArguments run;
    std::string status_directory;
    bool json = false;
    std::string bundle;
    std::vector<std::string> served;
    std::string unit = "millwright-edge";
    bool follow = false;
};

constexpr const char* sources_help =
    "What it reads is described in the device's resource at the hub, spec.sources "
    "(docs/formats/sources.md):\n"
    "  csv, parquet  a recording, replayed with its own spacing\n"
    "  mqtt          what publishes beside this gateway: it is a small broker\n"
    "  modbus        a machine that is asked over Modbus TCP\n"
    "  exec          a program; its path has to be in DIR/exec.allow here\n"
    "  stdin         lines of our own input: something | millwright-edge run --data DIR\n"
    "  host          this gateway's own health\n"
    "Try: millwright apply DEVICE.yaml with spec.sources: {host: {type: host, every: 10s}}; "
    "millwright-edge doctor --data DIR says which came up, and why not.";

int finish(const mw::Result<>& outcome) {
    if (outcome) return 0;
    std::cerr << "millwright-edge: " << outcome.error().message << '\n';
    return outcome.error().code == mw::Errc::invalid_input ? 2 : 1;
}

void describe(CLI::App& app, Arguments& a, mw::Result<>& outcome) {
    app.require_subcommand(1);
    app.set_version_flag("--version", MW_VERSION);
    auto* enroll = app.add_subcommand(
        "enroll", "get a certificate with an enrolment token, or with the maker's certificate");
    enroll->add_option("--hub", a.enroll.hub, "the hub's device listener, https://host:8444")
        ->required();
    enroll->add_option("--token", a.enroll.token, "from: millwright enroll token GROUP");
    enroll->add_option("--token-file", a.enroll.token_file, "file that holds it");
    enroll->add_option("--pin", a.enroll.pin, "SHA-256 of the root's public key, hex")->required();
    enroll->add_option("--name", a.enroll.name, "this device's name")->required();
    enroll->add_option("--data", a.enroll.directory, "where key and certificate are kept")
        ->required();
    enroll->add_option("--wait", a.enroll.wait, "how long, when an operator must approve it");
    enroll->add_option("--factory-cert", a.enroll.factory_certificate,
                       "instead of a token: the maker's certificate (IDevID), PEM; stays there");
    enroll->add_option("--factory-key", a.enroll.factory_key, "and its key");
    enroll->callback([&] { outcome = mw::edge::enroll(a.enroll); });

    auto* run = app.add_subcommand("run", "read sources, run models, forward to the hub");
    run->add_option("--data", a.run.directory, "the directory of enroll")->required();
    run->add_option("--outbox-bytes", a.run.outbox_bytes, "limit of store and forward on disk");
    run->add_flag("--refuse-when-full", a.run.refuse_when_full,
                  "sources wait when it is full; default: the oldest goes, counted");
    run->add_option("--label-listen", a.run.label_listen,
                    "where the page for labels is, ADDRESS:PORT or off; default 127.0.0.1:0");
    run->add_option("--label-cert", a.run.label_certificate,
                    "its certificate with chain, PEM; wanted beyond loopback");
    run->add_option("--label-key", a.run.label_key, "and its key");
    run->add_option("--label-token-file", a.run.label_token_file,
                    "file with the token that the page asks for; wanted beyond loopback");
    run->add_option("--label-bytes", a.run.label_bytes,
                    "limit of the data kept around events on disk");
    run->add_option("--log-level", a.run.log_level, "debug, info, warn, error, off");
    run->add_option("--log-format", a.run.log_format, "text or json");
    run->footer(sources_help);
    run->callback([&] { outcome = mw::edge::run(a.run); });

    auto* measure = app.add_subcommand(
        "measure", "what a bundle costs here: latency per window, peak memory of this process");
    measure->add_option("--bundle", a.bundle, "a bundle, from millwright model train --out")
        ->required();
    measure->callback([&] { outcome = mw::edge::measure(a.bundle); });

    auto* serve = app.add_subcommand("serve-model", "started by run: one model, apart from others");
    serve->group("")->add_option("arguments", a.served)->expected(4);
    serve->callback([&] { outcome = mw::edge::serve_model(a.served); });

    auto* status = app.add_subcommand("status", "who this gateway is and how it stands");
    status->add_option("--data", a.status_directory, "the directory of enroll")->required();
    status->add_flag("--json", a.json, "as JSON");
    status->callback([&] { outcome = mw::edge::status(a.status_directory, a.json); });

    auto* doctor = app.add_subcommand("doctor", "what is wrong here, and what to do about it");
    doctor->add_option("--data", a.status_directory, "the directory of enroll")->required();
    doctor->add_flag("--json", a.json, "as JSON");
    doctor->callback([&] { outcome = mw::edge::doctor(a.status_directory, a.json); });

    auto* logs = app.add_subcommand("logs", "what systemd kept of the agent's logs");
    logs->add_option("--unit", a.unit, "its unit");
    logs->add_flag("--follow,-f", a.follow, "and what comes");
    logs->callback([&] { outcome = mw::edge::logs(a.unit, a.follow); });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "The agent of a Millwright gateway: sources (csv, parquet, mqtt, modbus, exec, stdin, "
        "host), "
        "models at the edge, store and forward."};
    app.footer("First enroll, then run; doctor says what is wrong. What run reads: run --help.");
    Arguments arguments;
    mw::Result<> outcome;
    describe(app, arguments, outcome);
    CLI11_PARSE(app, argc, argv);
    return finish(outcome);
}
