#include "fleet/convergence/desired.h"

#include "platform/crypto/crypto.h"

namespace mw::convergence {
namespace {

std::string hash_of(const Json& value) {
    const auto digest = crypto::sha256(bytes_of(to_json(value)));
    return to_hex(digest);
}

Json desired_models(const Resource& device, const std::map<std::string, Resource>& versions,
                    std::vector<std::string>& problems) {
    JsonObject models;
    const Json* wanted = find(device.spec, "models");
    if (!wanted || !wanted->is_object()) return models;
    for (const auto& [name, entry] : wanted->get_object()) {
        const std::string model(name);
        const std::string version = find_string(entry, "version").value_or("");
        const auto found = versions.find(model_version_name(model, version));
        if (found == versions.end()) {
            problems.push_back("model '" + model + "' has no version '" + version +
                               "'. Next step: millwright get model-versions");
            continue;
        }
        const Json& spec = found->second.spec;
        const std::string bundle = find_string(spec, "bundle").value_or("");
        models[name] = {{"version", version},
                        {"bundle", bundle},
                        {"size", find_integer(spec, "size").value_or(0)},
                        {"hash", bundle}};
    }
    return models;
}

Json desired_sources(const Resource& device) {
    JsonObject sources;
    const Json* wanted = find(device.spec, "sources");
    if (!wanted || !wanted->is_object()) return sources;
    for (const auto& [name, entry] : wanted->get_object()) {
        if (!entry.is_object()) continue;
        JsonObject source = entry.get_object();
        source["hash"] = hash_of(entry);
        sources[name] = std::move(source);
    }
    return sources;
}

}  // namespace

std::string model_version_name(std::string_view model, std::string_view version) {
    return std::string(model) + "--" + std::string(version);
}

Desired desired_of(const Resource& device, const std::map<std::string, Resource>& versions) {
    Desired desired;
    JsonObject document;
    document["generation"] = device.generation;
    document["asset"] = find_string(device.spec, "asset").value_or("");
    document["models"] = desired_models(device, versions, desired.problems);
    document["sources"] = desired_sources(device);
    document["firmware"] = JsonObject{};
    const Json* config = find(device.spec, "config");
    document["config"] = config && config->is_object() ? *config : Json(JsonObject{});
    desired.document = std::move(document);
    return desired;
}

}  // namespace mw::convergence
