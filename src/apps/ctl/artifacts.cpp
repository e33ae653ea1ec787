#include "apps/ctl/artifacts.h"

#include <iostream>

#include "platform/crypto/crypto.h"

namespace mw::ctl {
namespace {

constexpr std::size_t dataset_bytes_max = 1'000'000'000;

}  // namespace

Result<VersionName> parse_version(const std::string& text) {
    const auto colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
        return Error{Errc::invalid_input, "'" + text + "' is not NAME:VERSION"};
    return VersionName{text.substr(0, colon), text.substr(colon + 1)};
}

Result<std::string> query_csv(Hub& hub, const std::string& sql) {
    http::Request request;
    request.method = http::Method::post;
    request.path = "/v1/query";
    request.headers.set("Accept", "text/csv");
    request.headers.set("Content-Type", "application/json");
    request.body = to_json(JsonObject{{"sql", sql}, {"limits", {{"time", "2m"}}}});
    TRY(auto response, hub.call(std::move(request)));
    return std::move(response.body);
}

Result<Json> upload_blob(Hub& hub, std::string bytes) {
    http::Request upload;
    upload.method = http::Method::post;
    upload.path = "/v1/blobs";
    upload.headers.set("Content-Type", "application/octet-stream");
    upload.body = std::move(bytes);
    TRY(const auto stored, hub.call(std::move(upload)));
    return parse_json(stored.body);
}

Result<std::string> download_dataset(Hub& hub, const Json& dataset) {
    const std::string name = cell(dataset, "name");
    const auto sha256 = find_string(dataset, "status.sha256");
    if (!sha256)
        return Error{Errc::conflict,
                     "dataset '" + name + "' is " + cell(dataset, "status.state") + ", not frozen"};
    std::string bytes;
    const auto take = [&bytes](std::string_view piece) -> Result<> {
        if (bytes.size() + piece.size() > dataset_bytes_max)
            return Error{Errc::overloaded, "the dataset is larger than 1 GB"};
        bytes += piece;
        return {};
    };
    TRY_VOID(hub.download("/v1/blobs/" + *sha256, take));
    if (to_hex(crypto::sha256(bytes_of(bytes))) != *sha256)
        return Error{Errc::corrupt, "the bytes of dataset '" + name + "' have another hash"};
    return bytes;
}

void add_assign_options(CLI::App& verb, AssignArguments& arguments) {
    verb.add_option("version", arguments.name, "NAME:VERSION")->required();
    verb.add_option("--device", arguments.devices, "a device; may be repeated");
    verb.add_option("-l,--selector", arguments.selector, "devices by label, as line=a");
}

Result<> assign(Context& context, const AssignArguments& arguments, const char* section,
                const char* plural) {
    TRY(const VersionName name, parse_version(arguments.name));
    TRY(Hub * hub, context.hub());
    TRY_VOID(hub->get("/v1/" + std::string(plural) + "/" + name.resource()));
    std::vector<std::string> devices = arguments.devices;
    if (!arguments.selector.empty()) {
        TRY(const JsonArray items, list_all(*hub, "devices", arguments.selector));
        for (const Json& item : items) devices.push_back(cell(item, "name"));
    }
    if (devices.empty())
        return Error{Errc::invalid_input,
                     "no device: want --device NAME or -l SELECTOR that matches"};
    for (const auto& device : devices) {
        const JsonObject entry{{name.name, {{"version", name.version}}}};
        const Json patch = {{"spec", JsonObject{{section, entry}}}};
        TRY_VOID(hub->send(http::Method::patch, "/v1/devices/" + device, patch));
        std::cout << "devices/" << device << " is to run " << arguments.name << '\n';
    }
    return {};
}

}  // namespace mw::ctl
