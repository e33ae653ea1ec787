#include "fleet/projection/view.h"

#include <tuple>

namespace mw::projection {
namespace {

constexpr int asset_depth_max = 32;

std::optional<std::vector<std::string>> names_at(const Json& spec, std::string_view path) {
    const Json* list = find(spec, path);
    if (!list || !list->is_array()) return std::nullopt;
    std::vector<std::string> names;
    for (const Json& name : list->get_array())
        if (name.is_string()) names.emplace_back(name.get_string());
    return names;
}

bool has_labels(const Resource& device, const Json* wanted) {
    if (!wanted || !wanted->is_object()) return true;
    for (const auto& [key, value] : wanted->get_object()) {
        const auto found = device.labels.find(std::string(key));
        if (found == device.labels.end() || !value.is_string() ||
            found->second != std::string_view(value.get_string()))
            return false;
    }
    return true;
}

query::Product product_of(const Resources& all, const Resource& resource) {
    query::Product product;
    product.name = resource.name;
    product.devices = names_at(resource.spec, "select.devices");
    product.signals = names_at(resource.spec, "select.signals");
    const Json* labels = find(resource.spec, "select.labels");
    if (labels && labels->is_object() && !labels->get_object().empty()) {
        std::vector<std::string> matching;
        for (const auto& [name, device] : all.devices) {
            const bool listed = !product.devices || std::count(product.devices->begin(),
                                                               product.devices->end(), name) > 0;
            if (listed && has_labels(device, labels)) matching.push_back(name);
        }
        product.devices = std::move(matching);
    }
    return product;
}

}  // namespace

std::string site_of(const ByName& assets, std::string asset) {
    for (int depth = 0; depth < asset_depth_max; ++depth) {
        const auto found = assets.find(asset);
        if (found == assets.end()) return "";
        if (auto site = find_string(found->second.spec, "site"); site && !site->empty())
            return *site;
        asset = find_string(found->second.spec, "parent").value_or("");
    }
    return "";
}

quality::Rules ProfileRules::of(const Resource& profile) {
    const auto [at, is_new] = made_.try_emplace(profile.name);
    Made& made = at->second;
    const bool same = made.generation == profile.generation && made.created == profile.created;
    if (!is_new && same) return made.rules;
    // A profile was checked when it was stored.
    auto rules = quality::rules_from_profile(profile.name, profile.spec);
    made = {profile.created, profile.generation, rules ? std::move(*rules) : nullptr};
    return made.rules;
}

void ProfileRules::keep_only(const ByName& profiles) {
    std::erase_if(made_, [&](const auto& made) { return !profiles.contains(made.first); });
}

ingest::DeviceFacts facts_of(const Resources& all, const Resource& device, ProfileRules& rules) {
    ingest::DeviceFacts facts;
    facts.asset = find_string(device.spec, "asset").value_or("");
    facts.site = site_of(all.assets, facts.asset);
    const auto profile = all.profiles.find(find_string(device.spec, "profile").value_or(""));
    if (profile != all.profiles.end()) facts.rules = rules.of(profile->second);
    return facts;
}

history::ContextSnapshot context_of(const Resources& all) {
    auto context = std::make_shared<history::Context>();
    for (const auto& [name, device] : all.devices) {
        const std::string asset = find_string(device.spec, "asset").value_or("");
        (*context)[name] = {asset, site_of(all.assets, asset)};
    }
    return context;
}

std::shared_ptr<const query::Products> products_of(const Resources& all) {
    auto products = std::make_shared<query::Products>();
    for (const auto& [name, resource] : all.products)
        products->push_back(product_of(all, resource));
    return products;
}

EdgeNodes edge_nodes_of(const Resources& all) {
    std::map<std::tuple<std::string, std::string, std::string>, const Resource*> owners;
    EdgeNodes nodes;
    const auto is_older = [](const Resource& a, const Resource& b) {
        return std::tie(a.created, a.name) < std::tie(b.created, b.name);
    };
    for (const auto& [name, device] : all.devices) {
        const auto group = find_string(device.spec, "sparkplug.group");
        const auto node = find_string(device.spec, "sparkplug.node");
        if (!group || !node) continue;
        const auto behind = find_string(device.spec, "sparkplug.device").value_or("");
        const Resource*& owner = owners[{*group, *node, behind}];
        if (owner != nullptr)
            nodes.refused.push_back(is_older(device, *owner) ? owner->name : name);
        if (owner == nullptr || is_older(device, *owner)) owner = &device;
    }
    auto addresses = std::make_shared<sparkplug::Addresses>();
    for (const auto& [address, owner] : owners) {
        const auto& [group, node, behind] = address;
        addresses->emplace(owner->name, sparkplug::Address{group, node, behind});
    }
    nodes.addresses = std::move(addresses);
    return nodes;
}

std::shared_ptr<const Parents> parents_of(const Resources& all) {
    auto parents = std::make_shared<Parents>();
    for (const auto& [name, device] : all.devices)
        if (auto parent = find_string(device.spec, "parent"); parent && !parent->empty())
            (*parents)[name] = *parent;
    return parents;
}

}  // namespace mw::projection
