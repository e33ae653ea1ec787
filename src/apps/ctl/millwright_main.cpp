// millwright: the hub, the simulator, and every verb for people and CI.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/hub/hub.h"
#include "apps/sim/sim.h"
#include "base/config.h"
#include "base/log.h"

namespace {

using mw::ctl::Context;

mw::Result<> tell_check(Context& context, const mw::hub::HubOptions& options) {
    TRY(const auto found, mw::hub::check_options(options));
    TRY(const auto output, context.output());
    if (output == mw::ctl::Output::table)
        std::cout << mw::hub::findings_text(found);
    else
        mw::ctl::print_json_or_yaml(mw::hub::findings_json(found), output);
    if (!mw::hub::is_dangerous(found)) return {};
    return mw::Error{mw::Errc::io_failed, "these settings are dangerous; see above"};
}

void add_hub_verb(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand("hub", "run a hub: broker, history, registry, API, live page");
    auto options = std::make_shared<mw::hub::HubOptions>();
    auto check = std::make_shared<bool>(false);
    sub->add_option("--data", options->directory, "its data directory")->required();
    sub->add_option("--listen", options->listen, "address of the TLS listeners");
    sub->add_option("--mqtt-port", options->mqtt_port, "MQTT over TLS; 0: any free one");
    sub->add_option("--websocket-port", options->websocket_port,
                    "MQTT over WebSocket and TLS (wss://HOST:PORT/mqtt); 0: any free one");
    sub->add_option("--api-port", options->api_port, "HTTPS for people; 0: any free one");
    sub->add_option("--devices-port", options->devices_port, "HTTPS for devices; 0: any free one");
    sub->add_option("--plain-mqtt-port", options->plain_mqtt_port,
                    "MQTT without TLS, loopback only; off by default");
    sub->add_option("--plain-websocket-port", options->plain_websocket_port,
                    "MQTT over WebSocket without TLS, loopback only; off by default");
    sub->add_option("--plain-api-port", options->plain_api_port,
                    "HTTP without TLS, loopback only; off by default");
    sub->add_option("--status-port", options->status_port,
                    "lists of revoked certificates and OCSP over HTTP for anybody; off by default");
    sub->add_option("--name", options->names, "DNS name in the hub's certificate; repeatable");
    sub->add_option("--address", options->addresses, "IP address in it; repeatable");
    sub->add_option("--log-level", options->log_level, "debug, info, warn, error, off");
    sub->add_option("--log-format", options->log_format, "text or json");
    sub->add_flag("--check", *check,
                  "say what these settings mean, and end: with code 1 if something is dangerous");
    mw::ctl::add_output_option(*sub, context, "of --check: table, json, yaml");
    sub->footer(
        "DATA/hub.yaml may set more: millwright config explain\n"
        "DATA/hub.json says where it listens.\n"
        "SIGHUP reads DATA/pki again (server certificate, issuing authority, crl.pem) and drops\n"
        "none but the connections of revoked certificates.");
    sub->callback([&context, options, check] {
        context.run([&]() -> mw::Result<> {
            if (!*check) return mw::hub::run_hub(*options);
            return tell_check(context, *options);
        });
    });
}

void add_config_verb(CLI::App& app, Context& context) {
    auto* config = app.add_subcommand("config", "about hub.yaml");
    config->require_subcommand(1);
    auto* sub = config->add_subcommand("explain", "every key with default, bounds and help");
    auto key = std::make_shared<std::string>();
    sub->add_option("key", *key, "only this section or key");
    sub->callback([&context, key] {
        context.run([&]() -> mw::Result<> {
            mw::hub::HubOptions options;
            const auto sections = mw::hub::describe(options);
            std::cout << mw::config::explain(sections, *key);
            return {};
        });
    });
}

void add_sim_verb(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand("sim", "make recordings of a simulated pump, faults included");
    auto options = std::make_shared<mw::sim::PumpOptions>();
    auto out = std::make_shared<std::string>();
    sub->add_option("--out", *out, "CSV file to write; - prints it")->required();
    sub->add_option("--rows", options->rows, "rows to write");
    sub->add_option("--interval", options->interval_ms, "milliseconds from row to row");
    sub->add_option("--fault-from", options->fault_from, "row at which the valve begins to close");
    sub->add_option("--fault-to", options->fault_to, "row at which it is open again");
    sub->add_option("--fault-every", options->fault_every, "the fault again, this many rows later");
    sub->add_option("--season", options->season, "K by which it is warmer; no fault");
    sub->add_option("--mains", options->mains, "V by which the mains are higher; no fault");
    sub->add_option("--shift", options->shift, "share by which it turns faster; no fault");
    sub->add_option("--seed", options->seed, "the same seed gives the same recording");
    sub->callback([&context, options, out] {
        context.run([&]() -> mw::Result<> {
            TRY(const std::string csv, mw::sim::pump_csv(*options));
            if (*out == "-") return std::cout << csv, mw::Result<>{};
            return mw::ctl::write_file(*out, csv);
        });
    });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Millwright takes an AIoT use case from pilot to fleet: devices by certificate, points "
        "judged and stored, models at the edge, alarms explained."};
    app.set_version_flag("--version", MW_VERSION);
    app.require_subcommand(1);
    app.footer(
        "First steps:\n  millwright hub --data DIR            run a hub\n  millwright login --data "
        "DIR "
        "         remember it\n  millwright get devices               look around\nThe whole "
        "story: "
        "./run in the source tree. Exit codes: 0 done, 2 invalid input, 3 not found, 4 denied, "
        "5 conflict, 1 the rest.");
    // What people do is told on standard output; log lines are for the hub.
    mw::log::configure({mw::log::Level::warn, mw::log::Format::text});
    Context context;
    app.add_option("--data", context.data_directory,
                   "the hub of this data directory, as its administrator, without a login");
    mw::ctl::add_login_verbs(app, context);
    mw::ctl::add_resource_verbs(app, context);
    mw::ctl::add_query_verb(app, context);
    mw::ctl::add_model_verbs(app, context);
    mw::ctl::add_pipeline_verbs(app, context);
    mw::ctl::add_energy_verbs(app, context);
    mw::ctl::add_firmware_verbs(app, context);
    mw::ctl::add_alarm_verbs(app, context);
    mw::ctl::add_monitor_verbs(app, context);
    mw::ctl::add_rollout_verbs(app, context);
    mw::ctl::add_usecase_verbs(app, context);
    mw::ctl::add_approve_verbs(app, context);
    mw::ctl::add_user_verbs(app, context);
    mw::ctl::add_certificate_verbs(app, context);
    mw::ctl::add_ca_verbs(app, context);
    mw::ctl::add_policy_verbs(app, context);
    mw::ctl::add_device_import_verb(app, context);
    mw::ctl::add_teaching_verbs(app, context);
    mw::ctl::add_audit_verbs(app, context);
    mw::ctl::add_gate_verbs(app, context);
    mw::ctl::add_dataset_verbs(app, context);
    mw::ctl::add_product_verbs(app, context);
    mw::ctl::add_label_verbs(app, context);
    mw::ctl::add_mqtt_verbs(app, context);
    mw::ctl::add_history_verbs(app, context);
    mw::ctl::add_backup_verbs(app, context);
    mw::ctl::add_load_verbs(app, context);
    mw::ctl::add_profile_verbs(app, context);
    mw::ctl::add_trust_verbs(app, context);
    add_hub_verb(app, context);
    add_config_verb(app, context);
    add_sim_verb(app, context);
    CLI11_PARSE(app, argc, argv);
    return context.exit_code();
}
