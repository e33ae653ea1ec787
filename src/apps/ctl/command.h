#pragma once
// What all verbs share: where the login is, how output looks, how an error becomes an exit code.
// A verb is a function that fills in a CLI11 subcommand whose callback stores its outcome here.

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>

#include "apps/ctl/client.h"
#include "apps/ctl/table.h"

namespace mw::ctl {

enum class Output { table, wide, json, yaml, csv, ndjson, parquet };

class Context {
 public:
    std::string data_directory;  // --data: use the hub of this directory, without a login
    std::string output_text = "table";

    Result<Output> output() const;
    Result<Hub*> hub();  // opened at first use

    // Runs a verb and remembers its outcome for exit_code().
    void run(const std::function<Result<>()>& verb);
    int exit_code() const { return exit_code_; }

 private:
    std::unique_ptr<Hub> hub_;
    int exit_code_ = 0;
};

// 2 invalid input, 3 not found, 4 denied, 5 conflict, 1 the rest.
int exit_code_of(Errc code);

void add_output_option(CLI::App& verb, Context& context, const std::string& allowed);

void add_login_verbs(CLI::App& app, Context& context);
void add_resource_verbs(CLI::App& app, Context& context);
void add_query_verb(CLI::App& app, Context& context);
void add_model_verbs(CLI::App& app, Context& context);
void add_pipeline_verbs(CLI::App& app, Context& context);
void add_energy_verbs(CLI::App& app, Context& context);
void add_firmware_verbs(CLI::App& app, Context& context);
void add_alarm_verbs(CLI::App& app, Context& context);
void add_backup_verbs(CLI::App& app, Context& context);
void add_usecase_verbs(CLI::App& app, Context& context);
void add_approve_verbs(CLI::App& app, Context& context);
void add_user_verbs(CLI::App& app, Context& context);
void add_certificate_verbs(CLI::App& app, Context& context);
void add_ca_verbs(CLI::App& app, Context& context);
void add_policy_verbs(CLI::App& app, Context& context);
void add_device_import_verb(CLI::App& app, Context& context);
void add_teaching_verbs(CLI::App& app, Context& context);
void add_audit_verbs(CLI::App& app, Context& context);
void add_redact_verb(CLI::App& audit, Context& context);  // below `audit`
void add_gate_verbs(CLI::App& app, Context& context);
void add_dataset_verbs(CLI::App& app, Context& context);
void add_product_verbs(CLI::App& app, Context& context);
void add_label_verbs(CLI::App& app, Context& context);
void add_monitor_verbs(CLI::App& app, Context& context);
void add_rollout_verbs(CLI::App& app, Context& context);
void add_mqtt_verbs(CLI::App& app, Context& context);
void add_history_verbs(CLI::App& app, Context& context);
void add_load_verbs(CLI::App& app, Context& context);
void add_profile_verbs(CLI::App& app, Context& context);
void add_import_verb(CLI::App& history, Context& context);  // below `history`
void add_export_verb(CLI::App& history, Context& context);
void add_trust_verbs(CLI::App& app, Context& context);

// "devices", "device", "Device" -> the path segment "devices". invalid_input lists the kinds.
Result<std::string> plural_of(std::string_view text);
Result<std::string> plural_of_kind(std::string_view kind);

Result<std::string> read_file(const std::string& path);  // "-" is standard input
Result<> write_file(const std::string& path, std::string_view content);
// "key=value,key2=value2" filters as the API's labelSelector; the list of all pages.
Result<JsonArray> list_all(Hub& hub, const std::string& plural, const std::string& selector = "",
                           const std::string& fields = "");
// Until the resource is written again after `known`, which GET gave.
Result<> wait_for_change(Hub& hub, const std::string& plural, const std::string& name,
                         const Json& known);
// Creates or changes it, and tells what changed; what the hub refuses is the error.
Result<> apply_resource(Hub& hub, Json resource, bool dry_run);
void print_json_or_yaml(const Json& value, Output output);

}  // namespace mw::ctl
