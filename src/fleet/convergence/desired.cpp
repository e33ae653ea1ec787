#include "fleet/convergence/desired.h"

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace mw::convergence {
namespace {

// A device that reports nonsense can't push the counter out of JSON's exact numbers.
constexpr std::uint64_t counter_max = std::uint64_t{1} << 50;

std::string hash_of(const Json& value) {
    const auto digest = crypto::sha256(bytes_of(to_json(value)));
    return to_hex(digest);
}

const Json* entry_at(const Json& document, std::string_view section, std::string_view name) {
    const Json* part = find(document, section);
    return part && part->is_object() ? part->get_object().if_contains(name) : nullptr;
}

// One entry of models or firmware, while it is looked up.
struct Lookup {
    const Resource& device;
    const Releases& releases;
    const Json& before;
    Desired& desired;

    // The counter that the device may hold for this entry, from another version than this one.
    std::uint64_t known_counter(std::string_view section, std::string_view entry, const Word& word,
                                std::string_view version) const {
        std::uint64_t known = 0;
        if (const Json* reported = find(device.status, "reported"))
            if (const Json* said = entry_at(*reported, section, entry))
                known = static_cast<std::uint64_t>(
                    std::max<std::int64_t>(find_integer(*said, "counter").value_or(0), 0));
        if (const Json* sent = entry_at(before, section, entry);
            sent && find_string(*sent, "version") != version) {
            const auto release =
                identity::parse_release(find_string(*sent, "release").value_or(""));
            // As new as ours is too new: it was about another version.
            if (release && release->counter >= word.counter)
                known = std::max(known, release->counter + (release->counter == word.counter));
        }
        return std::min(known, counter_max);
    }

    // The version's resource and the hub's word about it. Null: said in `desired`.
    const Word* word(std::string_view section, std::string_view kind, std::string_view entry,
                     const std::string& name, std::string_view version) const {
        const Word* said = releases.word(kind, name);
        const std::uint64_t floor = said ? known_counter(section, entry, *said, version) : 0;
        if (said && floor <= said->counter) return said;
        if (const std::string* why = releases.why(kind, name))
            desired.problems.push_back(std::string(kind) + " '" + name +
                                       "' cannot be released: " + *why);
        else
            desired.unsaid.push_back({std::string(kind), name, floor});
        return nullptr;
    }
};

void put_release(JsonObject& entry, const Word& word) {
    entry["release"] = word.release.text;
    entry["signature"] = word.release.signature;
    entry["certificate"] = word.release.certificate;
}

// What a gate allows a bundle to cost on a device: the device measures it before it switches.
void put_budget(JsonObject& entry, const Resource& version) {
    const Json* budget = find(version.status, "budget");
    if (budget && budget->is_object()) entry["budget"] = *budget;
}

void put_model(JsonObject& models, const Lookup& look, const std::string& entry_name,
               const std::string& model, const std::string& version, const Json& assigned) {
    const std::string name = version_name(model, version);
    look.desired.versions.insert(name);
    const Resource* found = look.releases.find("ModelVersion", name);
    if (!found) {
        look.desired.problems.push_back("model '" + model + "' has no version '" + version +
                                        "'. Next step: millwright get model-versions");
        return;
    }
    const Word* word = look.word("models", "ModelVersion", entry_name, name, version);
    if (!word) return;
    const std::string bundle = find_string(found->spec, "bundle").value_or("");
    JsonObject entry{{"version", version},
                     {"bundle", bundle},
                     {"size", find_integer(found->spec, "size").value_or(0)},
                     {"hash", bundle}};
    put_budget(entry, *found);
    if (const Json* limits = find(assigned, "limits")) entry["limits"] = *limits;
    put_release(entry, *word);
    models[entry_name] = std::move(entry);
}

Json desired_models(const Lookup& look) {
    JsonObject models;
    const Json* wanted = find(look.device.spec, "models");
    if (!wanted || !wanted->is_object()) return models;
    for (const auto& [name, entry] : wanted->get_object()) {
        const std::string model(name);
        put_model(models, look, model, model, find_string(entry, "version").value_or(""), entry);
        if (const auto shadow = find_string(entry, "shadow"))
            put_model(models, look, model + ".shadow", model, *shadow, entry);
    }
    return models;
}

// An empty list of classes means all.
bool is_for(const Resource& firmware, const std::string& device_class) {
    const Json* classes = find(firmware.spec, "device_classes");
    if (!classes || !classes->is_array() || classes->get_array().empty()) return true;
    return std::ranges::any_of(classes->get_array(), [&](const Json& each) {
        return each.is_string() && each.get_string() == device_class;
    });
}

Json desired_firmware(const Lookup& look, const std::string& device_class) {
    JsonObject firmware;
    const Json* wanted = find(look.device.spec, "firmware");
    if (!wanted || !wanted->is_object()) return firmware;
    for (const auto& [key, entry] : wanted->get_object()) {
        const std::string product(key);
        const std::string version = find_string(entry, "version").value_or("");
        const std::string name = version_name(product, version);
        look.desired.versions.insert(name);
        const Resource* found = look.releases.find("Firmware", name);
        if (!found) {
            look.desired.problems.push_back("there is no Firmware '" + name +
                                            "'. Next step: millwright get firmwares");
            continue;
        }
        if (!is_for(*found, device_class)) {
            look.desired.problems.push_back("firmware '" + name + "' is not for device class '" +
                                            device_class + "'");
            continue;
        }
        const Word* word = look.word("firmware", "Firmware", product, name, version);
        if (!word) continue;
        const std::string file = find_string(found->spec, "file").value_or("");
        JsonObject object{{"version", version},
                          {"file", file},
                          {"filename", find_string(found->spec, "filename").value_or("")},
                          {"module", find_string(found->spec, "module").value_or("directory")},
                          {"size", find_integer(found->spec, "size").value_or(0)},
                          {"hash", file}};
        put_release(object, *word);
        firmware[product] = std::move(object);
    }
    return firmware;
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

Desired desired_of(const Resource& device, const Releases& releases, const Json& before,
                   const std::string& device_class) {
    Desired desired;
    const Lookup look{device, releases, before, desired};
    JsonObject document;
    document["generation"] = device.generation;
    document["asset"] = find_string(device.spec, "asset").value_or("");
    document["models"] = desired_models(look);
    document["sources"] = desired_sources(device);
    document["firmware"] = desired_firmware(look, device_class);
    const Json* config = find(device.spec, "config");
    document["config"] = config && config->is_object() ? *config : Json(JsonObject{});
    desired.document = std::move(document);
    return desired;
}

}  // namespace mw::convergence
