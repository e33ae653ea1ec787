// firmware push, assign.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <iostream>

#include "apps/ctl/artifacts.h"

namespace mw::ctl {
namespace {

struct FirmwareArguments {
    std::string name, file, filename, description;
    std::string module = "directory";
    std::vector<std::string> classes;
};

Result<> push_firmware(Context& context, const FirmwareArguments& a) {
    TRY(const VersionName name, parse_version(a.name));
    TRY(std::string bytes, read_file(a.file));
    if (bytes.empty()) return Error{Errc::invalid_input, "'" + a.file + "' is empty"};
    if (a.file == "-" && a.filename.empty())
        return Error{Errc::invalid_input, "what comes from stdin needs --filename"};
    const std::size_t size = bytes.size();
    TRY(Hub * hub, context.hub());
    TRY(const Json blob, upload_blob(*hub, std::move(bytes)));
    const std::string filename =
        a.filename.empty() ? std::filesystem::path(a.file).filename().string() : a.filename;
    JsonObject spec{{"product", name.name},
                    {"version", name.version},
                    {"file", *find(blob, "sha256")},
                    {"filename", filename},
                    {"size", size},
                    {"module", a.module}};
    if (!a.classes.empty()) spec["device_classes"] = JsonArray(a.classes.begin(), a.classes.end());
    if (!a.description.empty()) spec["description"] = a.description;
    const Json firmware = {
        {"kind", "Firmware"}, {"name", name.resource()}, {"spec", std::move(spec)}};
    TRY_VOID(hub->send(http::Method::post, "/v1/firmwares", firmware));
    std::cout << "firmwares/" << name.resource() << " pushed, " << filename << " "
              << cell(blob, "sha256") << ", " << size << " bytes\n"
              << "Next step: millwright rollout start NAME --firmware --artifact " << a.name
              << " -l KEY=VALUE\n";
    return {};
}

}  // namespace

void add_firmware_verbs(CLI::App& app, Context& context) {
    auto* firmware = app.add_subcommand("firmware", "push and assign firmware");
    firmware->require_subcommand(1);
    auto* sub = firmware->add_subcommand("push", "store a file that an update module installs");
    auto a = std::make_shared<FirmwareArguments>();
    sub->add_option("version", a->name, "PRODUCT:VERSION")->required();
    sub->add_option("--file", a->file, "the file; - is stdin")->required();
    sub->add_option("--filename", a->filename, "the name that the module sees");
    sub->add_option("--module", a->module, "update module (Mender protocol v3) on the device")
        ->capture_default_str();
    sub->add_option("--class", a->classes, "only for this device class; may be repeated");
    sub->add_option("--description", a->description, "for people");
    sub->footer(
        "The module 'directory' comes with the gateway: it unpacks .tar files and swaps the "
        "folder\n"
        "DATA/firmware/PRODUCT by one rename.\n"
        "Example:\n  millwright firmware push pump-controller:2.1 --file controller-2.1.tar.gz");
    sub->callback([&context, a] { context.run([&] { return push_firmware(context, *a); }); });

    auto* give = firmware->add_subcommand("assign", "let devices install a version");
    auto b = std::make_shared<AssignArguments>();
    add_assign_options(*give, *b);
    give->callback([&context, b] {
        context.run([&] { return assign(context, *b, "firmware", "firmwares"); });
    });
}

}  // namespace mw::ctl
